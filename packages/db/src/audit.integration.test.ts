import { type TestDatabase, testDatabase } from '@inorder/testkit/services';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { appendAudit, verifyAudit } from './audit.ts';
import { inTransaction } from './transaction.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

/** Changes a row behind the trigger's back, as someone with the superuser's password could. */
async function tamper(sql: string): Promise<void> {
  await inTransaction(database.pool, async (tx) => {
    await tx.query('ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only');
    await tx.query(sql);
    await tx.query('ALTER TABLE audit_log ENABLE TRIGGER audit_log_append_only');
  });
}

test('G17: acts from many connections at once make one unbroken chain', async () => {
  const acts = Array.from({ length: 20 }, (_, i) =>
    inTransaction(database.pool, (tx) =>
      appendAudit(
        tx,
        {
          actor: 'ada',
          action: 'command.skip',
          target: `LAB-0001:${i}`,
          reason: 'why',
          detail: { z: 1, a: [null, 'ü'] },
        },
        { actor: 'ada', action: 'payload.view', target: `LAB-0001:${i}` },
      ),
    ),
  );
  await Promise.all(acts);
  expect(await verifyAudit(database.pool)).toMatchObject({ ok: true, rows: 40 });
});

test('G17: an act that is rolled back leaves no record and no hole', async () => {
  const failed = inTransaction(database.pool, async (tx) => {
    await appendAudit(tx, { actor: 'ada', action: 'command.skip', target: 'LAB-0001:99' });
    throw new Error('the act failed');
  });
  await expect(failed).rejects.toThrow('the act failed');
  expect(await verifyAudit(database.pool)).toMatchObject({ ok: true, rows: 40 });
});

test('G17: the table itself refuses changes', async () => {
  await expect(database.pool.query(`UPDATE audit_log SET actor = 'eve' WHERE audit_id = 3`)).rejects.toThrow(
    'append-only',
  );
  await expect(database.pool.query('DELETE FROM audit_log WHERE audit_id = 3')).rejects.toThrow('append-only');
});

test('G17: a row that is changed, taken out or rehashed is named', async () => {
  await tamper(`UPDATE audit_log SET detail = '{"a":[null,"ü"],"z":2}' WHERE audit_id = 17`);
  expect(await verifyAudit(database.pool)).toEqual({ ok: false, auditId: 17, why: 'CHANGED', rows: 16 });
  await tamper(`UPDATE audit_log SET detail = '{"a":[null,"ü"],"z":1}' WHERE audit_id = 17`);
  expect(await verifyAudit(database.pool)).toMatchObject({ ok: true });
  await tamper(`UPDATE audit_log SET hash = sha256('x') WHERE audit_id = 40`);
  expect(await verifyAudit(database.pool)).toEqual({ ok: false, auditId: 40, why: 'CHANGED', rows: 39 });
  await tamper('DELETE FROM audit_log WHERE audit_id = 12');
  expect(await verifyAudit(database.pool)).toEqual({ ok: false, auditId: 12, why: 'MISSING', rows: 11 });
  await tamper('UPDATE audit_log SET audit_id = 12 WHERE audit_id = 13');
  expect(await verifyAudit(database.pool)).toEqual({ ok: false, auditId: 12, why: 'UNLINKED', rows: 11 });
});
