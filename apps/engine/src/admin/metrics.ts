/**
 * `/metrics` in the Prometheus text format. Counters stay where they are counted and are read when somebody scrapes; only
 * what has a distribution is observed as it happens, once per commit or per attempt.
 *
 * **Invariant:** the number of series is bounded by configuration, not by traffic: no label per interface but for the
 * few that INORDER_METRICS_INTERFACES names, at most DESTINATIONS_MAX destinations (G19), no label from a message (G18).
 */
import {
  ATTEMPT_OUTCOMES,
  type AttemptOutcome,
  type ErrorClass,
  errorClass,
  LANE_STATES,
  type ProtectionVerdict,
} from '@inorder/core';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { SettleEntry } from '../adapters/postgres/settle-queries.ts';
import type { Numbered } from '../delivery/inbox.ts';
import type { IngestCounters } from '../ingest/ingest.ts';
import type { WaysIn } from '../ingest/sources.ts';
import type { StageCounters } from '../stages/stages.ts';
import { type LaneFigures, laneFigures, type MeasuredLane } from './lane-figures.ts';
import { LatencySample } from './latency-sample.ts';

type StageFigures = Pick<
  StageCounters,
  'processed' | 'failed' | 'filtered' | 'retried' | 'waiting' | 'waitingBytes'
> & {
  readonly handedOn?: number;
  readonly chunksTaken?: number;
  readonly chunksFound?: number;
};

/** Where the figures come from, read at scrape time. null = this instance does not have that part. */
export interface MetricSources {
  readonly version: string;
  readonly isServing: () => boolean;
  readonly ingest: () => IngestCounters | null;
  readonly waysIn: () => WaysIn | null;
  readonly stages: () => StageFigures | null;
  /** Numbers by name, as in `/counters`. */
  readonly delivery: () => object | null;
  readonly lanes: () => Iterable<MeasuredLane>;
  readonly destinations: () => readonly {
    readonly name: string;
    readonly isDown: boolean;
    readonly connections: number;
  }[];
  readonly redisHintsLost: () => number | null;
  readonly stageHintsLost: () => number | null;
  /** Codes that get series of their own. */
  readonly interfaces: readonly string[];
  readonly nowAt: () => number;
}

export interface EngineMetrics {
  /** Of SettleLoop. */
  readonly settled: (entries: readonly SettleEntry[], ms: number) => void;
  /** Of Ingest. */
  readonly stored: (messages: number, ms: number) => void;
  /** What ingest tells the lanes. */
  readonly numbered: (numbers: readonly Numbered[]) => void;
  readonly contentType: string;
  /** One walk over all lanes. */
  text(): Promise<string>;
}

export const INTERFACES_MAX = 100;
const DESTINATIONS_MAX = 200;
const ERROR_CLASSES = [
  'permanent',
  'transient',
  'endpoint',
  'ambiguous',
  'infrastructure',
  'internal',
] as const satisfies readonly ErrorClass[];
/** One commit on a disk is between half a millisecond and much too long. */
const COMMIT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const ANSWER_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const BATCH = [1, 2, 5, 10, 20, 50, 100, 200, 500];

/** prom-client's gauges under names of counters; each has the same sum by kind beside it, well named. */
const MISNAMED = ['nodejs_active_resources_total', 'nodejs_active_handles_total', 'nodejs_active_requests_total'];

export function createMetrics(sources: MetricSources): EngineMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const define = definer(registry);
  const observed = observations(registry, sources.nowAt);
  observed.define(define);
  defineProcess(define, sources);
  defineIngest(define, sources);
  defineStages(define, sources);
  defineDelivery(define, sources);
  const setFigures = defineLanes(define, sources);
  let underWay: Promise<string> | null = null;
  return {
    settled: observed.settled,
    stored: observed.stored,
    numbered: observed.numbered,
    contentType: registry.contentType,
    text() {
      underWay ??= (async () => {
        setFigures();
        return registry.metrics();
      })().finally(() => {
        underWay = null;
      });
      return underWay;
    },
  };
}

