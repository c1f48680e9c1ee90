/**
 * Takes chunks that are offered for the stages of this instance: those the queue tells of, and, each `pollMs`, those that
 * nobody was told of or whose instance died (G11). Several at a time: while one statement is under way the next ones
 * gather. Chunks are taken only as far ahead as there is room, so that other instances get their share.
 */
import type { Clock, InstanceId, PipelineStage } from '@inorder/core';
import type { Logger } from 'pino';
import {
  type ClaimTaker,
  DROP_CLAIMS,
  RELEASE_CLAIMS,
  readOpenClaims,
  splitClaims,
  type TakenChunk,
  takeClaims,
} from '../adapters/postgres/claim-queries.ts';
import { errorCodeOf, type Queries } from '../adapters/postgres/database.ts';
import type { StagedMessage } from './intake.ts';
import type { StageQueue } from './stage-queue.ts';

export interface ChunkIntakeOptions {
  readonly queries: Queries;
  readonly queue: StageQueue;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  readonly instance: InstanceId;
  readonly hosts: readonly PipelineStage[];
  readonly leaseMs: number;
  /** Names of the instances that live. */
  readonly living: () => readonly string[];
  readonly pollMs: number;
  /** Time that a hint may take; 0 where there are none between instances. */
  readonly hintGraceMs: number;
  /** Payload bytes read in one statement. */
  readonly bytesMax: number;
  readonly room: () => boolean;
  /** Resolves once there is room; also when the stages stop. */
  readonly whenRoom: () => Promise<void>;
  /** Claims in our hands. */
  readonly known: () => readonly string[];
  readonly refresh: () => Promise<void>;
  /** Takes a chunk that others had offered; `deaths` processes ended while they had it. */
  readonly received: (messages: readonly StagedMessage[], claimId: string, deaths: number) => void;
}

/**
 * What is done with a chunk that processes did not outlive (ADR 18). The first death says nothing yet: processes end for many
 * reasons, and what they had is wanted at once. From the second on the circle grows smaller with each: an instance has
 * few of such chunks at a time, and small ones, so that its next death speaks against few; what is innocent is soon through.
 */
const CAREFUL_FROM_DEATHS = 2;
const CAREFUL_CHUNKS_MAX = 8;
const CAREFUL_MESSAGES_MAX = 8;
/** From here on chunks are of one message. */
const SINGLE_FROM_DEATHS = 3;
/** And here that message goes alone: an instance has one of them. */
export const ALONE_FROM_DEATHS = 4;

/** Chunks taken in one statement. */
const TAKE_MAX = 8;
/** Of claims beyond it the lease decides. */
const UNANSWERED_MAX = 1000;
/** Between two looks while the last one found something: nobody tells us, so we look more often. */
const POLL_AGAIN_MS = 50;

export class ChunkIntake {
  private readonly options: ChunkIntakeOptions;
  private readonly wanted = new Map<string, PromiseWithResolvers<void>>();
  /** Claims from the take to `received`. */
  private readonly underWay = new Set<string>();
  /** Claims whose take was not answered: they may name us, and nobody else would take them for a lease. */
  private readonly unanswered = new Set<string>();
  private taking: Promise<void> | null = null;
  private looking: Promise<void> | null = null;
  /** Claims in our hands that processes did not outlive, by their deaths. */
  private readonly careful = new Map<string, number>();
  private cancel = (): void => undefined;
  private stopped = false;
  /** Chunks taken since the start. */
  taken = 0;
  /** Those of them that no hint had told of. */
  found = 0;

  constructor(options: ChunkIntakeOptions) {
    this.options = options;
  }

  start(): void {
    const { hosts, queue } = this.options;
    if (hosts.length === 0) return;
    for (const stage of hosts) queue.serve(stage, (claimId) => this.take(claimId));
    this.look();
  }

  /** Ends when what is being taken is taken. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancel();
    await Promise.all([this.taking, this.looking]);
    for (const { resolve } of this.wanted.values()) resolve();
  }

  /** Resolves when the chunk is here or elsewhere; rejects where Postgres is away, and then it is found later. */
  private take(claimId: string): Promise<void> {
    if (this.stopped) return Promise.resolve();
    const known = this.wanted.get(claimId);
    if (known !== undefined) return known.promise;
    const wanted = Promise.withResolvers<void>();
    this.wanted.set(claimId, wanted);
    this.taking ??= this.takeAll().finally(() => {
      this.taking = null;
    });
    return wanted.promise;
  }

  private async takeAll(): Promise<void> {
    // One turn of the event loop: what was told in one read is taken in one statement.
    await new Promise(setImmediate);
    while (this.wanted.size > 0 && !this.stopped) {
      await this.options.whenRoom();
      const batch = [...this.wanted].slice(0, TAKE_MAX);
      try {
        await this.takeNow(batch.map(([claimId]) => claimId));
        for (const [, { resolve }] of batch) resolve();
      } catch (error) {
        for (const [, { reject }] of batch) reject(error);
      }
      for (const [claimId] of batch) this.wanted.delete(claimId);
    }
  }

  private async takeNow(claimIds: readonly string[]): Promise<number> {
    for (const claimId of claimIds) this.underWay.add(claimId);
    try {
      return await this.takeThese(claimIds);
    } catch (error) {
      for (const claimId of claimIds) if (this.unanswered.size < UNANSWERED_MAX) this.unanswered.add(claimId);
      throw error;
    } finally {
      for (const claimId of claimIds) this.underWay.delete(claimId);
    }
  }

