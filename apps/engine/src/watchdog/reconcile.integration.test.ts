import { epoch, interfaceCode, NO_TRIES, openLane, sequenceNo, shard, shardOf } from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import { eventually } from '@inorder/testkit/eventually';
import { ManualClock } from '@inorder/testkit/manual-clock';
import { expect, test } from 'vitest';
import { silent, siteFixture } from '../../test/site-fixture.ts';
import { Lane } from '../delivery/lane.ts';
import { DELIVERY_DEFAULTS } from '../delivery/settings.ts';
import { ShardHold } from '../delivery/shard-hold.ts';
import { Reconcile } from './reconcile.ts';

test('G6: a payload that is missing is told once while its number is the head, and ended when it is passed', async () => {
  await using fixture = await siteFixture({ interfaces: 1 });
  const [id] = fixture.interfaceIds;
  if (id === undefined) throw new Error('no interface');
  await fixture.test.pool.query(
    `INSERT INTO message_tracking (message_id, interface_id, sequence_no, status, revision) VALUES ($1, $2, 1, 'PROCESSED', 1)`,
    [uuidv7(), id],
  );
  await fixture.test.pool.query('UPDATE interface_sequence SET last_sequence_no = 1');
  const clock = new ManualClock();
  const hold = new ShardHold(shard(shardOf(id)), epoch(1), Number.POSITIVE_INFINITY);
  const record = {
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
    checkpoint: sequenceNo(0),
    granted: sequenceNo(0),
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
  } as const;
  const lane = new Lane(hold, interfaceCode('LAB-0001'), openLane(record, true, 0).state, {
    clock,
    carryOut: () => undefined,
    changed: () => undefined,
    released: () => undefined,
  });
  const told: string[] = [];
  const reconcile = new Reconcile({
    database: fixture.database,
    lanes: { get: (of) => (of === id ? lane : undefined) },
    shards: () => [hold.shard],
    incidents: { open: (kind) => told.push(`open ${kind}`), close: (kind) => told.push(`close ${kind}`) },
    clock,
    logger: silent,
    settings: DELIVERY_DEFAULTS,
    restage: () => undefined,
  });
  const { phase } = lane.state;
  reconcile.start();
  const rounds = async (n: number): Promise<void> => {
    for (let i = 0; i < n; i++) {
      clock.advance(DELIVERY_DEFAULTS.reconcileIntervalMs);
      // It asks for the next one when it is over.
      await eventually('the round is over', () => clock.pending === 1);
    }
  };
  await rounds(3);
  expect(told).toEqual(['open PAYLOAD_MISSING']);
  // A command is carried out while the watchdog looks.
  const command = { commandId: uuidv7() as never, kind: 'PAUSE' } as const;
  lane.state = { ...lane.state, phase: { name: 'COMMANDING', command, before: { name: 'RESTING' } } };
  await rounds(1);
  lane.state = { ...lane.state, phase };
  await rounds(3);
  expect(told).toEqual(['open PAYLOAD_MISSING']);
  lane.state = { ...lane.state, checkpoint: sequenceNo(1) };
  await rounds(1);
  expect(told).toEqual(['open PAYLOAD_MISSING', 'close PAYLOAD_MISSING']);
  await reconcile.stop();
});
