import {
  type DestinationId,
  destinationId,
  type Effect,
  epoch,
  type InterfaceCode,
  type InterfaceId,
  instanceId,
  interfaceId,
  type LaneEvent,
  type LanePolicy,
  type LaneRecord,
  type MessageId,
  messageId,
  NO_TRIES,
  type Outcome,
  openLane,
  type SettleItem,
  sequenceNo,
  shard,
  type UnknownResolution,
  windowGet,
} from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import { eventually } from '@inorder/testkit/eventually';
import { type TestDatabase, testDatabase } from '@inorder/testkit/services';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../adapters/clock/system-clock.ts';
import { createDatabase, type Database } from '../adapters/postgres/database.ts';
import { acquire, observe } from '../adapters/postgres/lease-queries.ts';
import { openPlanSnapshots, type PlanSnapshots } from '../adapters/postgres/plan-snapshots.ts';
import { Commands } from './commands.ts';
import { Lane } from './lane.ts';
import { DELIVERY_DEFAULTS } from './settings.ts';
import { ShardHold } from './shard-hold.ts';

const OWNER = instanceId('a');
const SHARD = shard(7);
const LIS = destinationId(uuidv7());
/** What lanes have begun. */
const begun: Effect[] = [];
let store: TestDatabase;
let database: Database;
let snapshots: PlanSnapshots;
let id: InterfaceId;
let hold: ShardHold;
let lane: Lane;
/** Whom the commands find when they look for the lane's owner. */
let owned: Lane;
let commands: Commands;
let reopened: PromiseWithResolvers<Lane>;
let settledByCommands: SettleItem[];
let freed: DestinationId[];
let restaged: MessageId[];

beforeAll(async () => {
  store = await testDatabase();
  database = createDatabase({
    url: store.url,
    statementTimeoutMs: 10_000,
    connectionsMax: 4,
    applicationName: 'test',
    clock: systemClock,
  });
  snapshots = openPlanSnapshots(store.url, 'test plans', () => undefined);
});
afterAll(async () => {
  await snapshots.close();
  await database.close();
  await store[Symbol.asyncDispose]();
});

beforeEach(async () => {
  id = interfaceId(uuidv7());
  const code = `T-${id.slice(-12).toUpperCase()}` as InterfaceCode;
  await store.pool.query(`INSERT INTO interface (interface_id, code, name, shard) VALUES ($1, $2, 'test', 7)`, [
    id,
    code,
  ]);
  await store.pool.query(`INSERT INTO interface_sequence (interface_id, last_sequence_no) VALUES ($1, 1)`, [id]);
  await store.pool.query(
    `INSERT INTO message_delivery_checkpoint (interface_id, shard, last_delivered_sequence) VALUES ($1, 7, 1)`,
    [id],
  );
  await store.pool.query(
    `INSERT INTO message_tracking (message_id, interface_id, sequence_no, status, revision, settled_at) VALUES ($1, $2, 1, 'FAILED', 1, now())`,
    [uuidv7(), id],
  );
  const seen = (await observe(database)).leases.find((l) => l.shard === SHARD);
  const [got] = await acquire(database, OWNER, 10_000, seen === undefined ? [] : [seen]);
  hold = new ShardHold(SHARD, epoch(got?.epoch ?? 0), Number.POSITIVE_INFINITY);
  lane = laneOf(code);
  owned = lane;
  reopened = Promise.withResolvers<Lane>();
  settledByCommands = [];
  freed = [];
  restaged = [];
  commands = commandsOver(database);
});

function commandsOver(over: Database): Commands {
  return new Commands({
    database: over,
    snapshots,
    owner: OWNER,
    lanes: { get: (of) => (of === id && !owned.isDead ? owned : undefined) },
    clock: systemClock,
    logger: pino({ level: 'silent' }),
    settings: DELIVERY_DEFAULTS,
    settled: (item) => settledByCommands.push(item),
    freed: (destination) => freed.push(destination),
    restage: (ids) => restaged.push(...ids),
    reopen: (of) => reopened.resolve(of),
  });
}