  private async takeThese(claimIds: readonly string[]): Promise<number> {
    const taken = await takeClaims(this.options.queries, claimIds, this.taker(claimIds), this.options.bytesMax);
    const chunks = await this.isolate(taken);
    // A repaired table or route must be seen by the very message it was repaired for.
    if (chunks.some((chunk) => chunk.messages.some((message) => message.fresh))) await this.options.refresh();
    for (const { claimId, messages, deaths } of chunks)
      if (messages.length > 0) this.options.received(messages, claimId, deaths);
    await this.tellGone(chunks.filter((chunk) => chunk.gone.length > 0));
    this.taken += chunks.length;
    return taken.length;
  }

  /** What may be run of what was taken: of chunks that processes died with only as many as `mayTake` has room for. */
  private async isolate(taken: readonly TakenChunk[]): Promise<readonly TakenChunk[]> {
    const careful = taken.filter((chunk) => chunk.deaths >= CAREFUL_FROM_DEATHS);
    if (careful.length === 0) return taken;
    const { queries, instance, logger } = this.options;
    const large = careful.filter((chunk) => chunk.messages.length + chunk.gone.length > partOf(chunk.deaths));
    const single = large.filter((chunk) => chunk.deaths >= SINGLE_FROM_DEATHS);
    if (large.length > 0) logger.warn({ chunks: large.length }, 'chunks that processes died with are taken apart');
    await splitClaims(queries, single, instance, 1);
    await splitClaims(
      queries,
      large.filter((chunk) => !single.includes(chunk)),
      instance,
      CAREFUL_MESSAGES_MAX,
    );
    const back: string[] = [];
    for (const { claimId, deaths } of careful.filter((chunk) => !large.includes(chunk))) {
      if (deaths < this.deathsBelow()) this.careful.set(claimId, deaths);
      else back.push(claimId);
    }
    if (back.length > 0) await queries.query(RELEASE_CLAIMS, [back, instance]);
    return taken.filter((chunk) => !large.includes(chunk) && !back.includes(chunk.claimId));
  }

  /** Chunks that fewer processes did not outlive may be taken now. */
  private deathsBelow(): number {
    const known = new Set([...this.options.known(), ...this.underWay]);
    for (const claimId of this.careful.keys()) if (!known.has(claimId)) this.careful.delete(claimId);
    if (this.careful.size >= CAREFUL_CHUNKS_MAX) return CAREFUL_FROM_DEATHS;
    const isAlone = [...this.careful.values()].some((deaths) => deaths >= ALONE_FROM_DEATHS);
    return isAlone ? ALONE_FROM_DEATHS : Number.MAX_SAFE_INTEGER;
  }

  /** Their lanes wait and offer them again; a person has to see why. */
  private async tellGone(chunks: readonly TakenChunk[]): Promise<void> {
    for (const messageId of chunks.flatMap((chunk) => chunk.gone))
      this.options.logger.error({ messageId }, 'the payload of a message in the stages is not in the store');
    const empty = chunks.filter((chunk) => chunk.messages.length === 0).map((chunk) => chunk.claimId);
    if (empty.length > 0) await this.options.queries.query(DROP_CLAIMS, [empty]);
  }

  /** @param asked claims that are asked for just now: the others under way are as good as in our hands. */
  private taker(asked: readonly string[] = []): ClaimTaker {
    const { instance, hosts, leaseMs, known, living } = this.options;
    const taking = [...this.underWay].filter((claimId) => !asked.includes(claimId));
    return { instance, hosts, leaseMs, known: [...known(), ...taking], living: living() };
  }

  /** What Postgres has and no hint told of. */
  private look(): void {
    this.looking = this.takeOpen()
      .catch((error: unknown): number => {
        this.options.logger.warn({ code: errorCodeOf(error) }, 'open chunks are not looked for: postgres is away');
        return 0;
      })
      .then((found) => {
        this.looking = null;
        this.found += found;
        const ms = found > 0 ? Math.min(POLL_AGAIN_MS, this.options.pollMs) : this.options.pollMs;
        if (!this.stopped) this.cancel = this.options.clock.schedule(ms, () => this.look());
      });
  }

  private async giveBackUnanswered(): Promise<void> {
    if (this.unanswered.size === 0) return;
    const inHand = new Set([...this.options.known(), ...this.underWay]);
    const asked = [...this.unanswered];
    const back = asked.filter((claimId) => !inHand.has(claimId));
    await this.options.queries.query(RELEASE_CLAIMS, [back, this.options.instance]);
    for (const claimId of asked) this.unanswered.delete(claimId);
  }

  private async takeOpen(): Promise<number> {
    const { queries, hintGraceMs } = this.options;
    let found = 0;
    await this.giveBackUnanswered();
    while (this.options.room() && !this.stopped) {
      const deathsBelow = this.deathsBelow();
      const open = await readOpenClaims(queries, this.taker(), {
        except: [...this.wanted.keys()],
        max: TAKE_MAX,
        hintGraceMs,
        deathsBelow: Math.min(deathsBelow, 1000),
      });
      const first = open.find((claim) => claim.deaths >= ALONE_FROM_DEATHS);
      const ours = open.filter((claim) => claim.deaths < ALONE_FROM_DEATHS || claim === first);
      const taken = ours.length === 0 ? 0 : await this.takeNow(ours.map((claim) => claim.claimId));
      found += taken;
      if (taken < TAKE_MAX) break;
    }
    return found;
  }
}

/** Messages that a chunk may have. */
function partOf(deaths: number): number {
  return deaths >= SINGLE_FROM_DEATHS ? 1 : CAREFUL_MESSAGES_MAX;
}
