/**
 * What the parts of an instance have counted themselves: the process, ingest, the stages, delivery and its destinations.
 *
 * **Invariant:** the labels are few and fixed, but for the names of at most DESTINATIONS_MAX destinations (G19), and none
 * comes from a message (G18).
 */
import type { ProtectionVerdict } from '@inorder/core';
import type { MetricSources } from './metric-sources.ts';
import type { Define, Figures } from './scraped-metrics.ts';

const DESTINATIONS_MAX = 200;

export function defineProcess(define: Define, sources: MetricSources): void {
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

export function defineIngest(define: Define, sources: MetricSources): void {
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

export function defineStages(define: Define, sources: MetricSources): void {
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

export function defineDelivery(define: Define, sources: MetricSources): void {
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
