/** The product's two scenarios, to the letter, as the console shows them while they go on. */
import { becomeReady, type StoredStatus, storeNumbers } from '../running/stored-numbers.ts';
import { expect, test } from './journey.ts';
import { expectRibbon, fact, openLane, reasonOf, sentence } from './lane-page.ts';

test('Scenario 1: 1 and 2 failed, 3 is ready: 1 and 2 are passed with their reason, 3 is delivered, checkpoint 3', async ({
  page,
  laboratory,
}) => {
  const lab = await laboratory('SCENE-1', { enabled: false });
  await storeNumbers(lab, ['FAILED', 'FAILED', 'PROCESSED'], 0);
  await page.goto(`/interfaces/${lab.code}`);
  await expect(fact(page, 'Checkpoint')).toHaveText('0');
  await expectRibbon(page, ['FAILED', 'FAILED', 'READY']);
  for (const number of [1, 2]) {
    const reason = await reasonOf(page, number);
    await expect(reason).toContainText('HL7_FIELD_MISSING');
    await expect(reason).toContainText('the lane will pass it');
  }

  await lab.enable();
  await expect(fact(page, 'Checkpoint')).toHaveText('3');
  await expectRibbon(page, ['FAILED', 'FAILED', 'DELIVERED']);
  await expect(await reasonOf(page, 2)).not.toContainText('the lane will pass it');
  expect(lab.received).toEqual([3]);
});

const TEN = Array.from({ length: 10 }, () => 'DELIVERED');

test('Scenario 2: 11-14 and 18 in the stages, 15 failed, 16, 17 and 19 early: each goes in its turn and none before', async ({
  page,
  laboratory,
}) => {
  const lab = await laboratory('SCENE-2', { enabled: false });
  const rest: StoredStatus[] = [
    'RECEIVED',
    'RECEIVED',
    'RECEIVED',
    'RECEIVED',
    'FAILED',
    'PROCESSED',
    'PROCESSED',
    'RECEIVED',
    'PROCESSED',
  ];
  await storeNumbers(lab, [...TEN.map(() => 'DELIVERED' as const), ...rest], 10);
  await lab.enable();
  await openLane(page, lab.code);
  await expect(fact(page, 'Checkpoint')).toHaveText('10');
  await expect(sentence(page)).toHaveText(/^waits for #11, in validate for /);
  const [stage, ready] = ['VALIDATING', 'READY'];
  await expectRibbon(page, [...TEN, stage, stage, stage, stage, 'FAILED', ready, ready, stage, ready]);
  await expect(await reasonOf(page, 11)).toContainText('In validate');
  await expect(await reasonOf(page, 16)).toContainText('behind #11');
  await expect(page.getByTestId('holes').getByRole('listitem')).toHaveText([
    /#11 – 14.*In validate/,
    /#15.*Dead letter/,
    /#18.*In validate/,
  ]);

  for (const early of [13, 12, 14]) await becomeReady(lab, early);
  await expectRibbon(page, [...TEN, stage, ready, ready, ready, 'FAILED', ready, ready, stage, ready]);
  await expect(fact(page, 'Checkpoint')).toHaveText('10');
  expect(lab.received).toEqual([]);

  await becomeReady(lab, 11);
  await expect(fact(page, 'Checkpoint')).toHaveText('17');
  const sent = 'DELIVERED';
  await expectRibbon(page, [...TEN, sent, sent, sent, sent, 'FAILED', sent, sent, stage, ready]);
  await expect(sentence(page)).toHaveText(/^waits for #18, in validate for /);
  expect(lab.received).toEqual([11, 12, 13, 14, 16, 17]);

  await becomeReady(lab, 18);
  await expect(fact(page, 'Checkpoint')).toHaveText('19');
  await expectRibbon(page, [...TEN, sent, sent, sent, sent, 'FAILED', sent, sent, sent, sent]);
  await expect(sentence(page)).toHaveText('all 19 numbers are settled');
  expect(lab.received).toEqual([11, 12, 13, 14, 16, 17, 18, 19]);
  expect(lab.lis.judge.report()).toMatchObject({ orderViolations: 0, repeats: 0 });
});