/** Label value → figure; undefined = no series now. */
type Figures = Readonly<Record<string, number | undefined>>;

interface Define {
  counter(name: string, help: string, read: () => number | null | undefined): void;
  counters(name: string, help: string, label: string, read: () => Figures): void;
  gauge(name: string, help: string, read: () => number | null | undefined): void;
  gauges(name: string, help: string, label: string, read: () => Figures): void;
}

/** Metrics whose value is read when somebody scrapes. */
function definer(registry: Registry): Define {
  const registers = [registry];
  return {
    counter(name, help, read) {
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(read() ?? 0);
        },
      });
    },
    counters(name, help, label, read) {
      new Counter({
        name,
        help,
        registers,
        labelNames: [label],
        collect() {
          this.reset();
          for (const [value, figure] of Object.entries(read())) this.inc({ [label]: value }, figure ?? 0);
        },
      });
    },
    gauge(name, help, read) {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read() ?? 0);
        },
      });
    },
    gauges(name, help, label, read) {
      new Gauge({
        name,
        help,
        registers,
        labelNames: [label],
        collect() {
          this.reset();
          for (const [value, figure] of Object.entries(read()))
            if (figure !== undefined) this.set({ [label]: value }, figure);
        },
      });
    },
  };
}

/** What has a distribution, and attempts, which are counted nowhere else by their outcome. */
function observations(registry: Registry, nowAt: () => number) {
  const histogram = (name: string, help: string, buckets: number[]): Histogram =>
    new Histogram({ name, help, buckets, registers: [registry] });
  const settleEntries = histogram('inorder_settle_batch_entries', 'Settlements in one commit', BATCH);
  const settleSeconds = histogram('inorder_settle_duration_seconds', 'One settle statement', COMMIT_SECONDS);
  const ingestMessages = histogram('inorder_ingest_batch_messages', 'JMS messages in one commit', BATCH);
  const ingestSeconds = histogram('inorder_ingest_commit_duration_seconds', 'One ingest statement', COMMIT_SECONDS);
  const attemptSeconds = histogram(
    'inorder_delivery_attempt_duration_seconds',
    'From the start of a send to its answer',
    ANSWER_SECONDS,
  );
  const messageSeconds = histogram(
    'inorder_message_duration_seconds',
    'From the arrival of a JMS message to its settled acknowledgement, for a sample taken in and delivered here',
    ANSWER_SECONDS,
  );
  const attempts: Record<AttemptOutcome, number> = zeros(ATTEMPT_OUTCOMES);
  const failures: Record<ErrorClass, number> = zeros(ERROR_CLASSES);
  const sample = new LatencySample();
  return {
    settled(entries: readonly SettleEntry[], ms: number): void {
      settleEntries.observe(entries.length);
      settleSeconds.observe(ms / 1000);
      const now = nowAt();
      for (const entry of entries) {
        for (const { note } of entry.attempts) {
          attempts[note.outcome] += 1;
          if (note.code !== null) failures[errorClass(note.code)] += 1;
          attemptSeconds.observe(note.durationMs / 1000);
        }
        for (const change of entry.item?.changes ?? []) {
          const tookMs = sample.end(change.messageId, now);
          if (tookMs !== undefined && change.to === 'DELIVERED') messageSeconds.observe(tookMs / 1000);
        }
      }
    },
    stored(messages: number, ms: number): void {
      ingestMessages.observe(messages);
      ingestSeconds.observe(ms / 1000);
    },
    numbered(numbers: readonly Numbered[]): void {
      for (const { messageId, receivedAt } of numbers) sample.arrive(messageId, receivedAt);
    },
    define(define: Define): void {
      define.counters(
        'inorder_delivery_attempts_total',
        'Attempts written down by this instance, by what is known of them',
        'outcome',
        () => attempts,
      );
      define.counters(
        'inorder_delivery_failures_total',
        'Attempts that failed, by class of their error code',
        'class',
        () => failures,
      );
    },
  };
}