/** A lane that carries commands out and sends nothing; its replays end at once. */
function laneOf(code: InterfaceCode, found: Partial<LaneRecord> = {}): Lane {
  const { state, effects } = openLane(
    {
      interfaceId: id,
      epoch: hold.epoch,
      policy: {
        onFailure: 'pass',
        failurePolicy: 'classes',
        onUnknown: 'resend',
        retries: 3,
        retryDelayMs: [500],
        unknownResendsMax: 3,
        passLimit: 20,
        windowEntriesMax: 100,
        settleBatchMax: 100,
      },
      enabled: true,
      checkpoint: sequenceNo(1),
      granted: sequenceNo(1),
      highWater: sequenceNo(1),
      failedRun: 0,
      failedRunCode: null,
      heldFor: null,
      paused: null,
      outcomes: [],
      more: false,
      headTries: NO_TRIES,
      replays: [],
      failedOrders: new Map(),
      ...found,
    },
    true,
    0,
  );
  const opened = new Lane(hold, code, state, {
    clock: systemClock,
    carryOut: (of, effect) => {
      begun.push(effect);
      if (effect.kind === 'RUN_COMMAND') void commands.run(of, effect.command.commandId);
      if (effect.kind === 'SEND_REPLAY') of.tell({ kind: 'REPLAY_RECORDED', again: null, nowAt: 0 });
    },
    changed: () => undefined,
    released: () => undefined,
  });
  opened.start(effects);
  return opened;
}

async function ask(
  kind: 'REPLAY' | 'PAUSE' | 'RESUME' | 'RESOLVE_UNKNOWN',
  { number = 1, resolution = 'ARRIVED' }: { number?: number; resolution?: UnknownResolution } = {},
): Promise<string> {
  const command = uuidv7();
  const to = kind === 'REPLAY' ? number : null;
  const argument = kind === 'RESOLVE_UNKNOWN' ? JSON.stringify({ resolution }) : null;
  await store.pool.query(
    `INSERT INTO lane_command (command_id, interface_id, kind, from_sequence_no, to_sequence_no, argument, reason, actor)
     VALUES ($1, $2, $3, $4, $4, $5, 'test', 'ada')`,
    [command, id, kind, to, argument],
  );
  return command;
}

/** Number 2 as the lane holds before it, in Postgres and in a lane that was opened on it. */
async function holdBefore(
  status: 'PROCESSED' | 'FAILED',
  heldFor: 'UNKNOWN_OUTCOME' | 'ON_FAILURE' | 'PASS_LIMIT',
  policy: Partial<LanePolicy> = {},
): Promise<MessageId> {
  const head = messageId(uuidv7());
  const { pool } = store;
  await pool.query(
    `INSERT INTO message_tracking (message_id, interface_id, sequence_no, status, revision) VALUES ($1, $2, 2, $3, 1)`,
    [head, id, status],
  );
  await pool.query('UPDATE interface_sequence SET last_sequence_no = 2 WHERE interface_id = $1', [id]);
  await pool.query(
    'UPDATE message_delivery_checkpoint SET held_for = $2, granted_sequence = 2, failed_run = 20 WHERE interface_id = $1',
    [id, heldFor],
  );
  const outcome: Outcome =
    status === 'PROCESSED'
      ? {
          status,
          order: { messageId: head, destinationId: LIS, controlId: 'C2', format: 'HL7V2', placerKeys: [] },
        }
      : {
          status,
          messageId: head,
          recordedAs: status,
          code: 'MLLP_NACK_CONTENT',
          deadLetter: null,
          placerKeys: [],
        };
  if (status === 'FAILED')
    await pool.query(
      `INSERT INTO dead_letter (message_id, interface_id, sequence_no, stage, error_code, signature, detail, attempts, destination_id, maybe_delivered)
       VALUES ($1, $2, 2, 'DELIVER', 'MLLP_NACK_CONTENT', 'DELIVER|MLLP_NACK_CONTENT||', 'test', 1, $3, false)`,
      [head, id, LIS],
    );
  owned = lane = laneOf(lane.code, {
    policy: { ...lane.state.policy, onUnknown: 'hold', ...policy },
    granted: sequenceNo(2),
    highWater: sequenceNo(2),
    heldFor,
    failedRun: 20,
    failedRunCode: 'MLLP_NACK_CONTENT',
    outcomes: [{ sequenceNo: sequenceNo(2), outcome }],
  });
  expect(lane.state.phase).toMatchObject({ name: 'HELD', reason: heldFor });
  begun.length = 0;
  return head;
}

/** Commands of an engine that ends between the commit and what its lane would do next. */
function commandsOfOneThatDies(): Commands {
  return commandsOver({
    ...database,
    transaction: async (work) => {
      const result = await database.transaction(work);
      owned.end();
      return result;
    },
  });
}

