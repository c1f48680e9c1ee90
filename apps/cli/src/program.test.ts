import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect, test } from 'vitest';

/** What a program of ours shows that runs another one. */
function shown(on: string) {
  const module = path.join(import.meta.dirname, 'program.ts');
  const run = { command: process.execPath, args: ['-e', "console.log('words'); console.error('doubts')"] };
  const program = `import { runShown } from ${JSON.stringify(module)}; await runShown(${JSON.stringify(run)}, ${JSON.stringify(on)}); console.log('ours');`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
}

test('a program that is shown writes where we do', () => {
  expect(shown('ours')).toMatchObject({ stdout: 'words\nours\n', stderr: 'doubts\n' });
});

test('standard output can be left to us: the other program writes to standard error alone', () => {
  expect(shown('stderr')).toMatchObject({ stdout: 'ours\n', stderr: 'words\ndoubts\n' });
});
