import { epoch, type InterfaceCode, interfaceId, shard } from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import { type InterfaceDocument, interfaceDocumentSchema } from '@inorder/shared';
import { testDatabase } from '@inorder/testkit/services';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { systemClock } from '../adapters/clock/system-clock.ts';
import { createDatabase } from '../adapters/postgres/database.ts';
import { Lane } from './lane.ts';
import { type OpenLanesOptions, openShards, reopenLane } from './open-lanes.ts';
import { DELIVERY_DEFAULTS } from './settings.ts';
import { ShardHold } from './shard-hold.ts';

test('G4: a lane that somebody opened meanwhile, and that may have bytes on the wire, is not opened over', async () => {
  await using store = await testDatabase();
  const database = createDatabase({
    url: store.url,
    statementTimeoutMs: 10_000,
    connectionsMax: 2,
    applicationName: 'test',
    clock: systemClock,
  });
  const id = interfaceId(uuidv7());
  const code = 'T-1' as InterfaceCode;
  await store.pool.query(`INSERT INTO interface (interface_id, code, name, shard) VALUES ($1, $2, 'test', 7)`, [
    id,
    code,
  ]);
  await store.pool.query(`INSERT INTO interface_sequence (interface_id) VALUES ($1)`, [id]);
  await store.pool.query(`INSERT INTO message_delivery_checkpoint (interface_id, shard) VALUES ($1, 7)`, [id]);
  const hold = new ShardHold(shard(7), epoch(1), Number.POSITIVE_INFINITY);
  const runtime = {
    clock: systemClock,
    carryOut: () => undefined,
    changed: () => undefined,
    released: () => undefined,
  };
  let live: Lane | undefined;
  const document: InterfaceDocument = interfaceDocumentSchema.parse({ route: [{ name: 'all', to: 'LIS-1' }] });
  const options: OpenLanesOptions = {
    queries: database,
    site: { delivery: () => ({ code, document, enabled: true }), revision: () => 1 },
    lanes: {
      get: () => (live?.isDead === true ? undefined : live),
      open: (of, name, decision) => {
        live?.end();
        live = new Lane(of, name, decision.state, runtime);
        return live;
      },
      takeCarried: () => undefined,
    },
    settings: DELIVERY_DEFAULTS,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
    loadDocuments: async () => undefined,
  };
  // A takeover and a change of the configuration read the same lane at the same time.
  await Promise.all([openShards(options, [{ hold, clean: true }]), reopenLane(options, hold, id)]);
  const first = live;
  expect(first?.isDead).toBe(false);
  await openShards(options, [{ hold, clean: true }]);
  expect(live).toBe(first);
  // The lane itself may ask for it: it waits until it is replaced.
  await reopenLane(options, hold, id, first);
  expect(live).not.toBe(first);
  expect(first?.isDead).toBe(true);
  await database.close();
});
