/** Builds the console for production, when its inputs changed since the last time. */
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT, type StateFolder } from '../checkout.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { packageProgram, runQuietly } from '../program.ts';
import { unlessFresh } from '../stamp.ts';
import { PROGRAMS } from './site.ts';

const WEB = path.join(ROOT, 'apps/web');
const INPUTS = [
  'apps/web',
  'packages/core/src',
  'packages/db/src',
  'packages/hl7/src',
  'packages/log/src',
  'packages/shared/src',
  'package-lock.json',
  'tsconfig.base.json',
];

/** Whether this checkout has a console to build. */
export function hasConsole(): boolean {
  return existsSync(path.join(WEB, 'src/app'));
}

/** @returns whether it was built now. @throws with the end of the build's output, which is whole in the logs folder. */
export function ensureConsole(state: StateFolder): Promise<boolean> {
  // Built for the checkout, not for one state folder: the stamp lies with the product.
  const stamp = path.join(WEB, '.next', 'inputs.stamp');
  return unlessFresh(
    stamp,
    INPUTS.map((input) => path.join(ROOT, input)),
    PROGRAMS.console,
    async () => {
      const { code, output } = await runQuietly({
        ...packageProgram('next', ['build'], WEB),
        env: { NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' },
      });
      const log = path.join(state.logs, 'console-build.log');
      mkdirSync(state.logs, { recursive: true });
      writeFileSync(log, output, { mode: 0o600 });
      if (code !== 0)
        throw new CommandFailure(
          EXIT.failed,
          `the console does not build (${log}):\n${output.split('\n').slice(-30).join('\n')}`,
        );
      // The standalone server brings its code, not the files that browsers fetch.
      const standalone = path.dirname(PROGRAMS.console);
      for (const [from, to] of [
        ['.next/static', '.next/static'],
        ['public', 'public'],
      ] as const) {
        rmSync(path.join(standalone, to), { recursive: true, force: true });
        if (existsSync(path.join(WEB, from)))
          cpSync(path.join(WEB, from), path.join(standalone, to), { recursive: true });
      }
    },
  );
}
