import { randomBytes } from 'node:crypto';
import {
  applySite,
  bootstrapUsers,
  hashPassword,
  messageKeyHasher,
  parseSecretKey,
  uuidv7,
  verifyAudit,
} from '@inorder/db';
import type { Role } from '@inorder/shared';
import { siteDocumentSchema } from '@inorder/shared';
import { type TestDatabase, testDatabase } from '@inorder/testkit/services';
import { verifyPassword } from 'better-auth/crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { database } from '../../database.ts';
import { createCaller } from '../root.ts';

const CODE = 'LAB-0042';
const NAME = 'Quillfeather';
const RAW = [
  'MSH|^~\\&|WARD|NORTH|LIS|LAB|20260301091204||ORM^O01|CTL-1|P|2.5.1',
  `PID|1||MRN-88123^^^NORTH^MR||${NAME}^Zebedee`,
  'ORC|NW|ORD-77',
  'OBR|1|ORD-77||GLU',
].join('\r');
const secretKey = randomBytes(32).toString('hex');
let db: TestDatabase;

function as(role: Role, phiReveal = false) {
  const user = { id: role, name: role, email: `${role}@example.org`, role, phiReveal, via: 'session' as const };
  return createCaller({ user, requestId: 'test' });
}

async function audit(action: string) {
  const { rows } = await db.pool.query(
    'SELECT actor, target, reason FROM audit_log WHERE action = $1 ORDER BY audit_id',
    [action],
  );
  return rows;
}

beforeAll(async () => {
  db = await testDatabase();
  vi.stubEnv('DATABASE_URL', db.url);
  vi.stubEnv('INORDER_ADMIN_SECRET', 'a-shared-secret-of-tests');
  vi.stubEnv('INORDER_AUTH_SECRET', randomBytes(32).toString('hex'));
  vi.stubEnv('INORDER_SECRET_KEY', secretKey);
  vi.stubEnv('INORDER_CONSOLE_URL', 'http://127.0.0.1:3000');
  vi.stubEnv('REDIS_URL', '');
  const site = siteDocumentSchema.parse({
    destinations: { 'LIS-1': { kind: 'MLLP', host: '127.0.0.1', port: 2575 } },
    interfaces: { [CODE]: { name: 'Lane', route: [{ name: 'all', to: 'LIS-1' }] } },
  });
  await applySite(db.pool, site, { actor: 'test', secretKey: parseSecretKey(secretKey) });
  for (const [n, status] of [
    [1, 'FAILED'],
    [2, 'DELIVERED'],
    [3, 'FAILED'],
  ] as const)
    await number(n, status);
  await db.pool.query('UPDATE interface_sequence SET last_sequence_no = 3');
  await db.pool.query('UPDATE message_delivery_checkpoint SET last_delivered_sequence = 2');
});

