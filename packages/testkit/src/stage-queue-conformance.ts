/**
 * What every stage queue must do, wherever its hints lie: one battery for the in-process and the distributed one. The
 * order in which chunks come is promised by neither.
 */
import { randomUUID } from 'node:crypto';
import type { PipelineStage } from '@inorder/core';
import { describe, expect, test } from 'vitest';
import { eventually } from './eventually.ts';

export interface ConformanceChunk {
  readonly claimId: string;
  readonly messages: number;
}

export interface ConformanceStageQueue {
  offer(stage: PipelineStage, chunks: readonly ConformanceChunk[]): void;
  serve(stage: PipelineStage, take: (claimId: string) => Promise<void>): void;
  readonly lost: number;
  close(): Promise<void>;
}

/** Instances that can hand chunks to each other, and to nobody else. */
export interface StageQueueFleet extends AsyncDisposable {
  /** Of one more instance; resolves when it can offer. The fleet closes it if the test did not. */
  join(): Promise<ConformanceStageQueue>;
}

export interface StageQueueHarness {
  readonly name: string;
  open(): Promise<StageQueueFleet>;
  /** Chunks that one instance takes at a time, per stage. */
  readonly takesMax: number;
}

export function chunks(count: number): ConformanceChunk[] {
  return Array.from({ length: count }, () => ({ claimId: randomUUID(), messages: 1 }));
}

export function claimIds(offered: readonly ConformanceChunk[]): string[] {
  return offered.map((chunk) => chunk.claimId).sort();
}

/** Takes whatever comes and remembers it. */
export class TakeLog {
  readonly taken: string[] = [];
  readonly take = async (claimId: string): Promise<void> => {
    this.taken.push(claimId);
  };
}

export function taken(...logs: readonly TakeLog[]): string[] {
  return logs.flatMap((log) => log.taken).sort();
}

export async function allTaken(offered: readonly ConformanceChunk[], ...logs: readonly TakeLog[]): Promise<void> {
  const expected = claimIds(offered);
  await eventually('every chunk offered is taken', () => new Set(taken(...logs)).size >= expected.length, {
    everyMs: 5,
    shown: () => ({ offered: expected.length, taken: taken(...logs).length }),
  });
  expect(taken(...logs)).toEqual(expected);
}

