/** Answers that are lost, late, foreign, broken or slow: nobody is credited wrongly, order holds, only heads repeat (G8, G15). */
import type { Fault } from '@inorder/simulator';
import { eventually } from '@inorder/testkit/eventually';
import { expect, test } from 'vitest';
import {
  allSettled,
  attemptsOf,
  brokenNumbers,
  controlId,
  countersOf,
  deadLettersOf,
  incidentsOf,
  numbersOf,
  startRig,
} from './rig.ts';

const ACK_TIMEOUT_MS = 400;

interface Trouble {
  readonly name: string;
  readonly fault: Fault;
  /** What the first try of number 3 is written down as; null: it is simply acknowledged. */
  readonly code: string | null;
}

const TROUBLES: readonly Trouble[] = [
  { name: 'an answer that is lost', fault: { kind: 'dropAnswer' }, code: 'MLLP_ACK_TIMEOUT' },
  { name: 'an answer that is late', fault: { kind: 'delay', ms: ACK_TIMEOUT_MS * 3 }, code: 'MLLP_ACK_TIMEOUT' },
  {
    name: 'an answer to somebody else',
    fault: { kind: 'wrongId', controlId: controlId(2) },
    code: 'MLLP_ACK_MISMATCH',
  },
  { name: 'an answer that is junk', fault: { kind: 'junk', text: 'not an acknowledgement' }, code: 'MLLP_ACK_JUNK' },
  { name: 'a half-closed connection', fault: { kind: 'halfClose' }, code: 'MLLP_CONNECTION_LOST' },
  { name: 'a reset connection', fault: { kind: 'reset' }, code: 'MLLP_CONNECTION_LOST' },
  { name: 'half an answer', fault: { kind: 'closeInTheMiddle' }, code: 'MLLP_CONNECTION_LOST' },
  { name: 'an answer byte by byte', fault: { kind: 'slowBytes', everyMs: 1 }, code: null },
];

test('G8, G15: lost, late, foreign, broken and slow answers credit nobody: the head alone is sent again, with its control id', async () => {
  const codes = TROUBLES.map((_, i) => `LAB-000${i + 1}`);
  await using rig = await startRig({
    codes,
    destination: { ackTimeoutMs: ACK_TIMEOUT_MS },
    delivery: { retryDelayMs: [50] },
  });
  for (const [i, { fault, name }] of TROUBLES.entries()) {
    rig.lis.switches.set({ id: name, controlId: controlId(3, codes[i]), times: 1, fault });
  }
  await rig.start();
  for (let n = 1; n <= 5; n += 1) for (const code of codes) rig.send(n, { code });
  await allSettled(rig, 5 * codes.length);

  for (const [i, trouble] of TROUBLES.entries()) {
    const code = codes[i] ?? '';
    const attempts = (await attemptsOf(rig, code)).filter((a) => a.n === 3);
    expect(await numbersOf(rig, code), trouble.name).toEqual(
      [1, 2, 3, 4, 5].map((n) => ({ n, status: 'DELIVERED', settled: true })),
    );
    if (trouble.code === null) {
      expect(countersOf(rig, code), trouble.name).toEqual([1, 2, 3, 4, 5]);
      expect(attempts, trouble.name).toMatchObject([{ kind: 'FIRST', outcome: 'ACKED' }]);
    } else {
      expect(countersOf(rig, code), trouble.name).toEqual([1, 2, 3, 3, 4, 5]);
      expect(attempts, trouble.name).toMatchObject([
        { kind: 'FIRST', outcome: 'UNKNOWN', code: trouble.code, control: controlId(3, code) },
        { kind: 'RESEND', outcome: 'ACKED', code: null, control: controlId(3, code) },
      ]);
    }
  }
  expect(rig.lis.judge.report()).toMatchObject({
    missing: 0,
    orderViolations: 0,
    headRepeats: TROUBLES.length - 1,
    notTaken: 0,
  });
  expect(await rig.query('SELECT 1 FROM dead_letter')).toEqual([]);
  expect(await brokenNumbers(rig)).toEqual([]);
});

test('G8: a message that is taken and never answered, while others are, ends as a suspect and is passed', async () => {
  await using rig = await startRig({
    codes: ['LAB-0001', 'LAB-0002'],
    destination: { ackTimeoutMs: 150 },
    delivery: { retryDelayMs: [50] },
  });
  rig.lis.switches.set({ id: 'never', controlId: controlId(2), fault: { kind: 'dropAnswer' } });
  await rig.start();
  for (const n of [1, 2, 3]) rig.send(n);
  await eventually('the first unknown outcome is written down', async () =>
    (await attemptsOf(rig)).some((a) => a.outcome === 'UNKNOWN'),
  );
  // The laboratory is there: it answers somebody else.
  for (const n of [1, 2, 3]) rig.send(n, { code: 'LAB-0002' });
  await allSettled(rig, 6);

  expect(countersOf(rig)).toEqual([1, 2, 2, 2, 2, 3]);
  expect((await numbersOf(rig)).map((row) => row.status)).toEqual(['DELIVERED', 'FAILED', 'DELIVERED']);
  expect(await deadLettersOf(rig)).toMatchObject([{ n: 2, code: 'LANE_NO_ANSWER_SUSPECT', maybe: true, attempts: 4 }]);
});

test('G8: a laboratory that answers nobody is down: the lane alone on it waits, nothing is dead-lettered', async () => {
  await using rig = await startRig({ destination: { ackTimeoutMs: 150 }, delivery: { retryDelayMs: [50] } });
  const engine = await rig.start();
  rig.send(1);
  await allSettled(rig, 1);
  rig.lis.switches.set({ id: 'silent', fault: { kind: 'dropAnswer' } });
  for (const n of [2, 3]) rig.send(n);
  await eventually('the lane waits for its destination', async () =>
    (await engine.lanes()).some((lane) => lane.state === 'ENDPOINT_DOWN'),
  );
  await eventually('one incident names the message', async () =>
    (await rig.query<{ detail: string }>('SELECT detail FROM incident WHERE closed_at IS NULL')).some((i) =>
      i.detail.includes('#2'),
    ),
  );
  // Three probes more, and still no dead letter.
  const seen = rig.received.length;
  await eventually('probes go on', () => rig.received.length >= seen + 2);
  expect(await rig.query('SELECT 1 FROM dead_letter')).toEqual([]);
  rig.lis.switches.clear();
  await allSettled(rig, 3);
  expect([...new Set(countersOf(rig))]).toEqual([1, 2, 3]);
  expect(rig.lis.judge.report()).toMatchObject({ missing: 0, orderViolations: 0, notTaken: 0 });
  expect((await incidentsOf(rig)).filter((i) => i.open)).toEqual([]);
});