function defineProcess(define: Define, sources: MetricSources): void {
  define.gauges('inorder_build_info', 'Always 1; the label tells the version', 'version', () => ({
    [sources.version]: 1,
  }));
  define.gauge('inorder_serving', '1 while this instance serves, 0 while it starts or stops', () =>
    sources.isServing() ? 1 : 0,
  );
  define.counter('inorder_redis_hints_lost_total', 'Hints that Redis did not take; nothing rests on them', () =>
    sources.redisHintsLost(),
  );
}

function defineIngest(define: Define, sources: MetricSources): void {
  define.counters(
    'inorder_ingest_messages_total',
    'What became of copies handed over: stored, known already (duplicate), rejected to the peer, given back (released)',
    'result',
    () => {
      const { stored, duplicates, rejected, released } = sources.ingest() ?? NO_INGEST;
      return { stored, duplicate: duplicates, rejected, released };
    },
  );
  define.counter(
    'inorder_ingest_ids_reused_total',
    'Stored although their JMS message id had come with other bytes',
    () => sources.ingest()?.idsReused,
  );
  define.gauge('inorder_sources_held', 'Sources whose lease this instance holds', () => sources.waysIn()?.held);
  define.gauge('inorder_listeners_open', 'AMQP listeners of our own', () => sources.waysIn()?.listeners.open);
  define.counter(
    'inorder_jms_replies_total',
    'Replies sent to JMSReplyTo; begins anew with a connection',
    () => sources.waysIn()?.replies.sent,
  );
  define.counter(
    'inorder_jms_replies_lost_total',
    'Replies to JMSReplyTo that could not be sent; begins anew with a connection',
    () => sources.waysIn()?.replies.lost,
  );
  define.gauges('inorder_source_queues', 'Queues on brokers read here, by state', 'state', () => {
    const states = { CONNECTING: 0, OPEN: 0, RETRYING: 0, CLOSED: 0 };
    for (const { state } of sources.waysIn()?.queues ?? []) states[state] += 1;
    return states;
  });
  define.gauges(
    'inorder_source_queue_protection',
    'Queues on brokers read here, by whether the broker gives them to one reader at a time (G3)',
    'verdict',
    () => {
      const verdicts = { protected: 0, not_protected: 0, not_checked: 0 };
      for (const { protection } of sources.waysIn()?.queues ?? []) verdicts[VERDICT_LABELS[protection]] += 1;
      return verdicts;
    },
  );
}

const VERDICT_LABELS = {
  PROTECTED: 'protected',
  NOT_PROTECTED: 'not_protected',
  NOT_CHECKED: 'not_checked',
} as const satisfies Record<ProtectionVerdict, string>;

const NO_INGEST = { stored: 0, duplicates: 0, rejected: 0, released: 0 };

function defineStages(define: Define, sources: MetricSources): void {
  define.counters('inorder_stage_messages_total', 'Messages that left the stages here', 'outcome', () => {
    const counters = sources.stages();
    return {
      processed: counters?.processed ?? 0,
      failed: counters?.failed ?? 0,
      filtered: counters?.filtered ?? 0,
    };
  });
  define.counter('inorder_stage_retries_total', 'Tries again in the stages', () => sources.stages()?.retried);
  define.gauge(
    'inorder_stage_waiting_messages',
    'In the stages here without an outcome',
    () => sources.stages()?.waiting,
  );
  define.gauge('inorder_stage_waiting_bytes', 'Their payload', () => sources.stages()?.waitingBytes);
  define.counter(
    'inorder_stage_handed_on_total',
    'Messages handed on to another instance',
    () => sources.stages()?.handedOn,
  );
  define.counters(
    'inorder_stage_chunks_taken_total',
    'Chunks taken that were offered, by what told of them',
    'by',
    () => {
      const { chunksTaken = 0, chunksFound = 0 } = sources.stages() ?? {};
      return { hint: chunksTaken - chunksFound, look: chunksFound };
    },
  );
  define.counter('inorder_stage_hints_lost_total', 'Hand-overs between instances that were not told', () =>
    sources.stageHintsLost(),
  );
}