afterAll(async () => {
  await database().pool.end();
  await db[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
});

async function number(n: number, status: string): Promise<void> {
  const id = uuidv7();
  const { rows } = await db.pool.query<{ interface_id: string }>('SELECT interface_id FROM interface WHERE code = $1', [
    CODE,
  ]);
  const lane = rows[0]?.interface_id;
  await db.pool.query(
    'INSERT INTO message_tracking (message_id, interface_id, sequence_no, status, revision) VALUES ($1, $2, $3, $4, 1)',
    [id, lane, n, status],
  );
  await db.pool.query(
    `INSERT INTO message_payload (message_id, format, raw, control_id) VALUES ($1, 'HL7V2', $2, 'CTL-1')`,
    [id, Buffer.from(RAW)],
  );
  await db.pool.query(
    `INSERT INTO message_key (message_id, kind, key_hash, interface_id, sequence_no) VALUES ($1, 'MRN', $2, $3, $4)`,
    [id, messageKeyHasher(parseSecretKey(secretKey))('MRN', 'MRN-88123'), lane, n],
  );
  if (status !== 'FAILED') return;
  await db.pool.query(
    `INSERT INTO dead_letter (message_id, interface_id, sequence_no, stage, error_code, signature, detail, attempts)
     VALUES ($1, $2, $3, 'ENRICH', 'ENRICH_CODE_UNKNOWN', 'ENRICH ENRICH_CODE_UNKNOWN', 'said of ${NAME}', 1)`,
    [id, lane, n],
  );
}

const replay = (n: number, to = n) => ({
  kind: 'REPLAY' as const,
  interfaceCode: CODE,
  fromSequenceNo: n,
  toSequenceNo: to,
});

test('nobody and the wrong role are turned away, and told which right is missing', async () => {
  const nobody = createCaller({ user: null, requestId: 'test' });
  await expect(nobody.deadLetters.group({})).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  await expect(as('viewer').messages.payload({ code: CODE, sequenceNo: 1 })).rejects.toMatchObject({
    code: 'FORBIDDEN',
    cause: { permission: 'payload.read' },
  });
  await expect(as('operator').audit.list({})).rejects.toMatchObject({ cause: { permission: 'audit.read' } });
  await expect(as('operator').config.publish({ site: {} })).rejects.toMatchObject({
    cause: { permission: 'config.write' },
  });
});

test('G18: a detail that may name a patient is for those who may read payloads', async () => {
  const seen = await as('viewer').messages.get({ code: CODE, sequenceNo: 1 });
  expect(JSON.stringify(seen)).not.toContain(NAME);
  expect((await as('analyst').messages.get({ code: CODE, sequenceNo: 1 })).deadLetter?.detail).toContain(NAME);
  expect(JSON.stringify(await as('viewer').deadLetters.list({ filter: {} }))).not.toContain(NAME);
});

test('G17, G18: a payload is masked and the look is audited; revealing takes the right and a reason', async () => {
  const message = { code: CODE, sequenceNo: 1 };
  const masked = await as('analyst').messages.payload(message);
  expect(JSON.stringify(masked)).not.toContain(NAME);
  expect(JSON.stringify(masked)).toContain('CTL-1');
  expect(await audit('payload.view')).toEqual([{ actor: 'analyst@example.org', target: 'LAB-0042:1', reason: null }]);
  // The administrator's role alone does not reveal.
  await expect(as('admin').messages.reveal({ ...message, reason: 'the ward has called' })).rejects.toMatchObject({
    cause: { permission: 'phi.reveal' },
  });
  await expect(as('analyst', true).messages.reveal({ ...message, reason: 'why not' })).rejects.toMatchObject({
    code: 'BAD_REQUEST',
  });
  expect(await audit('payload.reveal')).toEqual([]);
  const revealed = await as('analyst', true).messages.reveal({ ...message, reason: 'the ward has called' });
  expect(JSON.stringify(revealed)).toContain(NAME);
  expect(await audit('payload.reveal')).toEqual([
    { actor: 'analyst@example.org', target: 'LAB-0042:1', reason: 'the ward has called' },
  ]);
});

test('G17, G18: a search finds by record number, and the audit knows that it was made but not the number', async () => {
  const { found } = await as('analyst').messages.search({ text: ' MRN-88123 ' });
  expect(found.map((each) => each.sequenceNo).toSorted()).toEqual([1, 2, 3]);
  const { rows } = await db.pool.query<{ all: string }>(`SELECT jsonb_agg(a)::text AS all FROM audit_log a`);
  expect(rows[0]?.all).toContain('message.search');
  expect(rows[0]?.all).not.toContain('MRN-88123');
});

test('G13: an act is planned, asked for once, and audited with its reason', async () => {
  const operator = as('operator');
  const [planned] = await operator.commands.plan({ commands: [replay(3)] });
  expect(planned).toMatchObject({
    refusal: null,
    effects: { REPAIR_IN_PLACE: 1 },
    before: { checkpoint: 2, highWater: 3 },
  });
  const commands = [{ ...replay(3), commandId: uuidv7(), planHash: planned?.hash ?? '' }];
  await expect(operator.commands.request({ commands, reason: 'too short' })).rejects.toMatchObject({
    code: 'BAD_REQUEST',
  });
  const asked = await operator.commands.request({ commands, reason: 'code table corrected' });
  expect(asked).toMatchObject({ ok: true, commands: [{ status: 'PENDING', kind: 'REPLAY' }] });
  // The owner carries it out; asking the same again is answered with that, whatever the plan would be now.
  await db.pool.query(`UPDATE lane_command SET status = 'DONE', done_at = now()`);
  await db.pool.query(`UPDATE message_tracking SET status = 'PROCESSED' WHERE sequence_no = 3`);
  expect(await operator.commands.request({ commands, reason: 'code table corrected' })).toMatchObject({
    ok: true,
    commands: [{ status: 'DONE' }],
  });
  expect(await audit('command.replay')).toEqual([
    { actor: 'operator@example.org', target: 'LAB-0042:3', reason: 'code table corrected' },
  ]);
});

test('G13: a plan that is not true any more is given back anew and nothing is written', async () => {
  const operator = as('operator');
  const [planned] = await operator.commands.plan({ commands: [replay(1)] });
  const stale = [{ ...replay(1), commandId: uuidv7(), planHash: '0'.repeat(16) }];
  const answer = await operator.commands.request({ commands: stale, reason: 'code table corrected' });
  expect(answer).toMatchObject({ ok: false, changed: [{ hash: planned?.hash }] });
  expect(await operator.commands.get({ commandIds: stale.map((each) => each.commandId) })).toEqual([]);
});

test('an analyst replays one message, not two, and skips none', async () => {
  const analyst = as('analyst');
  const [one] = await analyst.commands.plan({ commands: [replay(1)] });
  const ask = (commands: Parameters<typeof analyst.commands.request>[0]['commands']) =>
    analyst.commands.request({ commands, reason: 'laboratory corrected' });
  const made = { commandId: uuidv7(), planHash: one?.hash ?? '' };
  await expect(ask([{ ...replay(1, 2), ...made }])).rejects.toMatchObject({ cause: { permission: 'lane.act' } });
  await expect(ask([{ ...replay(1), kind: 'SKIP', ...made }])).rejects.toMatchObject({
    cause: { permission: 'lane.act' },
  });
  await expect(ask([{ ...replay(1), holdLane: true, ...made }])).rejects.toMatchObject({
    cause: { permission: 'lane.act' },
  });
  expect(await ask([{ ...replay(1), ...made }])).toMatchObject({ ok: true });
});

test('G14: that a late replay is to hold its lane reaches the owner of the lane', async () => {
  const operator = as('operator');
  const held = { ...replay(1), holdLane: true };
  const [planned] = await operator.commands.plan({ commands: [held] });
  expect(planned).toMatchObject({ refusal: null, effects: { REPLAY_LATE: 1 }, command: { holdLane: true } });
  const commandId = uuidv7();
  const commands = [{ ...held, commandId, planHash: planned?.hash ?? '' }];
  expect(await operator.commands.request({ commands, reason: 'laboratory corrected' })).toMatchObject({ ok: true });
  const stored = await db.pool.query('SELECT argument FROM lane_command WHERE command_id = $1', [commandId]);
  expect(stored.rows).toEqual([{ argument: { holdLane: true } }]);
});

test('a site that is wrong comes back with its places; one that is right is applied and exported without secrets', async () => {
  const integrator = as('integrator');
  const wrong = { interfaces: { 'LAB-0043': { name: 'Lane', route: [{ name: 'all' }] } } };
  expect(await integrator.config.publish({ site: wrong })).toEqual({
    ok: false,
    problems: [{ path: 'interfaces.LAB-0043.route[0]', message: 'needs exactly one of to, filter' }],
  });
  const right = { connections: { jms: { kind: 'LISTEN', port: 5672, username: 'u', password: 'mellon' } } };
  expect(await integrator.config.publish({ site: right, reason: 'new listener' })).toMatchObject({
    ok: true,
    changes: { connections: { created: ['jms'] } },
  });
  expect(JSON.stringify(await as('viewer').config.get({}))).not.toContain('mellon');
  expect(await audit('connection.create')).toEqual([
    { actor: 'integrator@example.org', target: 'connection:jms', reason: 'new listener' },
  ]);
});

test('G17: all of the above is one unbroken chain', async () => {
  expect(await as('auditor').audit.verify()).toEqual(await verifyAudit(db.pool));
  expect(await as('auditor').audit.verify()).toMatchObject({ ok: true });
});

test('passwords of first users are in the form that sign-in reads', async () => {
  const made = await bootstrapUsers(db.pool, { demo: false });
  const { rows } = await db.pool.query<{ password: string }>('SELECT password FROM app_account');
  const password = made?.users[0]?.password ?? '';
  expect(await verifyPassword({ hash: rows[0]?.password ?? '', password })).toBe(true);
  expect(await verifyPassword({ hash: await hashPassword('another'), password })).toBe(false);
});

test('a number that retention removed is not there any more, and says what it went with', async () => {
  const seen = as('viewer').messages;
  await expect(seen.get({ code: CODE, sequenceNo: 999 })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: `there is no message ${CODE}:999`,
  });
  // Far above what the other tests act on.
  await db.pool.query(
    `INSERT INTO sequence_range (interface_id, from_sequence_no, to_sequence_no, delivered, failed, skipped, filtered, hash, removed_at)
     SELECT interface_id, 901, 950, 47, 1, 0, 2, sha256(''), '2026-03-01T00:00Z' FROM interface WHERE code = $1`,
    [CODE],
  );
  await expect(seen.get({ code: CODE, sequenceNo: 901 })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: `there is no message ${CODE}:901 any more: removed by retention with the range ${CODE}:901 to 950 (47 delivered, 1 failed, 0 skipped, 2 filtered; last on 2026-03-01)`,
  });
  await expect(as('analyst').messages.payload({ code: CODE, sequenceNo: 901 })).rejects.toMatchObject({
    message: expect.stringContaining('removed by retention'),
  });
});