async function laneInPostgres(): Promise<Record<string, unknown>> {
  const { rows } = await store.pool.query(
    `SELECT c.last_delivered_sequence::int AS checkpoint, c.granted_sequence::int AS granted, c.held_for AS "heldFor", c.failed_run AS "failedRun",
            t.status, t.settled_at IS NOT NULL AS settled,
            (SELECT array_agg(a.outcome ORDER BY a.attempt_no) FROM delivery_attempt a WHERE a.message_id = t.message_id) AS attempts,
            (SELECT d.error_code FROM dead_letter d WHERE d.message_id = t.message_id) AS dead
       FROM message_delivery_checkpoint c JOIN message_tracking t USING (interface_id) WHERE interface_id = $1 AND t.sequence_no = 2`,
    [id],
  );
  return rows[0];
}

/** Looks once, and resolves when the command has ended; its lane may be dead by then. */
async function lookUntilEnded(command: string): Promise<void> {
  commands.wake();
  await eventually('the command has ended', async () => (await statusOf(command)) !== 'PENDING');
  await commands.stop();
}

async function statusOf(command: string): Promise<unknown> {
  const { rows } = await store.pool.query('SELECT status FROM lane_command WHERE command_id = $1', [command]);
  return rows[0]?.status;
}

async function replays(): Promise<number> {
  const { rows } = await store.pool.query('SELECT count(*)::int AS n FROM replay WHERE interface_id = $1', [id]);
  return rows[0]?.n;
}

/** Looks once and resolves when the look and what it led to at this lane are over. */
async function look(at: Lane): Promise<void> {
  const done = told(at, 'COMMAND_DONE');
  commands.wake();
  await done;
  await commands.stop();
}

/** Resolves when the lane hears an event of this kind. */
function told(at: Lane, kind: LaneEvent['kind']): Promise<void> {
  return new Promise((resolve) => {
    const tell = at.tell.bind(at);
    at.tell = (event) => {
      tell(event);
      if (event.kind === kind) resolve();
    };
  });
}

test('G13: a command told to a lane that died before it came to a boundary is told to its successor', async () => {
  // Something is on the wire, so that the command has to wait in the lane's queue.
  lane.state = { ...lane.state, phase: { name: 'GRANTING', sequenceNo: sequenceNo(2) } };
  const command = await ask('PAUSE');
  const heard = told(lane, 'COMMAND');
  commands.wake();
  await heard;
  lane.end();
  owned = laneOf(lane.code);
  await look(owned);
  expect(await statusOf(command)).toBe('DONE');
  expect(owned.state.paused?.by).toBe('ada');
});

test('G13, G14: a command read as pending while it ended is not carried out twice', async () => {
  const command = await ask('REPLAY');
  let first: readonly object[] | undefined;
  commands = commandsOver({
    ...database,
    query: async (statement, values) => {
      if (statement.name !== 'commands_pending') return database.query(statement, values);
      first ??= await database.query(statement, values);
      return first as never;
    },
  });
  const once = told(lane, 'COMMAND_DONE');
  commands.wake();
  await once;
  await look(lane);
  expect(await statusOf(command)).toBe('DONE');
  expect(await replays()).toBe(1);
});

test('G13: what was ended as expired elsewhere has no effect any more', async () => {
  lane.state = { ...lane.state, phase: { name: 'GRANTING', sequenceNo: sequenceNo(2) } };
  const command = await ask('REPLAY');
  const heard = told(lane, 'COMMAND');
  commands.wake();
  await heard;
  await store.pool.query(`UPDATE lane_command SET status = 'EXPIRED', done_at = now() WHERE command_id = $1`, [
    command,
  ]);
  const done = told(lane, 'COMMAND_DONE');
  lane.tell({ kind: 'GRANTED', nowAt: 0 });
  await done;
  await commands.stop();
  expect(await statusOf(command)).toBe('EXPIRED');
  expect(await replays()).toBe(0);
});

test.each([
  [
    'ARRIVED',
    {
      checkpoint: 2,
      heldFor: null,
      status: 'DELIVERED',
      settled: true,
      attempts: '{CONFIRMED_BY_OPERATOR}',
      dead: null,
    },
  ],
  [
    'DEAD_LETTER',
    { checkpoint: 2, heldFor: null, status: 'FAILED', settled: true, dead: 'LANE_DEAD_LETTERED_BY_OPERATOR' },
  ],
  // Neither held nor granted: the next owner writes the grant and sends, and asks nobody.
  ['SEND_AGAIN', { checkpoint: 1, granted: 1, heldFor: null, status: 'PROCESSED', settled: false, attempts: null }],
] as const)('G8, G13: %s is in Postgres as soon as it is DONE, whoever dies after it', async (resolution, there) => {
  await holdBefore('PROCESSED', 'UNKNOWN_OUTCOME');
  const command = await ask('RESOLVE_UNKNOWN', { resolution });
  commands = commandsOfOneThatDies();
  await lookUntilEnded(command);
  expect(await statusOf(command)).toBe('DONE');
  expect(begun.map((effect) => effect.kind)).toEqual(['RUN_COMMAND']);
  expect(await laneInPostgres()).toMatchObject(there);
});

