import {
  destinationId,
  epoch,
  type InterfaceCode,
  instanceId,
  interfaceId,
  messageId,
  NO_TRIES,
  openLane,
  sequenceNo,
  shard,
} from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import { destinationDocumentSchema } from '@inorder/shared';
import { ScriptedLis } from '@inorder/testkit/scripted-lis';
import { testDatabase } from '@inorder/testkit/services';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { systemClock } from '../adapters/clock/system-clock.ts';
import { openDestination } from '../adapters/destination.ts';
import { createDatabase, type Database } from '../adapters/postgres/database.ts';
import { acquire, observe } from '../adapters/postgres/lease-queries.ts';
import { keepStaged } from '../adapters/postgres/replay-queries.ts';
import { Destinations } from './destinations.ts';
import { Incidents } from './incidents.ts';
import { Lane } from './lane.ts';
import { Replays } from './replays.ts';
import { DELIVERY_DEFAULTS } from './settings.ts';
import { ShardHold } from './shard-hold.ts';

const LOGGER = pino({ level: 'silent' });
const OWNER = instanceId('a');
const ORDER = Buffer.from('MSH|^~\\&|E|S|LIS|LAB|20260101||OML^O21|C1|P|2.5.1\rPID|1\r');

test('G14, G16: a replay whose record fails, or whose answer holds a NUL, is sent once and recorded once', async () => {
  await using store = await testDatabase();
  const database = createDatabase({
    url: store.url,
    statementTimeoutMs: 10_000,
    connectionsMax: 4,
    applicationName: 'test',
    clock: systemClock,
  });
  const lis = await ScriptedLis.start();
  const [id, message, replayId, command] = [interfaceId(uuidv7()), messageId(uuidv7()), uuidv7(), uuidv7()];
  const to = destinationId(uuidv7());
  const { pool } = store;
  await pool.query(`INSERT INTO interface (interface_id, code, name, shard) VALUES ($1, 'T-1', 'test', 7)`, [id]);
  await pool.query(`INSERT INTO interface_sequence (interface_id, last_sequence_no) VALUES ($1, 1)`, [id]);
  await pool.query(
    `INSERT INTO message_tracking (message_id, interface_id, sequence_no, status, revision, settled_at) VALUES ($1, $2, 1, 'FAILED', 1, now())`,
    [message, id],
  );
  await pool.query(`INSERT INTO message_payload (message_id, format, raw) VALUES ($1, 'HL7V2', $2)`, [message, ORDER]);
  await pool.query(
    `INSERT INTO replay (replay_id, command_id, interface_id, sequence_no, message_id, actor, reason) VALUES ($1, $2, $3, 1, $4, 'ada', 'test')`,
    [replayId, command, id, message],
  );
  const staged = { payload: ORDER, controlId: 'C1', destinationId: to };
  expect(await keepStaged(database, replayId, staged)).toBe(true);
  // A former owner that wakes up changes nothing of it.
  expect(await keepStaged(database, replayId, { ...staged, controlId: 'C2' })).toBe(false);
  const [got] = await acquire(database, OWNER, 10_000, (await observe(database)).leases.slice(7, 8));
  const hold = new ShardHold(shard(7), epoch(got?.epoch ?? 0), Number.POSITIVE_INFINITY);

  let lose = 2;
  const flaky: Database = {
    ...database,
    query: async (statement, values) => {
      const fails = statement.name === 'replay_record' && lose-- > 0;
      // The first time nothing is written, the second time only the answer is lost.
      if (fails && lose === 1) throw new Error('connection lost');
      const rows = await database.query(statement, values);
      if (fails) throw new Error('connection lost');
      return rows as never;
    },
  };
  const destinations = new Destinations<Lane>({
    clock: systemClock,
    logger: LOGGER,
    settings: DELIVERY_DEFAULTS,
    incidents: new Incidents(database, LOGGER),
    refresh: async () => undefined,
    find: (wanted) => ({
      destinationId: wanted,
      name: 'LIS-1',
      document: destinationDocumentSchema.parse({ kind: 'MLLP', host: '127.0.0.1', port: lis.port }),
      connection: null,
    }),
    open: (wire) => openDestination(wire, systemClock, LOGGER),
    wake: () => false,
  });
  const replays = new Replays({
    database: flaky,
    owner: OWNER,
    clock: systemClock,
    logger: LOGGER,
    settings: DELIVERY_DEFAULTS,
    destinations,
    stage: () => Promise.reject(new Error('it was staged')),
    destinationByName: () => to,
  });
  const replay = {
    replayId,
    sequenceNo: sequenceNo(1),
    messageId: message,
    attempts: 0,
    notBeforeAt: 0,
    holdLane: false,
  };
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
      replays: [replay],
      failedOrders: new Map(),
    },
    true,
    0,
  );
  const lane = new Lane(hold, 'T-1' as InterfaceCode, state, {
    clock: systemClock,
    carryOut: () => undefined,
    changed: () => undefined,
    released: () => undefined,
  });
  const run = replays.run(lane, replay);
  const sent = await lis.next();
  sent.acknowledge('AR', ['ERR|||1\u000001|E']);
  await run;
  expect(lane.state.phase.name).toBe('RESTING');
  expect(await Promise.race([lis.next(), Promise.resolve('nothing')])).toBe('nothing');
  const { rows } = await pool.query('SELECT outcome FROM delivery_attempt WHERE message_id = $1', [message]);
  expect(rows).toEqual([{ outcome: 'NACKED' }]);
  await destinations.close();
  await lis.stop();
  await database.close();
});
