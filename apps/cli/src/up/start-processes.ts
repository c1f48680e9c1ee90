/** The engines and the console of a run; a part that is not in this checkout is said to be left out. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Run } from './run.ts';
import { consoleAddress, consoleProcess, engineAdminAddress, engineProcess, isPresent, type Site } from './site.ts';

/** Starting is work for the processor: more at a time would only make each of them late. */
const ENGINE_STARTS_MAX = 4;

export async function startEngines(run: Run, site: Site): Promise<void> {
  if (!isPresent('engine')) return run.progress.say('engine: left out, it is not in this checkout');
  const left = site.engines.values();
  const startNext = async (): Promise<void> => {
    for (const engine of left) {
      const spec = engineProcess(site, engine);
      mkdirSync(path.join(run.state.path, spec.name), { recursive: true, mode: 0o700 });
      await run.step(
        spec.name,
        () => run.startProcess(spec),
        () => rolesText(engine.roles),
      );
    }
  };
  await Promise.all(Array.from({ length: ENGINE_STARTS_MAX }, startNext));
  const [first] = site.engines;
  if (first !== undefined) run.recordEndpoints({ engineAdmin: engineAdminAddress(first.adminPort) });
}

export async function startConsole(run: Run, site: Site): Promise<void> {
  if (!isPresent('console')) return run.progress.say('console: left out, it is not in this checkout');
  await run.step('console server', () => run.startProcess(consoleProcess(site)));
  run.recordEndpoints({ console: consoleAddress(site) });
}

/** What the name of the process does not say. */
function rolesText(roles: readonly string[]): string {
  if (roles.length === 1) return '';
  return roles.length > 2 ? 'all roles' : `with ${roles.slice(1).join(', ')}`;
}