test('G8, G13: what was resolved moves the lane that lives on, and is counted once', async () => {
  await holdBefore('PROCESSED', 'UNKNOWN_OUTCOME');
  await ask('RESOLVE_UNKNOWN', { resolution: 'ARRIVED' });
  await look(lane);
  expect(lane.state).toMatchObject({ checkpoint: 2, phase: { name: 'RESTING' } });
  expect(settledByCommands.map((item) => item.checkpoint)).toEqual([2]);
  // Settled by the command, and by nothing else.
  expect(begun.map((effect) => effect.kind)).toEqual(['RUN_COMMAND']);
});

test('G8, G13: send again is granted once more before the bytes leave, as a possible duplicate', async () => {
  await holdBefore('PROCESSED', 'UNKNOWN_OUTCOME');
  await ask('RESOLVE_UNKNOWN', { resolution: 'SEND_AGAIN' });
  await look(lane);
  expect(begun.map((effect) => effect.kind)).toEqual(['RUN_COMMAND', 'GRANT']);
  lane.tell({ kind: 'GRANTED', nowAt: 0 });
  expect(begun.at(-1)).toMatchObject({ kind: 'SEND', send: { sequenceNo: 2, possibleDuplicate: true } });
});

test('G13, G20: RESUME of a hold passes the number with its DONE, under onFailure hold as well', async () => {
  await holdBefore('FAILED', 'ON_FAILURE', { onFailure: 'hold' });
  const command = await ask('RESUME');
  commands = commandsOfOneThatDies();
  await lookUntilEnded(command);
  expect(await statusOf(command)).toBe('DONE');
  expect(await laneInPostgres()).toMatchObject({
    checkpoint: 2,
    heldFor: null,
    failedRun: 0,
    status: 'FAILED',
    settled: true,
  });
});

test('G20: RESUME begins the count again, at the interface and at the destination', async () => {
  await holdBefore('FAILED', 'PASS_LIMIT');
  await ask('RESUME');
  await look(lane);
  expect(lane.state).toMatchObject({ checkpoint: 2, failedRun: 0, failedRunCode: null });
  expect(freed).toEqual([LIS]);
});

test('G13: a command that Postgres does not bear out changes nothing, and the lane is read again', async () => {
  const head = await holdBefore('FAILED', 'ON_FAILURE', { onFailure: 'hold' });
  await store.pool.query(`UPDATE message_tracking SET status = 'RECEIVED' WHERE message_id = $1`, [head]);
  const command = await ask('RESUME');
  commands.wake();
  expect(await reopened.promise).toBe(lane);
  await commands.stop();
  expect(await statusOf(command)).toBe('PENDING');
  expect(await laneInPostgres()).toMatchObject({ checkpoint: 1, heldFor: 'ON_FAILURE', failedRun: 20 });
});

test('G13: a resolution for a lane that does not hold for an unknown outcome is refused', async () => {
  await store.pool.query(
    `UPDATE message_delivery_checkpoint SET held_for = 'UNKNOWN_OUTCOME' WHERE interface_id = $1`,
    [id],
  );
  const command = await ask('RESOLVE_UNKNOWN');
  await look(lane);
  expect(await statusOf(command)).toBe('REFUSED');
});

test.each([
  ['a late replay', 1],
  ['a repair in place', 2],
])(
  'G13, G14: after a COMMIT whose answer was lost the effect stands once and the lane knows it: %s',
  async (_, number) => {
    const head = await holdBefore('FAILED', 'ON_FAILURE', { onFailure: 'hold' });
    const command = await ask('REPLAY', { number });
    let lose = true;
    commands = commandsOver({
      ...database,
      transaction: async (work) => {
        const result = await database.transaction(work);
        if (lose) {
          lose = false;
          throw new Error('connection lost');
        }
        return result;
      },
    });
    await look(lane);
    expect(await statusOf(command)).toBe('DONE');
    expect(await replays()).toBe(number === 1 ? 1 : 0);
    // What the stages made of it before is not believed any more, and they are asked for more.
    expect(restaged).toEqual(number === 1 ? [] : [head]);
    expect(windowGet(lane.state.window, sequenceNo(2))?.status).toBe(number === 1 ? 'FAILED' : undefined);
  },
);
