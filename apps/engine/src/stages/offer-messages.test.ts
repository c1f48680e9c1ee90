import { type MessageId, messageId } from '@inorder/core';
import { eventually } from '@inorder/testkit/eventually';
import { ManualClock } from '@inorder/testkit/manual-clock';
import { expect, test } from 'vitest';
import {
  connectionLost,
  inbound,
  OFFERED_TO_NOBODY,
  RecordingLanes,
  realClock,
  ShakyDatabase,
  type SiteFixture,
  silent,
  siteFixture,
} from '../../test/site-fixture.ts';
import type { Queries } from '../adapters/postgres/database.ts';
import { createIngest } from '../ingest/ingest.ts';
import { MessageOffers } from './offer-messages.ts';

/** Messages that are in the stages and in no chunk. */
async function orphans(fixture: SiteFixture, count: number): Promise<MessageId[]> {
  const ingest = createIngest({
    ...fixture,
    lanes: new RecordingLanes(),
    stages: OFFERED_TO_NOBODY,
    clock: realClock,
    logger: silent,
  });
  await Promise.all(
    Array.from({ length: count }, (_, i) => ingest.handle(inbound(fixture.shared, 'LAB-0001', `order ${i}`))),
  );
  await fixture.test.pool.query('DELETE FROM stage_claim');
  const { rows } = await fixture.test.pool.query<{ id: string }>(
    'SELECT message_id AS id FROM message_tracking ORDER BY sequence_no',
  );
  return rows.map((row) => messageId(row.id));
}

async function inChunks(fixture: SiteFixture): Promise<number[]> {
  const { rows } = await fixture.test.pool.query<{ no: string }>(
    'SELECT unnest(sequence_nos) AS no FROM stage_claim ORDER BY no',
  );
  return rows.map((row) => Number(row.no));
}

/** Holds statements back until they are let go; says how many are under way. */
class Gate implements Queries {
  readonly asked: number[] = [];
  underWay = 0;
  most = 0;
  private readonly inner: Queries;
  private held: (() => void)[] = [];

  constructor(inner: Queries) {
    this.inner = inner;
  }

  async query<Row extends object>(...[statement, values]: Parameters<Queries['query']>): Promise<Row[]> {
    this.asked.push(Array.isArray(values[0]) ? values[0].length : 0);
    this.underWay += 1;
    this.most = Math.max(this.most, this.underWay);
    await new Promise<void>((resolve) => this.held.push(resolve));
    try {
      return await this.inner.query<Row>(statement, values);
    } finally {
      this.underWay -= 1;
    }
  }

  letGo(): void {
    for (const resolve of this.held.splice(0)) resolve();
  }
}

function offersOf(queries: Queries, clock = new ManualClock()): MessageOffers {
  return new MessageOffers({ queries, queue: { offer: () => undefined }, stageStuckMs: 30_000, clock, logger: silent });
}

test('G19: however often messages are missed, one statement is under way, and each message is in one chunk', async () => {
  await using fixture = await siteFixture({ interfaces: 1 });
  const ids = await orphans(fixture, 40);
  const gate = new Gate(fixture.database);
  const offers = offersOf(gate);
  for (let round = 0; round < 20; round++) {
    offers.missed(ids);
    await Promise.resolve();
  }
  expect(gate.asked).toEqual([40]);
  gate.letGo();
  // What was named while the first was under way is asked for once more, after a rest.
  await eventually('a chunk', async () => (await inChunks(fixture)).length > 0);
  await offers.stop();
  expect(gate.most).toBe(1);
  expect(await inChunks(fixture)).toEqual(ids.map((_, i) => i + 1));
}, 60_000);

test('a look that took long is followed by a long rest, which a repair ends', async () => {
  await using fixture = await siteFixture({ interfaces: 1 });
  const [first, second, third] = await orphans(fixture, 3);
  if (first === undefined || second === undefined || third === undefined) throw new Error('three messages');
  const clock = new ManualClock();
  const gate = new Gate(fixture.database);
  const offers = offersOf(gate, clock);
  offers.missed([first]);
  await eventually('the look', () => gate.asked.length === 1);
  clock.advance(2000);
  offers.missed([second]);
  gate.letGo();
  await eventually('the rest', () => gate.underWay === 0 && clock.pending === 1);
  clock.advance(17_000);
  await Promise.resolve();
  expect(gate.asked).toEqual([1]);
  offers.repaired([third]);
  await eventually('the repair', () => gate.asked.length === 2);
  gate.letGo();
  await eventually('the repaired one', async () => (await inChunks(fixture)).includes(3));
  await eventually('the second look', () => gate.asked.length === 3);
  gate.letGo();
  await eventually('all', async () => (await inChunks(fixture)).length === 3);
  await offers.stop();
  expect(clock.pending).toBe(0);
}, 60_000);

test('G12: while Postgres is away nothing piles up, and what is missed again is offered', async () => {
  await using fixture = await siteFixture({ interfaces: 1 });
  const ids = await orphans(fixture, 1);
  const shaky = new ShakyDatabase(fixture.database);
  let tries = 0;
  shaky.fault = () => {
    tries += 1;
    if (tries === 1) throw connectionLost();
    return false;
  };
  const offers = offersOf(shaky, new ManualClock());
  offers.repaired(ids);
  await eventually('a try', () => tries === 1);
  await eventually('a chunk', async () => {
    offers.repaired(ids);
    return (await inChunks(fixture)).length === 1;
  });
  await offers.stop();
}, 60_000);
