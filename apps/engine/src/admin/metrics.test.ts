import {
  type Epoch,
  type InterfaceCode,
  interfaceId,
  type LaneState,
  messageId,
  sequenceNo,
  shard,
} from '@inorder/core';
import { expect, test } from 'vitest';
import type { SettleEntry } from '../adapters/postgres/settle-queries.ts';
import type { MeasuredLane } from './lane-figures.ts';
import { INTERFACES_MAX } from './lane-metrics.ts';
import type { MetricSources } from './metric-sources.ts';
import { createMetrics } from './metrics.ts';

const NOW = Date.UTC(2026, 0, 1);
const MESSAGE = messageId('01900000-0000-7000-8000-000000000001');
const LANE = interfaceId('01900000-0000-7000-8000-000000000002');

const QUIET: MetricSources = {
  version: '0.1.0',
  isServing: () => true,
  ingest: () => ({ stored: 7, duplicates: 1, idsReused: 0, rejected: 2, released: 3, batches: 4 }),
  waysIn: () => ({
    replies: { sent: 3, lost: 1 },
    listeners: { wanted: 1, open: 1 },
    queues: [{ name: 'orders', state: 'RETRYING', protection: 'NOT_PROTECTED' }],
    held: 2,
  }),
  stages: () => ({ processed: 5, failed: 1, filtered: 0, retried: 0, waiting: 3, waitingBytes: 900 }),
  delivery: () => ({ delivered: 4, failed: 1, skipped: 0, filtered: 0, shards: 256, lookUps: 2 }),
  lanes: () => [],
  destinations: () => [{ name: 'LIS "A"\\1', isDown: true, connections: 0 }],
  redisHintsLost: () => 9,
  stageHintsLost: () => null,
  interfaces: [],
  nowAt: () => NOW,
};

function lane(code: string, checkpoint: number, highWater: number, phase = 'RESTING'): MeasuredLane {
  // What the figures read of a lane's state, and no more.
  const state = {
    interfaceId: LANE,
    checkpoint,
    highWater,
    enabled: true,
    paused: null,
    phase: { name: phase, send: { attemptNo: 1 } },
  } as unknown as LaneState;
  return { code: code as InterfaceCode, state, isDead: false, oldestAt: () => NOW - 60_000 };
}

function entry(durationMs: number): SettleEntry {
  const note = {
    sequenceNo: sequenceNo(1),
    messageId: MESSAGE,
    attemptNo: 1,
    kind: 'FIRST',
    outcome: 'ACKED',
    destinationId: null,
    code: null,
    ackCode: 'AA',
    detail: null,
    controlId: 'C1',
    response: null,
    durationMs,
  } as const;
  const unknown = { ...note, outcome: 'UNKNOWN', code: 'MLLP_ACK_TIMEOUT' } as const;
  return {
    shard: shard(1),
    epoch: 1 as Epoch,
    interfaceId: LANE,
    item: {
      interfaceId: LANE,
      expectedCheckpoint: sequenceNo(0),
      checkpoint: sequenceNo(1),
      grantedThrough: sequenceNo(1),
      changes: [{ sequenceNo: sequenceNo(1), messageId: MESSAGE, from: 'PROCESSED', to: 'DELIVERED', settles: true }],
      deadLetters: [],
      attempts: [],
      failedRun: 0,
      failedRunCode: null,
      heldFor: null,
    },
    attempts: [
      { attemptId: '1', note: unknown },
      { attemptId: '2', note },
    ],
  };
}

/** Name and labels → value. Fails on a line that the text format 0.0.4 does not know, and on a name that is no habit. */
function parse(text: string): Map<string, number> {
  const series = new Map<string, number>();
  const types = new Map<string, string>();
  const described = new Set<string>();
  expect(text.endsWith('\n')).toBe(true);
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const help = /^# HELP ([a-z_:][a-z0-9_:]*) (\S.*)$/.exec(line);
    const type = /^# TYPE ([a-z_:][a-z0-9_:]*) (counter|gauge|histogram|summary)$/.exec(line);
    if (help !== null) {
      expect(described.has(help[1] ?? ''), `described twice: ${line}`).toBe(false);
      described.add(help[1] ?? '');
      continue;
    }
    if (type !== null) {
      types.set(type[1] ?? '', type[2] ?? '');
      continue;
    }
    const sample =
      /^([a-z_:][a-z0-9_:]*)((?:\{(?:[a-z_][a-z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)+\})?) (-?[0-9.]+(?:e[+-]?[0-9]+)?|[+-]Inf|NaN)$/i.exec(
        line,
      );
    expect(sample, `not the text format: ${line}`).not.toBeNull();
    const [, name = '', labels = '', value = ''] = sample ?? [];
    const family = types.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '');
    expect(types.has(family) && described.has(family), `no TYPE or HELP: ${line}`).toBe(true);
    expect(series.has(name + labels), `twice: ${line}`).toBe(false);
    if (name.startsWith('inorder_')) {
      expect(types.get(family) === 'counter', `a counter ends in _total, nothing else does: ${name}`).toBe(
        name.endsWith('_total'),
      );
      expect(name, 'base units only').not.toMatch(/_(ms|milliseconds|minutes|kb|mb)(_|$)/);
    }
    series.set(name + labels, Number(value));
  }
  return series;
}

