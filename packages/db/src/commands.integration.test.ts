import { type CommandKind, type PlanCommand, plan, sequenceNo } from '@inorder/core';
import { COMMANDS_CHANNEL, siteDocumentSchema } from '@inorder/shared';
import { type TestDatabase, testDatabase } from '@inorder/testkit/services';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyAudit } from './audit.ts';
import { COMMAND_NUMBERS_MAX, type CommandRequest, readPlanSnapshot, requestCommands } from './commands.ts';
import { messageKeyHasher } from './message-key.ts';
import { applySite } from './site/apply.ts';
import { uuidv7 } from './uuid.ts';

const secretKey = new Uint8Array(32).fill(3);
const hash = messageKeyHasher(secretKey);
const CODE = 'LAB-0042';
let database: TestDatabase;
let laneId = '';

beforeAll(async () => {
  database = await testDatabase();
  const site = siteDocumentSchema.parse({
    destinations: { 'LIS-1': { kind: 'MLLP', host: '127.0.0.1', port: 2575 } },
    interfaces: { [CODE]: { name: 'Lane', route: [{ name: 'all', to: 'LIS-1' }] } },
  });
  await applySite(database.pool, site, { actor: 'test', secretKey });
  const { rows } = await database.pool.query<{ interface_id: string }>('SELECT interface_id FROM interface');
  laneId = rows[0]?.interface_id ?? '';
  await number(1, 'FAILED', [['ORD-1', 'NW']]);
  await number(2, 'DELIVERED', [['ORD-2', 'NW']]);
  await number(3, 'DELIVERED', [['ORD-1', 'XO']]);
  await number(4, 'DELIVERED', [
    ['ORD-1', 'CA'],
    ['ORD-9', 'NW'],
  ]);
  await number(5, 'FAILED', [['ORD-5', 'NW']], { maybe: true });
  await number(6, 'PROCESSED', [['ORD-6', 'NW']]);
  await number(7, 'RECEIVED', [['ORD-6', 'CA']]);
  await database.pool.query('UPDATE message_delivery_checkpoint SET last_delivered_sequence = 4');
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

async function number(n: number, status: string, orders: [string, string][], dead?: { maybe: boolean }): Promise<void> {
  const id = uuidv7();
  await database.pool.query(
    'INSERT INTO message_tracking (message_id, interface_id, sequence_no, status, revision) VALUES ($1, $2, $3, $4, 1)',
    [id, laneId, n, status],
  );
  await database.pool.query('UPDATE interface_sequence SET last_sequence_no = $1', [n]);
  for (const [placer, control] of orders) {
    await database.pool.query(
      `INSERT INTO message_key (message_id, kind, key_hash, interface_id, sequence_no, order_control)
       VALUES ($1, 'PLACER', $2, $3, $4, $5)`,
      [id, hash('PLACER', placer), laneId, n, control],
    );
  }
  if (status !== 'FAILED') return;
  await database.pool.query(
    `INSERT INTO dead_letter (message_id, interface_id, sequence_no, stage, error_code, signature, detail, attempts, maybe_delivered)
     VALUES ($1, $2, $3, 'DELIVER', 'MLLP_NACK_ERROR', 'DELIVER MLLP_NACK_ERROR', 'AE', 4, $4)`,
    [id, laneId, n, dead?.maybe ?? false],
  );
}

function command(kind: CommandKind, from: number | null, to = from): PlanCommand {
  return {
    kind,
    fromSequenceNo: from === null ? null : sequenceNo(from),
    toSequenceNo: to === null ? null : sequenceNo(to),
    resolution: null,
  };
}

async function planned(asked: PlanCommand) {
  const client = await database.pool.connect();
  try {
    const snapshot = await readPlanSnapshot(client, CODE, asked);
    if (snapshot === null) throw new Error('the lane is there');
    return plan(asked, snapshot);
  } finally {
    client.release();
  }
}

function request(kind: CommandKind, n: number | null, commandId = uuidv7()): CommandRequest {
  return {
    commandId,
    interfaceCode: CODE,
    kind,
    fromSequenceNo: n,
    toSequenceNo: n,
    resolution: null,
    planHash: 'abc',
  };
}

test('G14: the dry run of a late replay names what overtook it and warns of the cancel', async () => {
  const { items, warnings, refusal } = await planned(command('REPLAY', 1));
  expect(refusal).toBeNull();
  expect(items).toMatchObject([
    {
      sequenceNo: 1,
      effect: 'REPLAY_LATE',
      overtakenBy: [
        { sequenceNo: 3, orderControl: 'XO' },
        { sequenceNo: 4, orderControl: 'CA' },
      ],
    },
  ]);
  expect(warnings).toEqual([
    { kind: 'AFTER_CANCEL', sequenceNo: 1, orderControl: 'NW', cancelSequenceNo: 4, cancelOrderControl: 'CA' },
    { kind: 'OVERTAKEN', sequenceNo: 1, count: 2 },
  ]);
});

test('G8: a number whose bytes may be out says so before it is skipped', async () => {
  const { warnings } = await planned(command('SKIP', 5));
  expect(warnings).toEqual([{ kind: 'MAYBE_DELIVERED', sequenceNo: 5 }]);
});

test('G14: skipping an order names the later message of the same order that will go out all the same', async () => {
  const { warnings } = await planned(command('SKIP', 6));
  expect(warnings).toEqual([{ kind: 'LATER_OF_SAME_ORDER', sequenceNo: 6, laterSequenceNo: 7 }]);
});

test('G13: a plan stays the same while the lane flows, and changes when its own numbers do', async () => {
  const before = await planned(command('REPLAY', 5));
  await number(8, 'DELIVERED', [['ORD-8', 'NW']]);
  expect((await planned(command('REPLAY', 5))).hash).toBe(before.hash);
  await number(9, 'DELIVERED', [['ORD-5', 'XO']]);
  await database.pool.query('UPDATE message_delivery_checkpoint SET last_delivered_sequence = 5');
  const after = await planned(command('REPLAY', 5));
  expect(after.items[0]?.effect).toBe('REPLAY_LATE');
  expect(after.hash).not.toBe(before.hash);
});

test('numbers nobody gave, lanes nobody made and ranges too long are said', async () => {
  expect((await planned(command('SKIP', 999))).refusal).toBe('UNKNOWN_NUMBER');
  const client = await database.pool.connect();
  try {
    expect(await readPlanSnapshot(client, 'LAB-NONE', command('PAUSE', null))).toBeNull();
    await expect(readPlanSnapshot(client, CODE, command('SKIP', 1, COMMAND_NUMBERS_MAX + 1))).rejects.toThrow(
      RangeError,
    );
  } finally {
    client.release();
  }
});

test('G13, G17: a request is one row, one audit row and one wake-up, however often it is asked', async () => {
  await using listener = await listening(database.url);
  const published: string[] = [];
  const asked = request('SKIP', 6);
  const options = {
    actor: 'otis',
    reason: 'duplicate of LAB-0042:5',
    publish: (channel: string, id: string) => Promise.resolve(published.push(`${channel} ${id}`)),
  };
  const first = await requestCommands(database.pool, [asked], options);
  expect(first).toMatchObject({
    ok: true,
    commands: [{ commandId: asked.commandId, status: 'PENDING', actor: 'otis' }],
  });
  expect(await listener.next).toBe(laneId);
  expect(await requestCommands(database.pool, [asked], options)).toEqual(first);
  expect(published).toEqual([`${COMMANDS_CHANNEL} ${laneId}`]);
  const { rows } = await database.pool.query(
    `SELECT actor, action, target, reason FROM audit_log WHERE action LIKE 'command.%'`,
  );
  expect(rows).toEqual([
    { actor: 'otis', action: 'command.skip', target: 'LAB-0042:6', reason: 'duplicate of LAB-0042:5' },
  ]);
  expect(await verifyAudit(database.pool)).toMatchObject({ ok: true });
});

test('G13: an id that is another command already, or a lane that is not there, writes nothing at all', async () => {
  const asked = request('SKIP', 7);
  const options = { actor: 'otis', reason: 'a reason of some length' };
  await requestCommands(database.pool, [asked], options);
  const count = async () => (await database.pool.query('SELECT 1 FROM lane_command')).rowCount;
  const before = await count();
  const reused = [request('SKIP', 6), { ...asked, kind: 'REPLAY' as const }];
  expect(await requestCommands(database.pool, reused, options)).toEqual({
    ok: false,
    commandId: asked.commandId,
    why: 'ID_REUSED',
  });
  const lost = request('SKIP', 6);
  expect(await requestCommands(database.pool, [{ ...lost, interfaceCode: 'LAB-NONE' }], options)).toEqual({
    ok: false,
    commandId: lost.commandId,
    why: 'NO_INTERFACE',
  });
  expect(await count()).toBe(before);
});

test('G13, G14: that a replay is to hold its lane is stored for the owner, and is part of what the id stands for', async () => {
  const asked: CommandRequest = { ...request('REPLAY', 1), holdLane: true };
  const options = { actor: 'otis', reason: 'a reason of some length' };
  const first = await requestCommands(database.pool, [asked], options);
  expect(first).toMatchObject({
    ok: true,
    commands: [{ commandId: asked.commandId, holdLane: true, resolution: null }],
  });
  expect(await requestCommands(database.pool, [asked], options)).toEqual(first);
  const { holdLane: _, ...without } = asked;
  expect(await requestCommands(database.pool, [without], options)).toMatchObject({ ok: false, why: 'ID_REUSED' });
  const plain = request('REPLAY', 3);
  await requestCommands(database.pool, [plain], options);
  const argumentOf = async ({ commandId }: CommandRequest) =>
    (await database.pool.query('SELECT argument FROM lane_command WHERE command_id = $1', [commandId])).rows;
  expect(await argumentOf(asked)).toEqual([{ argument: { holdLane: true } }]);
  expect(await argumentOf(plain)).toEqual([{ argument: null }]);
  const { rows } = await database.pool.query(`SELECT detail FROM audit_log WHERE detail ->> 'commandId' = $1`, [
    asked.commandId,
  ]);
  expect(rows).toEqual([{ detail: { commandId: asked.commandId, planHash: 'abc', resolution: null, holdLane: true } }]);
});

/** A connection that hears wake-ups. */
async function listening(url: string): Promise<AsyncDisposable & { readonly next: Promise<string> }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`LISTEN ${COMMANDS_CHANNEL}`);
  const next = new Promise<string>((resolve) =>
    client.once('notification', (message) => resolve(message.payload ?? '')),
  );
  return { next, [Symbol.asyncDispose]: () => client.end() };
}
