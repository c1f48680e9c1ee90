/** Where the figures of `/metrics` come from: what the parts of this instance count, and its clock. */
import type { IngestCounters } from '../ingest/ingest.ts';
import type { WaysIn } from '../ingest/sources.ts';
import type { StageCounters } from '../stages/stages.ts';
import type { MeasuredLane } from './lane-figures.ts';

type StageFigures = Pick<
  StageCounters,
  'processed' | 'failed' | 'filtered' | 'retried' | 'waiting' | 'waitingBytes'
> & {
  readonly handedOn?: number;
  readonly chunksTaken?: number;
  readonly chunksFound?: number;
};

/** Read at scrape time. null = this instance does not have that part. */
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
