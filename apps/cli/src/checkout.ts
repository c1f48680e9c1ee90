/** Where things lie in this checkout. `.inorder` holds everything a run makes; deleting it (when stopped) is a fresh start. */
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../../..');

export interface StateFolder {
  readonly path: string;
  readonly logs: string;
  readonly runFile: string;
  readonly secrets: string;
  /** What commands sign in to the console with. */
  readonly cliToken: string;
  readonly stamps: string;
  readonly postgres: string;
}

/** The folder of a run's state. `INORDER_STATE_DIR` lets tests, and a second instance of one clone, have their own. */
export function stateFolder(folder = process.env['INORDER_STATE_DIR'] ?? path.join(ROOT, '.inorder')): StateFolder {
  return {
    path: folder,
    logs: path.join(folder, 'logs'),
    runFile: path.join(folder, 'run.json'),
    secrets: path.join(folder, 'secrets.json'),
    cliToken: path.join(folder, 'cli-token'),
    stamps: path.join(folder, 'stamps'),
    postgres: path.join(folder, 'postgres'),
  };
}
