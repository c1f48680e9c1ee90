import type { SiteDocument } from '@inorder/shared';
import type { RunningSystem } from '../running/facts.ts';
import { badOrderAndCancel, newOrder } from '../running/laboratory.ts';
import { auditRow, carryOut, chooseNumbers, planned } from './act.ts';
import { expect, test } from './journey.ts';
import { expectRibbon, fact, openLane, reasonOf, sentence } from './lane-page.ts';

/** Publishes as an integrator does, through the console. */
async function publish(system: RunningSystem, cookies: readonly { name: string; value: string }[], site: SiteDocument) {
  const answer = await fetch(new URL('/api/trpc/config.publish', system.consoleUrl), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      origin: system.consoleUrl,
      cookie: cookies.map(({ name, value }) => `${name}=${value}`).join('; '),
    },
    body: JSON.stringify({ json: { site, reason: 'The laboratory told us of the new codes' } }),
  });
  expect(await answer.json()).toMatchObject({ result: { data: { json: { ok: true } } } });
}

test('G14: a dead letter is replayed late from its cause after the code table is corrected', async ({
  page,
  laboratory,
  pageOf,
  system,
}) => {
  const lab = await laboratory('LATE');
  lab.send(newOrder(lab.code, 1, 'unknownCode'));
  lab.send(newOrder(lab.code, 2));
  await page.goto(`/dlq?interface=${lab.code}`);
  const dead = page.getByTestId(`dead-letter-${lab.code}:1`);
  await expect(dead).toContainText('passed');

  const integrator = await pageOf('integrator');
  await publish(system, await integrator.context().cookies(), lab.correctedTable());

  await page.getByRole('navigation', { name: 'Causes' }).getByRole('button').nth(1).click();
  await page.getByRole('button', { name: 'Replay all 1' }).click();
  const dialog = await planned(page);
  await expect(dialog).toContainText('1 sent late, after newer numbers');
  await carryOut(dialog, 'Replay', 'Code table corrected');
  await expect(dead).toBeHidden();
  await expect.poll(() => lab.received).toEqual([2, 1]);

  // Its end is never rewritten; the replay stands beside it.
  await openLane(page, lab.code);
  await expectRibbon(page, ['FAILED', 'DELIVERED']);
  await expect(await reasonOf(page, 1)).toContainText('replay delivered');
  await expect(fact(page, 'Dead letters')).toHaveText('0');
  await page.goto(`/messages/${lab.code}/1`);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('REPLAYED');

  const auditor = await pageOf('auditor');
  const row = await auditRow(auditor, 'command.replay', `${lab.code}:1`);
  await expect(row).toContainText('Code table corrected');
  const published = await auditRow(auditor, 'code-table.change', `code-table:${lab.table}`);
  await expect(published).toContainText(system.people.integrator.email);
  await expect(published).toContainText('The laboratory told us of the new codes');
});

test('G14: where the lane holds, the dead letter is repaired in place: it keeps its turn and is not late', async ({
  page,
  laboratory,
  pageOf,
  system,
}) => {
  const lab = await laboratory('PLACE', { delivery: { onFailure: 'hold' } });
  lab.send(newOrder(lab.code, 1));
  lab.send(newOrder(lab.code, 2, 'unknownCode'));
  lab.send(newOrder(lab.code, 3));
  await openLane(page, lab.code);
  await expect(page.getByTestId('lane-status')).toContainText('Holding');
  await expect(sentence(page)).toContainText('holds before #2: this interface holds when a message fails');
  await expectRibbon(page, ['DELIVERED', 'FAILED', 'READY']);
  await expect(await reasonOf(page, 2)).toContainText('the lane holds before it');

  const integrator = await pageOf('integrator');
  await publish(system, await integrator.context().cookies(), lab.correctedTable());
  const dialog = await chooseNumbers(page, 'Replay', 2);
  await expect(dialog).toContainText('1 repaired in place, keeps its turn');
  await carryOut(dialog, 'Replay', 'Code table corrected');
  await expectRibbon(page, ['DELIVERED', 'DELIVERED', 'DELIVERED']);
  expect(lab.received).toEqual([1, 2, 3]);
  expect(lab.lis.judge.report()).toMatchObject({ orderViolations: 0, repeats: 0 });
});

test('G14: replaying an order whose cancellation was delivered is a danger, and is said before it is done', async ({
  page,
  laboratory,
}) => {
  const lab = await laboratory('CANCEL');
  const [order, cancel] = badOrderAndCancel(lab.code, 1);
  lab.send(order);
  lab.send(cancel);
  await expect.poll(() => lab.received).toEqual([2]);
  await page.goto(`/messages/${lab.code}/1`);
  await page.getByRole('button', { name: 'Replay', exact: true }).click();
  const dialog = await planned(page);
  const warning = dialog.getByRole('list', { name: 'Warnings' }).getByRole('listitem').first();
  await expect(warning.getByLabel('Danger')).toBeVisible();
  await expect(warning).toContainText('#2 (CA) has cancelled the same order');
  await expect(dialog.getByRole('row').filter({ hasText: `${lab.code}:1` })).toContainText('overtaken by #2 CA');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await expect(dialog).toBeHidden();
  expect(lab.received).toEqual([2]);
});
