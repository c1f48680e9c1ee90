import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { expect, test } from 'vitest';

const MODULE = JSON.stringify(path.join(import.meta.dirname, 'log-stream.ts'));

/** A process of its own with the stream on its standard output, a pipe. Told on standard error how far it is. */
function program(body: string): {
  child: ChildProcess;
  ended: Promise<unknown[]>;
  said: (word: string) => Promise<void>;
} {
  const script = `import { LogStream } from ${MODULE};
    const say = (word) => process.stderr.write(word + '\\n');
    const told = () => new Promise((resolve) => process.stdin.once('data', resolve));
    ${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
  let words = '';
  child.stderr.on('data', (chunk) => {
    words += String(chunk);
  });
  const said = async (word: string): Promise<void> => {
    while (!words.includes(word)) await once(child.stderr, 'data');
  };
  return { child, ended: once(child, 'close'), said };
}

async function textOf(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout ?? []) text += String(chunk);
  return text;
}

test('every line arrives, in order but for those of the exit itself', async () => {
  const { child, ended } = program(`
    const log = new LogStream();
    for (let i = 0; i < 5_000; i++) log.write(i + '\\n');
    await new Promise(setImmediate);
    log.write('last\\n');
    process.exit(3);`);
  const lines = (await textOf(child)).trimEnd().split('\n');
  const numbers = Array.from({ length: 5_000 }, (_, i) => String(i));
  expect(lines.filter((line) => line !== 'last')).toEqual(numbers);
  expect(lines).toHaveLength(5_001);
  expect((await ended)[0]).toBe(3);
});

test('G19: with its reader gone the process goes on, and ends when it wants to', async () => {
  const { child, ended, said } = program(`
    const log = new LogStream();
    log.write('first\\n');
    await told();
    for (const line of ['b', 'c', 'd']) log.write(line + '\\n');
    say('written');
    await told();
    for (const line of ['e', 'f', 'g']) log.write(line + '\\n');
    process.exit(4);`);
  await once(child.stdout ?? child, 'data');
  child.stdout?.destroy();
  child.stdin?.write('go\n');
  await said('written');
  child.stdin?.write('go\n');
  expect((await ended)[0]).toBe(4);
});

test('G19: a process that exits in the turn in which its reader went ends all the same', async () => {
  const { child, ended } = program(`
    const log = new LogStream();
    log.write('first\\n');
    await told();
    for (const line of ['b', 'c', 'd']) log.write(line + '\\n');
    process.exit(5);`);
  await once(child.stdout ?? child, 'data');
  child.stdout?.destroy();
  child.stdin?.write('go\n');
  expect((await ended)[0]).toBe(5);
});

test('G19: a reader that stands still costs lines, which are counted, and delays nobody', async () => {
  const { child, ended, said } = program(`
    const log = new LogStream(1, 100_000);
    const line = 'x'.repeat(999) + '\\n';
    for (let turn = 0; turn < 20; turn++) {
      for (let i = 0; i < 100; i++) log.write(line);
      await new Promise(setImmediate);
    }
    say('written');
    await told();
    log.write('after\\n');
    process.exitCode = 6;
    process.stdin.unref();`);
  await said('written');
  // Nobody has read so far. What is dropped is told before the next line that is taken.
  let text = '';
  child.stdout?.on('data', (chunk) => {
    text += String(chunk);
  });
  const lines = (): string[] => text.split('\n').slice(0, -1);
  const kept = (): number => lines().filter((line) => line.startsWith('x')).length;
  const dropped = (): number =>
    lines()
      .filter((line) => line.includes('log lines dropped'))
      .reduce((sum, line) => sum + Number(JSON.parse(line).lines), 0);
  while (kept() + dropped() < 2_000) await once(child.stdout ?? child, 'data');
  expect(dropped()).toBeGreaterThan(1_000);
  child.stdin?.end('go\n');
  expect((await ended)[0]).toBe(6);
  expect(kept() + dropped()).toBe(2_000);
  expect(lines().at(-1)).toBe('after');
});