test('G3: a source whose queue is not protected is shown at its interfaces and at the instance that reads it', async () => {
  const site = siteDocumentSchema.parse({
    connections: { hospital: { kind: 'CONNECT', host: '127.0.0.1', port: 5672 } },
    sources: { wards: { connection: 'hospital', address: 'hl7.wards', interfaces: [CODE] } },
  });
  await applySite(db.pool, site, { actor: 'test', secretKey: parseSecretKey(secretKey) });
  await db.pool.query(`INSERT INTO engine_instance (instance, roles, version) VALUES ('ingest-1', '{ingest}', '1')`);
  await db.pool.query(
    `UPDATE source_lease SET owner = 'ingest-1' FROM source s WHERE s.source_id = source_lease.source_id AND s.name = 'wards'`,
  );
  const shown = async () => {
    const { sources } = await as('viewer').lanes.read({ code: CODE });
    const { instances } = await as('viewer').instances.list();
    const reader = instances.find(({ instance }) => instance === 'ingest-1');
    return [sources.find(({ name }) => name === 'wards')?.protection, reader?.unprotected, reader?.unprotectedNames];
  };
  expect(await shown()).toEqual([{ verdict: 'NOT_CHECKED', detail: '', checkedAt: null }, 0, []]);
  await db.pool.query(`INSERT INTO source_protection (source_id, verdict, detail, checked_at)
    SELECT source_id, 'NOT_PROTECTED', 'Set exclusive on the queue', now() FROM source WHERE name = 'wards'`);
  expect(await shown()).toEqual([
    { verdict: 'NOT_PROTECTED', detail: 'Set exclusive on the queue', checkedAt: expect.any(String) },
    1,
    ['wards'],
  ]);
});

