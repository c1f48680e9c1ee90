import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { eventually } from './eventually.ts';

const CHILD = `
  const { testBroker } = await import('${new URL('./broker-services.ts', import.meta.url).href}');
  const broker = await testBroker('artemis');
  console.log(broker === undefined ? 'none' : broker.pid + ' ' + broker.setup.folder);
  setInterval(() => undefined, 1_000);
`;

test('a broker ends, and its folder goes, when the test run that started it is killed', async ({ skip }) => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', CHILD], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line = ''] = await new Promise<string[]>((resolve) => {
      createInterface({ input: child.stdout }).once('line', (text) => resolve([text]));
      child.once('exit', () => resolve([]));
    });
    if (line === 'none') return skip('Artemis cannot run here');
    const [pid = '', folder = ''] = line.split(' ');
    expect(isAlive(Number(pid))).toBe(true);
    child.kill('SIGKILL');
    await eventually('broker and folder are gone', () => !isAlive(Number(pid)) && !existsSync(folder));
  } finally {
    child.kill('SIGKILL');
  }
}, 120_000);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
