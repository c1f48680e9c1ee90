/**
 * Health and metrics of one engine. Opened before the parts it looks at, because the admin HTTP answers while they
 * start; told of them by `attach` once they are there.
 */
import type { Clock } from '@inorder/core';
import type { Dependency } from '@inorder/shared';
import type { Database } from '../adapters/postgres/database.ts';
import { ping, readStanding } from '../adapters/postgres/store-check.ts';
import type { LaneInbox } from '../delivery/inbox.ts';
import type { Ingest } from '../ingest/ingest.ts';
import type { Sources } from '../ingest/sources.ts';
import type { Stages } from '../stages/stages.ts';
import { engineDependencies } from './dependencies.ts';
import type { MeasuredLane } from './lane-figures.ts';
import type { MetricSources } from './metric-sources.ts';
import { createMetrics, type EngineMetrics } from './metrics.ts';

export interface OperationsOptions {
  readonly version: string;
  readonly instance: string;
  readonly leaseMs: number;
  readonly database: Database;
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly isServing: () => boolean;
  readonly hasRedis: boolean;
  readonly takesIn: boolean;
  /** INORDER_METRICS_INTERFACES. */
  readonly interfaces: readonly string[];
}

/** The parts of a running engine, as far as they are looked at. */
export interface RunningParts {
  /** null where this instance delivers nothing. */
  readonly delivery: {
    counters(): object;
    readonly lanes: { all(): Iterable<MeasuredLane> };
    readonly destinations: { states: MetricSources['destinations'] };
  } | null;
  readonly stages: Pick<Stages, 'counters'> | null;
  readonly ingest: Pick<Ingest, 'counters'>;
  readonly sources: Pick<Sources, 'waysIn'>;
  readonly redis: { ping(): Promise<unknown>; readonly lost: number } | null;
  readonly stageQueue: { readonly lost: number } | null;
}

export interface Operations {
  readonly dependencies: readonly Dependency[];
  readonly metrics: EngineMetrics;
  /** The inbox that ingest is given: what it says is heard here too. */
  watch(lanes: LaneInbox): LaneInbox;
  attach(parts: RunningParts): void;
}

export function openOperations(options: OperationsOptions): Operations {
  const { version, instance, leaseMs, database, clock, isServing, hasRedis, takesIn, interfaces } = options;
  let parts: RunningParts | null = null;
  const dependencies = engineDependencies({
    ping: () => ping(database),
    standing: () => readStanding(database, instance),
    leaseMs,
    redisPing: hasRedis ? async () => (await parts?.redis?.ping()) ?? Promise.reject(new Error('not begun')) : null,
    waysIn: takesIn ? () => parts?.sources.waysIn() ?? null : null,
  });
  const metrics = createMetrics({
    version,
    isServing,
    ingest: () => parts?.ingest.counters() ?? null,
    waysIn: () => parts?.sources.waysIn() ?? null,
    stages: () => parts?.stages?.counters() ?? null,
    delivery: () => parts?.delivery?.counters() ?? null,
    lanes: () => parts?.delivery?.lanes.all() ?? [],
    destinations: () => parts?.delivery?.destinations.states() ?? [],
    redisHintsLost: () => parts?.redis?.lost ?? null,
    stageHintsLost: () => parts?.stageQueue?.lost ?? null,
    interfaces,
    nowAt: () => clock.wallMs(),
  });
  return {
    dependencies,
    metrics,
    watch: (lanes) => ({
      numbered(numbers) {
        metrics.numbered(numbers);
        lanes.numbered(numbers);
      },
      stageEnded: (ends) => lanes.stageEnded(ends),
    }),
    attach(running) {
      parts = running;
    },
  };
}