test('G17, G21: whoever may act releases all lanes that hold since a restore, with a reason, and only of that restore', async () => {
  expect(await as('viewer').lanes.restored()).toEqual({ heldAt: null, generation: 1, lanes: 0, paused: 0 });
  await db.pool.query('UPDATE store_identity SET generation = 2, held_at = now()');
  await db.pool.query("UPDATE message_delivery_checkpoint SET held_for = 'RESTORED'");
  expect(await as('viewer').lanes.restored()).toMatchObject({ heldAt: expect.any(Date), generation: 2, lanes: 1 });
  const reason = 'compared with the laboratory';
  await expect(as('analyst').commands.releaseRestored({ generation: 2, reason })).rejects.toMatchObject({
    cause: { permission: 'lane.act' },
  });
  await expect(as('operator').commands.releaseRestored({ generation: 2, reason: 'go' })).rejects.toMatchObject({
    code: 'BAD_REQUEST',
  });
  await expect(as('operator').commands.releaseRestored({ generation: 1, reason })).rejects.toMatchObject({
    code: 'CONFLICT',
  });
  expect(await as('operator').commands.releaseRestored({ generation: 2, reason })).toEqual({ lanes: 1 });
  expect(await audit('store.release')).toEqual([{ actor: 'operator@example.org', target: 'postgres', reason }]);
  const [asked] = await as('operator').commands.list({ limit: 1 });
  // As if it had been planned and agreed to alone: the owner carries it out only on the lane that was meant.
  const [planned] = await as('operator').commands.plan({
    commands: [{ kind: 'RESUME', interfaceCode: CODE, fromSequenceNo: null, toSequenceNo: null, resolution: null }],
  });
  const { rows } = await db.pool.query('SELECT plan_hash FROM lane_command WHERE command_id = $1', [asked?.commandId]);
  expect(rows).toEqual([{ plan_hash: planned?.hash }]);
});
