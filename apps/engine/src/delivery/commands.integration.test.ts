import {
  epoch,
  type InterfaceCode,
  type InterfaceId,
  instanceId,
  interfaceId,
  type LaneEvent,
  NO_TRIES,
  openLane,
  sequenceNo,
  shard,
} from '@inorder/core';
import { uuidv7 } from '@inorder/db';
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
    restage: () => undefined,
    reopen: (of) => reopened.resolve(of),
  });
}

/** A lane that carries commands out and sends nothing; its replays end at once. */
function laneOf(code: InterfaceCode): Lane {
  const { state } = openLane(
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
    },
    true,
    0,
  );
  return new Lane(hold, code, state, {
    clock: systemClock,
    carryOut: (of, effect) => {
      if (effect.kind === 'RUN_COMMAND') void commands.run(of, effect.command.commandId);
      if (effect.kind === 'SEND_REPLAY') of.tell({ kind: 'REPLAY_RECORDED', again: null, nowAt: 0 });
    },
    changed: () => undefined,
    released: () => undefined,
  });
}

async function ask(kind: 'REPLAY' | 'PAUSE'): Promise<string> {
  const command = uuidv7();
  const to = kind === 'REPLAY' ? 1 : null;
  await store.pool.query(
    `INSERT INTO lane_command (command_id, interface_id, kind, from_sequence_no, to_sequence_no, reason, actor) VALUES ($1, $2, $3, $4, $4, 'test', 'ada')`,
    [command, id, kind, to],
  );
  return command;
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

test('G13: after a COMMIT whose answer was lost the effect stands once and the lane is read again', async () => {
  const command = await ask('REPLAY');
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
  commands.wake();
  expect(await reopened.promise).toBe(lane);
  await commands.stop();
  expect(await statusOf(command)).toBe('DONE');
  expect(await replays()).toBe(1);
});
