/** What `inorder check` looks at, as data. Each step is a program's run; its exit code is the verdict. */
import { existsSync, globSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../checkout.ts';
import { type Ended, packageProgram, runQuietly } from '../program.ts';
import { schemaDrift } from './schema-drift.ts';

export interface CheckStep {
  readonly name: string;
  run(): Promise<Ended>;
}

/** The steps, the longest first, so that two at a time end together. */
export function checkSteps(): CheckStep[] {
  return [
    program('boundaries', 'depcruise', ['--config', '.dependency-cruiser.cjs', 'apps', 'packages', 'e2e', 'bench']),
    { name: 'schema drift', run: schemaDrift },
    program('dead code', 'knip', ['--no-progress', '--no-config-hints']),
    ...typeProjects().map((project) => program(`types ${path.dirname(project)}`, 'tsc', ['--noEmit', '-p', project])),
    program('promises and switches', 'oxlint', ['--type-aware']),
    program('format and lint', 'biome', ['check', '--error-on-warnings', '--max-diagnostics=50', '.']),
  ];
}

function program(name: string, command: string, args: readonly string[]): CheckStep {
  return { name, run: () => runQuietly(packageProgram(command, args)) };
}

/** Every tsconfig of a package; core has a second one for its tests, which may know Node. */
function typeProjects(): string[] {
  return ['apps/*', 'packages/*', 'e2e', 'bench', 'tools']
    .flatMap((pattern) => globSync(`${pattern}/tsconfig{,.test}.json`, { cwd: ROOT }))
    .filter((project) => hasSources(path.join(ROOT, path.dirname(project))))
    .sort();
}

/** tsc calls a package without a file an error; one that was just laid out has none. */
function hasSources(folder: string): boolean {
  return existsSync(folder) && globSync('{*.ts,{src,test,tests,journeys}/**/*.{ts,tsx}}', { cwd: folder }).length > 0;
}
