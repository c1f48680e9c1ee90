/** What a message does that cannot be processed or delivered: nothing, to anybody else (G6, G16, G20). */
import { eventually } from '@inorder/testkit/eventually';
import { expect, test } from 'vitest';
import { allSettled, brokenNumbers, controlId, countersOf, deadLettersOf, numbersOf, startRig } from './rig.ts';

test('G6: an unknown code at 3 ends as a dead letter that names segment, field and code; 4 and 5 arrive', async () => {
  await using rig = await startRig();
  await rig.start();
  for (const n of [1, 2, 3, 4, 5]) rig.send(n, n === 3 ? { poison: 'unknownCode' } : {});
  await allSettled(rig, 5);

  expect(countersOf(rig)).toEqual([1, 2, 4, 5]);
  expect((await numbersOf(rig)).map((row) => row.status)).toEqual([
    'DELIVERED',
    'DELIVERED',
    'FAILED',
    'DELIVERED',
    'DELIVERED',
  ]);
  expect(await deadLettersOf(rig)).toEqual([
    expect.objectContaining({
      n: 3,
      stage: 'ENRICH',
      code: 'ENRICH_CODE_UNKNOWN',
      path: expect.stringMatching(/^OBR(\[1\])?-4/),
      value: expect.stringMatching(/^ZZ-90\d$/),
      maybe: false,
    }),
  ]);
  expect(await brokenNumbers(rig)).toEqual([]);
});

test('G6: an order the laboratory answers AE is tried four times with the same control id, dead-lettered and passed', async () => {
  await using rig = await startRig({ delivery: { retryDelayMs: [50, 100, 150] } });
  await rig.start();
  for (const n of [1, 2, 3, 4]) rig.send(n, n === 2 ? { poison: 'nackCode' } : {});
  await allSettled(rig, 4);

  expect(countersOf(rig)).toEqual([1, 2, 2, 2, 2, 3, 4]);
  expect(await deadLettersOf(rig)).toEqual([
    expect.objectContaining({ n: 2, stage: 'DELIVER', code: 'MLLP_NACK_ERROR', attempts: 4, maybe: false }),
  ]);
  expect(rig.lis.judge.report()).toMatchObject({ missing: 0, orderViolations: 0, notTaken: 0, headRepeats: 3 });
  expect(await brokenNumbers(rig)).toEqual([]);
});

test('G6: a NACK whose ERR names a field is dead-lettered at once with that field', async () => {
  await using rig = await startRig();
  await rig.start();
  rig.lis.switches.set({
    id: 'refuse 2',
    controlId: controlId(2),
    fault: { kind: 'answer', code: 'AE', errorCode: '101' },
  });
  for (const n of [1, 2, 3]) rig.send(n);
  await eventually('3 arrives', () => countersOf(rig).includes(3));
  await allSettled(rig, 3);
  expect(countersOf(rig)).toEqual([1, 2, 3]);
  expect(await deadLettersOf(rig)).toEqual([
    expect.objectContaining({ n: 2, stage: 'DELIVER', code: 'MLLP_NACK_CONTENT', attempts: 1 }),
  ]);
});
