/**
 * `/metrics` in the Prometheus text format. Counters stay where they are counted and are read when somebody scrapes; only
 * what has a distribution is observed as it happens, once per commit or per attempt.
 *
 * **Invariant:** the number of series is bounded by configuration, not by traffic: no label per interface but for the
 * few that INORDER_METRICS_INTERFACES names (`lane-metrics.ts`), at most DESTINATIONS_MAX destinations (`part-metrics.ts`, G19),
 * no label from a message (G18).
 */
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { SettleEntry } from '../adapters/postgres/settle-queries.ts';
import type { Numbered } from '../delivery/inbox.ts';
import { defineLanes } from './lane-metrics.ts';
import type { MetricSources } from './metric-sources.ts';
import { observations } from './observed-metrics.ts';
import { defineDelivery, defineIngest, defineProcess, defineStages } from './part-metrics.ts';
import { definer } from './scraped-metrics.ts';

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