test('what it writes is the Prometheus text format, with names by its conventions', async () => {
  const metrics = createMetrics({ ...QUIET, interfaces: ['LAB-0001'], lanes: () => [lane('LAB-0001', 3, 10)] });
  metrics.settled([entry(120)], 4);
  metrics.stored(3, 2);
  const series = parse(await metrics.text());
  expect(Object.fromEntries(series)).toMatchObject({
    'inorder_build_info{version="0.1.0"}': 1,
    'inorder_ingest_messages_total{result="stored"}': 7,
    inorder_stage_waiting_messages: 3,
    'inorder_settled_messages_total{end="delivered"}': 4,
    'inorder_delivery_attempts_total{outcome="ACKED"}': 1,
    'inorder_delivery_attempts_total{outcome="UNKNOWN"}': 1,
    'inorder_delivery_failures_total{class="ambiguous"}': 1,
    'inorder_delivery_failures_total{class="permanent"}': 0,
    'inorder_source_queues{state="RETRYING"}': 1,
    'inorder_source_queue_protection{verdict="protected"}': 0,
    'inorder_source_queue_protection{verdict="not_protected"}': 1,
    'inorder_destination_breaker_open{destination="LIS \\"A\\"\\\\1"}': 1,
    inorder_redis_hints_lost_total: 9,
    inorder_settle_batch_entries_count: 1,
    'inorder_settle_duration_seconds_bucket{le="0.005"}': 1,
    inorder_ingest_batch_messages_sum: 3,
    inorder_delivery_attempt_duration_seconds_count: 2,
    inorder_lag_messages: 7,
    inorder_lag_oldest_age_seconds: 60,
    'inorder_interface_lag_messages{interface="LAB-0001"}': 7,
  });
  expect(series.get('process_cpu_seconds_total')).toBeGreaterThan(0);
});

test('a second scrape tells the same, not the sum of both', async () => {
  const metrics = createMetrics(QUIET);
  await metrics.text();
  const [a, b] = await Promise.all([metrics.text(), metrics.text()]);
  expect(parse(a).get('inorder_ingest_messages_total{result="stored"}')).toBe(7);
  expect(parse(b).get('inorder_ingest_messages_total{result="stored"}')).toBe(7);
});

test('the time from arrival to settled acknowledgement is that of the message', async () => {
  const metrics = createMetrics(QUIET);
  metrics.numbered([{ interfaceId: LANE, messageId: MESSAGE, sequenceNo: sequenceNo(1), receivedAt: NOW - 40 }]);
  metrics.settled([entry(5)], 1);
  metrics.settled([entry(5)], 1);
  const series = parse(await metrics.text());
  expect(series.get('inorder_message_duration_seconds_count')).toBe(1);
  expect(series.get('inorder_message_duration_seconds_sum')).toBeCloseTo(0.04);
});

test('G19: ten thousand lanes and destinations make no more series than two', async () => {
  const many = Array.from({ length: 10_000 }, (_, i) => i);
  const crowd = createMetrics({
    ...QUIET,
    lanes: () => many.map((i) => lane(`LAB-${i}`, 0, 1, i % 2 === 0 ? 'RESTING' : 'SENDING')),
    destinations: () => many.map((i) => ({ name: `LIS-${i}`, isDown: true, connections: 1 })),
    interfaces: many.map((i) => `LAB-${i}`),
  });
  const series = parse(await crowd.text());
  const withLabel = (label: string): number => [...series.keys()].filter((key) => key.includes(`{${label}=`)).length;
  expect(series.get('inorder_lag_messages')).toBe(10_000);
  expect(series.get('inorder_sends_in_flight')).toBe(5000);
  expect(series.get('inorder_destinations_down')).toBe(10_000);
  expect(withLabel('interface')).toBe(4 * INTERFACES_MAX);
  expect(series.size).toBeLessThan(1200);
  const plain = parse(await createMetrics({ ...QUIET, lanes: () => many.map((i) => lane(`LAB-${i}`, 0, 1)) }).text());
  expect([...plain.keys()].filter((key) => key.includes('interface='))).toEqual([]);
});

test('counters and nothing else end in _total: `promtool check metrics` has nothing to say', async () => {
  const types = (await createMetrics(QUIET).text()).match(/^# TYPE .*$/gm) ?? [];
  const families = types.map((line) => line.split(' ').slice(2));
  expect(families.length).toBeGreaterThan(50);
  expect(families.filter(([name, type]) => name?.endsWith('_total') !== (type === 'counter'))).toEqual([]);
});
