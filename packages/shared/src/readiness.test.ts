import { ManualClock } from '@inorder/testkit/manual-clock';
import { expect, test } from 'vitest';
import { type Dependency, Readiness, readinessSchema } from './readiness.ts';

const hangs = (): Promise<void> => new Promise(() => undefined);
const answers = async (): Promise<void> => undefined;
const fails = async (): Promise<void> => {
  throw new Error('connect to 10.0.0.7 failed');
};

function readiness(dependencies: readonly Dependency[], isServing = true) {
  const clock = new ManualClock();
  return { clock, readiness: new Readiness(dependencies, clock, () => isServing) };
}

test('G19: the answer comes within the longest time-out, whatever hangs, and names what did', async () => {
  const { clock, readiness: asked } = readiness([
    { name: 'postgres', timeoutMs: 2000, check: answers },
    { name: 'hangs', timeoutMs: 500, check: hangs },
    { name: 'hangs longer', timeoutMs: 1500, check: hangs },
  ]);
  const report = asked.look();
  clock.advance(1500);
  expect(readinessSchema.parse(await report)).toEqual({
    ready: false,
    serving: true,
    dependencies: [
      { name: 'postgres', ok: true, ms: expect.any(Number), detail: 'answers', required: true },
      { name: 'hangs', ok: false, ms: expect.any(Number), detail: 'no answer within 500 ms', required: true },
      { name: 'hangs longer', ok: false, ms: expect.any(Number), detail: 'no answer within 1500 ms', required: true },
    ],
  });
  expect(clock.pending).toBe(0);
});

test('G19: a question without an answer is not asked again', async () => {
  let asked = 0;
  let answer = (): void => undefined;
  const check = (): Promise<void> => {
    asked += 1;
    return new Promise((resolve) => {
      answer = resolve;
    });
  };
  const { clock, readiness: subject } = readiness([{ name: 'postgres', timeoutMs: 100, check }]);
  for (let i = 0; i < 5; i++) {
    const report = subject.look();
    clock.advance(100);
    expect((await report).ready).toBe(false);
  }
  expect(asked).toBe(1);
  const report = subject.look();
  answer();
  expect((await report).ready).toBe(true);
  const next = subject.look();
  expect(asked).toBe(2);
  answer();
  await next;
});

test('G11: what is not required may be away', async () => {
  const { readiness: subject } = readiness([{ name: 'redis', required: false, check: fails }]);
  const report = await subject.look();
  expect(report.ready).toBe(true);
  // G18: an error's text is not shown.
  expect(report.dependencies).toMatchObject([{ ok: false, detail: 'does not answer (Error)', required: false }]);
});

test('a process that starts or stops is not ready', async () => {
  const { readiness: subject } = readiness([{ name: 'postgres', check: answers }], false);
  expect(await subject.look()).toMatchObject({ ready: false, serving: false });
});
