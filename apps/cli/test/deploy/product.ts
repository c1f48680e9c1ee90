/** What the product says of itself, read from its sources: an app may not import another, and files cannot be imported. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../../../..');
export const DEPLOY = path.join(ROOT, 'deploy');

export function source(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8');
}

/** Settings of a schema in a source file: name → whether it has to be given. */
function settingsOf(file: string): Map<string, boolean> {
  const settings = new Map<string, boolean>();
  const lines = source(file).split('\n');
  for (const [index, line] of lines.entries()) {
    const name = /^ {2}([A-Z][A-Z0-9_]+):/.exec(line)?.[1];
    if (name === undefined) continue;
    // A setting's schema goes on until the next one or the end of the object.
    const rest = lines.slice(index + 1);
    const length = rest.findIndex((each) => /^ {2}([A-Z][A-Z0-9_]+:|\/\*\*)|^\}/.test(each));
    const text = [line, ...rest.slice(0, length)].join('\n');
    settings.set(name, !/\.(default|optional)\(/.test(text));
  }
  if (settings.size === 0) throw new Error(`${file} has no settings that can be read here`);
  return settings;
}

export const ENGINE_SETTINGS = settingsOf('apps/engine/src/config.ts');
/** PORT, HOSTNAME: Next.js; INORDER_LOG_LEVEL: read by its log. */
export const CONSOLE_SETTINGS = new Map([
  ...settingsOf('apps/web/src/env.ts'),
  ...['PORT', 'HOSTNAME', 'INORDER_LOG_LEVEL'].map((name) => [name, false] as const),
]);

/** Words of INORDER_ROLES. */
export const ROLES = (/ROLES = \[([^\]]+)\]/.exec(source('apps/engine/src/config.ts'))?.[1] ?? '')
  .split(',')
  .map((word) => word.trim().replaceAll("'", ''))
  .filter((word) => word !== '');

/** How long an engine may take to stop. */
export const STOP_MS_MAX = Number(
  (
    /STOP_MS_MAX = ([\d_]+)/.exec(globSync('apps/engine/src/{,*/}*.ts', { cwd: ROOT }).map(source).join('\n'))?.[1] ??
    'nothing'
  ).replaceAll('_', ''),
);

/** How long a console may take to stop: its drain, unless a setting shortens it, and its close. */
export const CONSOLE_STOP_MS_MAX =
  numberIn('apps/web/src/env.ts', /INORDER_DRAIN_MS: .*\.default\((\d+)\)/) +
  numberIn('apps/web/src/server/operations/stop.ts', /CLOSE_MS_MAX = (\d+)/);

function numberIn(file: string, pattern: RegExp): number {
  const found = pattern.exec(source(file))?.[1];
  if (found === undefined) throw new Error(`${file} has no ${pattern.source}`);
  return Number(found);
}

/** Whether engine or console answer a GET at this path. */
export function answers(app: 'engine' | 'console', where: string): boolean {
  return app === 'console'
    ? existsSync(path.join(ROOT, 'apps/web/src/app', where, 'route.ts'))
    : source('apps/engine/src/admin/server.ts').includes(`app.get('${where}'`);
}

export const HEADING = /Linted, not yet run/;

/** Why an image's name is not good enough; undefined where it is. */
export function imageProblem(image: unknown): string | undefined {
  if (typeof image !== 'string') return 'has no image';
  const tag = /:([^:/]+)$/.exec(image)?.[1];
  if (tag === undefined) return `${image} has no tag`;
  return /^latest$|^\d+$/.test(tag) ? `${image} may be another one tomorrow` : undefined;
}
