import type { Disposition, InboundMessage } from '@inorder/core';
import fc from 'fast-check';
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
import { createIngest, type Ingest } from './ingest.ts';

/**
 * A broker's queue: unsettled messages stay in their place and are handed over again, flagged, by the next reader.
 * It judges by what was *accepted*, which is all that a sender can rely on.
 */
class Queue {
  readonly accepted: number[] = [];
  readonly #messages: { readonly index: number; readonly message: InboundMessage; deliveries: number }[];

  constructor(messages: readonly InboundMessage[]) {
    this.#messages = messages.map((message, index) => ({ index, message, deliveries: 0 }));
  }

  get empty(): boolean {
    return this.#messages.length === 0;
  }

  /** Hands over up to `credit` in order; what is not accepted stays. */
  async read(ingest: Ingest, credit: number): Promise<void> {
    const given = this.#messages.slice(0, credit);
    await Promise.all(
      given.map(async (each) => {
        each.deliveries += 1;
        const disposition: Disposition = await ingest.handle({ ...each.message, redelivered: each.deliveries > 1 });
        if (disposition.kind !== 'accept') return;
        this.accepted.push(each.index);
        this.#messages.splice(this.#messages.indexOf(each), 1);
      }),
    );
  }
}

type Fault = 'none' | 'before' | 'after';
interface Life {
  readonly faults: readonly Fault[];
  /** The process is killed at this statement; what it had not settled is handed over again. */
  readonly crashAt: number;
  readonly crashAfterCommit: boolean;
  readonly credit: number;
}

const life: fc.Arbitrary<Life> = fc.record({
  faults: fc.array(fc.constantFrom<Fault>('none', 'before', 'after'), { maxLength: 6 }),
  crashAt: fc.integer({ min: 1, max: 6 }),
  crashAfterCommit: fc.boolean(),
  credit: fc.integer({ min: 1, max: 30 }),
});

/** One process on the queue until it crashes or the queue is empty. */
async function live(fixture: SiteFixture, queue: Queue, plan: Life | undefined): Promise<void> {
  const database = new ShakyDatabase(fixture.database);
  const crashed = Promise.withResolvers<void>();
  let statements = 0;
  let dead = false;
  database.fault = (name) => {
    if (plan === undefined || name === 'site_version') return false;
    if (dead) throw connectionLost();
    const fault = plan.faults[statements++] ?? 'none';
    if (statements === plan.crashAt) {
      dead = true;
      crashed.resolve();
      if (!plan.crashAfterCommit) throw connectionLost();
      return true;
    }
    if (fault === 'before') throw connectionLost();
    return fault === 'after';
  };
  const ingest = createIngest({
    ...fixture,
    database,
    lanes: new RecordingLanes(),
    stages: OFFERED_TO_NOBODY,
    clock: realClock,
    logger: silent,
    limits: { ingestBatchMax: 7, retryDelayMs: 1, retryDelayMsMax: 1 },
  });
  const reading = (async () => {
    while (!queue.empty && !dead) await queue.read(ingest, plan?.credit ?? 50);
  })();
  await Promise.race([reading, crashed.promise]);
  await ingest.stop();
  await reading;
}

test('G1, G2: redelivery storms, lost answers and crashes leave no gap, no twin, no order swallowed or overtaken', async () => {
  await using fixture = await siteFixture({ interfaces: 3 });
  const { pool } = fixture.test;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 60 }),
      fc.array(life, { maxLength: 4 }),
      async (lanes, lives) => {
        await pool.query('TRUNCATE message_tracking, message_payload, ingest_key, stage_claim, incident');
        await pool.query('UPDATE interface_sequence SET last_sequence_no = 0');
        const messages = lanes.map((lane, index) => inbound(fixture.shared, fixture.codes[lane] ?? '', String(index)));
        const queue = new Queue(messages);
        for (const plan of lives) await live(fixture, queue, plan);
        await live(fixture, queue, undefined);

        const { rows } = await pool.query<{ code: string; no: string; raw: Buffer; last: string }>(
          `SELECT i.code, t.sequence_no AS no, p.raw, s.last_sequence_no AS last
             FROM message_tracking t JOIN interface i USING (interface_id) JOIN message_payload p USING (message_id)
             JOIN interface_sequence s USING (interface_id) ORDER BY i.code, t.sequence_no`,
        );
        expect(queue.accepted.toSorted((a, b) => a - b)).toEqual(messages.map((_, index) => index));
        for (const [lane, code] of fixture.codes.entries()) {
          const own = rows.filter((row) => row.code === code);
          const sent = lanes.flatMap((each, index) => (each === lane ? [String(index)] : []));
          expect(own.map((row) => row.raw.toString())).toEqual(sent);
          expect(own.map((row) => Number(row.no))).toEqual(sent.map((_, index) => index + 1));
          for (const row of own) expect(Number(row.last)).toBe(sent.length);
        }
      },
    ),
    { numRuns: 40 },
  );
}, 60_000);
