/**
 * What is observed as it happens: figures with a distribution, once per commit or per attempt, and attempts, which are
 * counted nowhere else by their outcome.
 */
import { ATTEMPT_OUTCOMES, type AttemptOutcome, type ErrorClass, errorClass } from '@inorder/core';
import { Histogram, type Registry } from 'prom-client';
import type { SettleEntry } from '../adapters/postgres/settle-queries.ts';
import type { Numbered } from '../delivery/inbox.ts';
import { LatencySample } from './latency-sample.ts';
import type { Define } from './scraped-metrics.ts';

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

export function observations(registry: Registry, nowAt: () => number) {
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

function zeros<K extends string>(keys: readonly K[]): Record<K, number> {
  // Every key of the union is in the list that defines it.
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;
}