function defineDelivery(define: Define, sources: MetricSources): void {
  const counted = (name: string) => (): number => {
    const value: unknown = Reflect.get(sources.delivery() ?? {}, name);
    return typeof value === 'number' ? value : 0;
  };
  const [delivered, failed, skipped, filtered] = ['delivered', 'failed', 'skipped', 'filtered'].map(counted);
  define.counters('inorder_settled_messages_total', 'Numbers settled by this instance', 'end', () => ({
    delivered: delivered?.(),
    failed: failed?.(),
    skipped: skipped?.(),
    filtered: filtered?.(),
  }));
  define.gauge('inorder_shards_held', 'Shards (of 256) whose lease this instance holds', counted('shards'));
  define.counter('inorder_epochs_lost_total', 'Leases that ended without being given back', counted('shardsLost'));
  define.counter('inorder_payload_reads_total', 'Payloads read again for sending', counted('payloadReads'));
  define.counter('inorder_head_lookups_total', 'Heads without news that were looked up', counted('lookUps'));
  define.counter('inorder_batch_checks_total', 'Reads of tracking that took', counted('batchChecks'));
  const destinations = (figure: (d: ReturnType<MetricSources['destinations']>[number]) => number) => (): Figures =>
    Object.fromEntries(
      sources
        .destinations()
        .slice(0, DESTINATIONS_MAX)
        .map((d) => [d.name, figure(d)]),
    );
  define.gauge(
    'inorder_destinations_down',
    'Destinations whose breaker is open here',
    () => sources.destinations().filter((d) => d.isDown).length,
  );
  define.gauges(
    'inorder_destination_breaker_open',
    `1 = it does not answer; the first ${DESTINATIONS_MAX} destinations used here`,
    'destination',
    destinations((d) => (d.isDown ? 1 : 0)),
  );
  define.gauges(
    'inorder_destination_connections',
    'Open connections of this instance',
    'destination',
    destinations((d) => d.connections),
  );
}

/** @returns what has to be called before each scrape. */
function defineLanes(define: Define, sources: MetricSources): () => void {
  const chosen = new Set(sources.interfaces.slice(0, INTERFACES_MAX));
  let figures: LaneFigures = laneFigures([], chosen, 0);
  define.gauges('inorder_lanes', 'Lanes owned here, by state', 'state', () =>
    Object.fromEntries(LANE_STATES.map((state) => [state, figures.byState[state]])),
  );
  define.gauge('inorder_sends_in_flight', 'Sends under way', () => figures.sendsInFlight);
  define.gauge('inorder_lag_messages', 'Given and not settled, all lanes owned here', () => figures.lag);
  define.gauge(
    'inorder_lag_oldest_age_seconds',
    'Age of the oldest unsettled number of all lanes owned here',
    () => figures.oldestAgeMs / 1000,
  );
  if (chosen.size > 0) {
    const perInterface = (figure: (lane: LaneFigures['chosen'][number]) => number) => (): Figures =>
      Object.fromEntries(figures.chosen.map((lane) => [lane.code, figure(lane)]));
    define.gauges(
      'inorder_interface_lag_messages',
      'Given and not settled, of the interfaces asked for',
      'interface',
      perInterface((lane) => lane.given - lane.settled),
    );
    define.gauges(
      'inorder_interface_oldest_age_seconds',
      'Age of the oldest unsettled number',
      'interface',
      perInterface((lane) => lane.oldestAgeMs / 1000),
    );
    define.counters(
      'inorder_interface_numbers_total',
      'Highest number given, of the interfaces asked for',
      'interface',
      perInterface((lane) => lane.given),
    );
    define.counters(
      'inorder_interface_settled_total',
      'Checkpoint, of the interfaces asked for',
      'interface',
      perInterface((lane) => lane.settled),
    );
  }
  return () => {
    figures = laneFigures(sources.lanes(), chosen, sources.nowAt());
  };
}

function zeros<K extends string>(keys: readonly K[]): Record<K, number> {
  // Every key of the union is in the list that defines it.
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;
}
