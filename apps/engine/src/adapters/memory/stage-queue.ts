/**
 * Hints about chunks inside one process. Whoever opens a queue on the same exchange serves the same stages; chunks for a
 * stage that nobody here serves wait, within a bound, for somebody who will, and are found in Postgres by anyone else.
 */
import type { PipelineStage } from '@inorder/core';
import type { OfferedChunk, StageQueue } from '../../stages/stage-queue.ts';

/** Hints of one stage that wait. */
const WAITING_MAX = 20_000;
/** Chunks that one queue takes at a time, per stage. */
const TAKES_MAX = 8;

interface Server {
  readonly take: (claimId: string) => Promise<void>;
  readonly taking: Set<Promise<void>>;
}

interface Stage {
  readonly waiting: string[];
  readonly servers: Server[];
}

export class MemoryStageExchange {
  private readonly stages = new Map<PipelineStage, Stage>();
  private readonly waitingMax: number;
  private readonly takesMax: number;

  constructor(limits: { readonly waitingMax?: number; readonly takesMax?: number } = {}) {
    this.waitingMax = limits.waitingMax ?? WAITING_MAX;
    this.takesMax = limits.takesMax ?? TAKES_MAX;
  }

  open(): StageQueue {
    return new MemoryStageQueue(this);
  }

  /** Gives back how many found no room. */
  put(stage: PipelineStage, chunks: readonly OfferedChunk[]): number {
    const { waiting } = this.stage(stage);
    const taken = chunks.slice(0, Math.max(0, this.waitingMax - waiting.length));
    for (const chunk of taken) waiting.push(chunk.claimId);
    this.handOut(stage);
    return chunks.length - taken.length;
  }

  join(stage: PipelineStage, server: Server): void {
    this.stage(stage).servers.push(server);
    this.handOut(stage);
  }

  leave(stage: PipelineStage, server: Server): void {
    const { servers } = this.stage(stage);
    const at = servers.indexOf(server);
    if (at >= 0) servers.splice(at, 1);
  }

  private stage(name: PipelineStage): Stage {
    let stage = this.stages.get(name);
    if (stage === undefined) {
      stage = { waiting: [], servers: [] };
      this.stages.set(name, stage);
    }
    return stage;
  }

  /** In a later turn, as the other adapter does: nobody is called from within `offer`. */
  private handOut(name: PipelineStage): void {
    setImmediate(() => {
      const { waiting, servers } = this.stage(name);
      while (waiting.length > 0) {
        // Whoever has the least to do.
        const server = servers.reduce<Server | undefined>(
          (least, one) => (least === undefined || one.taking.size < least.taking.size ? one : least),
          undefined,
        );
        if (server === undefined || server.taking.size >= this.takesMax) return;
        const claimId = waiting.shift();
        if (claimId !== undefined) this.give(name, server, claimId);
      }
    });
  }

  private give(name: PipelineStage, server: Server, claimId: string): void {
    const taking = (async () => server.take(claimId))()
      .catch(() => undefined)
      .finally(() => {
        server.taking.delete(taking);
        this.handOut(name);
      });
    server.taking.add(taking);
  }
}

class MemoryStageQueue implements StageQueue {
  lost = 0;
  private readonly exchange: MemoryStageExchange;
  private readonly served = new Map<PipelineStage, Server>();
  private closed = false;

  constructor(exchange: MemoryStageExchange) {
    this.exchange = exchange;
  }

  offer(stage: PipelineStage, chunks: readonly OfferedChunk[]): void {
    this.lost += this.closed ? chunks.length : this.exchange.put(stage, chunks);
  }

  serve(stage: PipelineStage, take: (claimId: string) => Promise<void>): void {
    if (this.served.has(stage)) throw new Error(`stage ${stage} is served already`);
    if (this.closed) return;
    const server: Server = { take, taking: new Set() };
    this.served.set(stage, server);
    this.exchange.join(stage, server);
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const [stage, server] of this.served) this.exchange.leave(stage, server);
    await Promise.all([...this.served.values()].flatMap((server) => [...server.taking]));
  }
}
