import { type Epoch, epoch, type SourceId } from '@inorder/core';
import { eventually } from '@inorder/testkit/eventually';
import { ManualClock } from '@inorder/testkit/manual-clock';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectionLost, ShakyDatabase, type SiteFixture, siteFixture } from '../../test/site-fixture.ts';
import { type OpenQueue, type QueueAnswer, SourceProtection } from './source-protection.ts';

const ROUND_MS = 5_000;
const MINUTE_MS = 60_000;
const SHARED = { kind: 'shared', setting: '`exclusive` on the queue' } as const;

let fixture: SiteFixture;
let clock: ManualClock;
let database: ShakyDatabase;
let protection: SourceProtection;
let lines: Record<string, unknown>[];
let asked: string[][];
/** What the broker says of each queue; a question is answered at once unless it is held. */
let answers: Map<string, QueueAnswer>;
let held: Promise<void>;
let open: OpenQueue[];

beforeEach(async () => {
  fixture = await siteFixture({ interfaces: 2 });
  clock = new ManualClock();
  database = new ShakyDatabase(fixture.database);
  [lines, asked, held] = [[], [], Promise.resolve()];
  open = [queue(fixture.shared, 'orders'), queue(fixture.both, 'copies')];
  answers = new Map<string, QueueAnswer>([
    ['orders', { kind: 'exclusive' }],
    ['copies', SHARED],
  ]);
  protection = new SourceProtection({
    queries: database,
    instance: fixture.instance,
    clock,
    logger: pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) }),
    open: () => open,
    ask: async (_, addresses, { signal }) => {
      asked.push([...addresses]);
      const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      await Promise.race([held, stopped]);
      return answers;
    },
  });
  protection.start();
});
afterEach(async () => {
  await protection.stop();
  await fixture[Symbol.asyncDispose]();
});

function queue(sourceId: SourceId, address: string, under: Epoch = epoch(1)): OpenQueue {
  const delays = { reconnectDelayMs: 50, reconnectDelayMsMax: 500 };
  const document = { kind: 'CONNECT', host: '127.0.0.1', port: 5672, ...delays } as const;
  return {
    sourceId,
    name: address,
    address,
    epoch: under,
    connection: { connectionId: 'c', name: 'broker', document },
  };
}

/** One round, to its end: the next one is scheduled then. */
async function round(ms = ROUND_MS): Promise<void> {
  clock.advance(ms);
  await eventually('the round is over', () => clock.pending === 1, { everyMs: 1 });
}

/** Rounds until so much time is over. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += ROUND_MS) await round();
}

async function stored(): Promise<string[]> {
  const { rows } = await fixture.test.pool.query<{ name: string; verdict: string; detail: string }>(
    'SELECT s.name, p.verdict, p.detail FROM source_protection p JOIN source s USING (source_id) ORDER BY s.name',
  );
  return rows.map(({ name, verdict, detail }) => `${name} ${verdict} ${detail}`.trim());
}

const told = (): unknown[] => lines.map(({ level, msg, sources }) => [level, msg, sources]);

test('G3: a queue that the broker does not keep for one reader is found, stored and told once', async () => {
  await round();
  expect(asked).toEqual([['orders', 'copies']]);
  expect(await stored()).toEqual(['copies NOT_PROTECTED Set `exclusive` on the queue', 'orders PROTECTED']);
  expect(told()).toEqual([
    [30, 'order protected against a frozen reader', ['orders']],
    [40, 'order not protected against a frozen reader', ['copies']],
  ]);
  expect([protection.verdictOf(fixture.shared), protection.verdictOf(fixture.both)]).toEqual([
    'PROTECTED',
    'NOT_PROTECTED',
  ]);

  // Asked again after ten minutes and not before; told again only of what changed.
  await pass(9 * MINUTE_MS);
  expect(asked).toHaveLength(1);
  answers.set('copies', { kind: 'exclusive' });
  await pass(MINUTE_MS);
  expect(asked).toHaveLength(2);
  expect(await stored()).toEqual(['copies PROTECTED', 'orders PROTECTED']);
  expect(told().slice(2)).toEqual([[30, 'order protected against a frozen reader', ['copies']]]);
});

test('what the broker does not show is said to be not checked, with the reason', async () => {
  answers = new Map<string, QueueAnswer>([['orders', { kind: 'unseen', reason: 'no answer'.padEnd(1_000, '!') }]]);
  await round();
  const [copies, orders] = await stored();
  expect(copies).toBe('copies NOT_CHECKED The broker did not say');
  expect(orders).toMatch(/^orders NOT_CHECKED no answer!+…$/);
  expect(orders).toHaveLength('orders NOT_CHECKED '.length + 500);
  expect(lines.map(({ level }) => level)).toEqual([30]);
});

test('a queue that is opened again is asked about sooner, but a broker that comes and goes is not pestered', async () => {
  await round();
  for (let times = 0; times < 11; times += 1) {
    protection.opened(fixture.shared);
    await round();
  }
  expect(asked).toHaveLength(1);
  await round();
  expect(asked.slice(1)).toEqual([['orders']]);
});

test('opened again while it is asked about, it is asked about once more', async () => {
  let answer = (): void => undefined;
  held = new Promise((resolve) => {
    answer = resolve;
  });
  clock.advance(ROUND_MS);
  protection.opened(fixture.both);
  answer();
  await eventually('the round is over', () => clock.pending === 1, { everyMs: 1 });
  await pass(MINUTE_MS);
  expect(asked).toEqual([['orders', 'copies'], ['copies']]);
});

test('a source that has become another queue meanwhile is not given the answer of the old one', async () => {
  let answer = (): void => undefined;
  held = new Promise((resolve) => {
    answer = resolve;
  });
  clock.advance(ROUND_MS);
  protection.forget(fixture.both);
  open = [queue(fixture.shared, 'orders'), queue(fixture.both, 'moved')];
  answer();
  await eventually('the round is over', () => clock.pending === 1, { everyMs: 1 });
  expect(await stored()).toEqual(['orders PROTECTED']);
  expect(protection.verdictOf(fixture.both)).toBeUndefined();
  // Nor is what the site file has moved on from, before this instance has heard of it.
  answers.set('moved', SHARED);
  await round();
  expect(asked.at(-1)).toEqual(['moved']);
  expect(await stored()).toEqual(['orders PROTECTED']);
});

test('who has lost the source, or holds it under a later lease, writes nothing of what was seen before', async () => {
  const take = (owner: string, id: SourceId) =>
    fixture.test.pool.query('UPDATE source_lease SET owner = $1, epoch = 2 WHERE source_id = $2', [owner, id]);
  await take('engine-b', fixture.both);
  await take(fixture.instance, fixture.shared);
  await round();
  expect(asked).toHaveLength(1);
  expect(await stored()).toEqual([]);
});

test('G12: what Postgres did not take is asked for and stored again a minute later', async () => {
  database.fault = () => {
    throw connectionLost();
  };
  await round();
  expect(await stored()).toEqual([]);
  database.fault = () => false;
  await pass(MINUTE_MS - ROUND_MS);
  expect(asked).toHaveLength(1);
  await round();
  expect(await stored()).toHaveLength(2);
});

test('stopping waits for no broker', async () => {
  held = new Promise(() => undefined);
  clock.advance(ROUND_MS);
  expect(asked).toHaveLength(1);
  await protection.stop();
  expect(clock.pending).toBe(0);
  expect(await stored()).toEqual([]);
});