export function stageQueueConformance(harness: StageQueueHarness): void {
  describe(`${harness.name} as a stage queue`, () => {
    test('hands each chunk to one of several instances', async () => {
      await using fleet = await harness.open();
      const logs = [new TakeLog(), new TakeLog(), new TakeLog()];
      for (const log of logs) (await fleet.join()).serve('VALIDATE', log.take);
      const offering = await fleet.join();
      const offered = chunks(300);
      // In three calls of one turn, and each chunk alone.
      offering.offer('VALIDATE', offered.slice(0, 100));
      offering.offer('VALIDATE', offered.slice(100, 200));
      for (const chunk of offered.slice(200)) offering.offer('VALIDATE', [chunk]);
      await allTaken(offered, ...logs);
      expect(offering.lost).toBe(0);
    });

    test('hands 5,000 chunks out once each', async () => {
      await using fleet = await harness.open();
      const logs = [new TakeLog(), new TakeLog()];
      for (const log of logs) (await fleet.join()).serve('VALIDATE', log.take);
      const offered = chunks(5000);
      (await fleet.join()).offer('VALIDATE', offered);
      await allTaken(offered, ...logs);
    });

    test('keeps stages apart', async () => {
      await using fleet = await harness.open();
      const validate = new TakeLog();
      const enrich = new TakeLog();
      (await fleet.join()).serve('VALIDATE', validate.take);
      const both = await fleet.join();
      both.serve('ENRICH', enrich.take);
      const toValidate = chunks(40);
      const toEnrich = chunks(30);
      const toRoute = chunks(20);
      both.offer('ENRICH', toEnrich);
      both.offer('VALIDATE', toValidate);
      both.offer('ROUTE', toRoute);
      await allTaken(toValidate, validate);
      await allTaken(toEnrich, enrich);
      const route = new TakeLog();
      both.serve('ROUTE', route.take);
      await allTaken(toRoute, route);
    });

    test('hands a chunk that is offered again out again', async () => {
      await using fleet = await harness.open();
      const log = new TakeLog();
      const queue = await fleet.join();
      queue.serve('ENRICH', log.take);
      const [chunk] = chunks(1);
      if (chunk === undefined) throw new Error('no chunk');
      for (let time = 1; time <= 3; time += 1) {
        queue.offer('ENRICH', [chunk]);
        await eventually('the chunk comes again', () => log.taken.length === time, { everyMs: 5 });
      }
      expect(new Set(log.taken)).toEqual(new Set([chunk.claimId]));
    });

    test('goes on after a chunk that could not be taken', async () => {
      await using fleet = await harness.open();
      const queue = await fleet.join();
      const log = new TakeLog();
      const refused: string[] = [];
      const offered = chunks(100);
      const bad = new Set(offered.filter((_, i) => i % 3 === 0).map((chunk) => chunk.claimId));
      queue.serve('ROUTE', async (claimId) => {
        if (!bad.has(claimId)) return log.take(claimId);
        refused.push(claimId);
        throw new Error('postgres is away');
      });
      queue.offer('ROUTE', offered);
      await allTaken(
        offered.filter((chunk) => !bad.has(chunk.claimId)),
        log,
      );
      await eventually('each of the others was handed out too', () => new Set(refused).size === bad.size);
    });

    test('G19: takes a bounded number of chunks at a time', async () => {
      await using fleet = await harness.open();
      const queue = await fleet.join();
      const log = new TakeLog();
      const release = Promise.withResolvers<void>();
      let atOnce = 0;
      queue.serve('VALIDATE', async (claimId) => {
        atOnce += 1;
        await release.promise;
        await log.take(claimId);
      });
      const offered = chunks(harness.takesMax * 3);
      queue.offer('VALIDATE', offered);
      await eventually('as many as may be are being taken', () => atOnce === harness.takesMax, { everyMs: 5 });
      // What this instance cannot take, another can.
      const other = new TakeLog();
      (await fleet.join()).serve('VALIDATE', other.take);
      await eventually('the other takes the rest', () => other.taken.length === harness.takesMax * 2, { everyMs: 5 });
      expect(atOnce).toBe(harness.takesMax);
      release.resolve();
      await allTaken(offered, log, other);
    });

    test('ends what it is taking when it is closed, takes no more, and leaves the rest to others', async () => {
      await using fleet = await harness.open();
      const leaving = await fleet.join();
      const begun: string[] = [];
      const log = new TakeLog();
      const release = Promise.withResolvers<void>();
      leaving.serve('VALIDATE', async (claimId) => {
        begun.push(claimId);
        await release.promise;
        await log.take(claimId);
      });
      const offered = chunks(200);
      const offering = await fleet.join();
      offering.offer('VALIDATE', offered);
      await eventually('it takes what it may', () => begun.length === harness.takesMax, { everyMs: 5 });
      let closed = false;
      const closing = leaving.close().then(() => {
        closed = true;
      });
      const staying = new TakeLog();
      (await fleet.join()).serve('VALIDATE', staying.take);
      await eventually('the other takes the rest', () => staying.taken.length === 200 - harness.takesMax, {
        everyMs: 5,
      });
      expect(closed).toBe(false);
      release.resolve();
      await closing;
      expect(begun).toHaveLength(harness.takesMax);
      await allTaken(offered, log, staying);
    });

    test('counts what is offered after it was closed as lost, and closes twice', async () => {
      await using fleet = await harness.open();
      const queue = await fleet.join();
      await queue.close();
      queue.offer('ENRICH', chunks(3));
      expect(queue.lost).toBe(3);
      await queue.close();
    });

    test('serves a stage once', async () => {
      await using fleet = await harness.open();
      const queue = await fleet.join();
      queue.serve('ENRICH', new TakeLog().take);
      expect(() => queue.serve('ENRICH', new TakeLog().take)).toThrow('served already');
    });
  });
}
