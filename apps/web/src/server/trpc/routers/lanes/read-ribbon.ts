import { interfaceCode } from '@inorder/core';
import { RIBBON_RUN_NUMBERS_MAX, readHoles, readLaneFacts, readNumbers, readRuns } from '@inorder/db/console';
import { z } from 'zod';
import { database } from '../../../database.ts';
import { notFound } from '../../errors.ts';
import { protectedProcedure } from '../../trpc.ts';

/**
 * The line of one interface: a window of single numbers, runs of the newest ones, and the holes above the checkpoint.
 * Left and right of what the runs cover, every number is settled or was removed by retention.
 */
export const readRibbon = protectedProcedure('lane.read')
  .input(
    z.object({
      code: z.string().transform(interfaceCode),
      /** First number of the window; around the checkpoint where it is left out. */
      from: z.number().int().min(1).optional(),
      size: z.number().int().min(20).max(400).default(120),
    }),
  )
  .query(async ({ input }) => {
    const { pool } = database();
    const facts = await readLaneFacts(pool, input.code);
    if (facts === null) throw notFound(`interface ${input.code}`);
    const { interfaceId, checkpoint, highWater, retainedFrom } = facts;
    // A third of what is settled, two thirds of what is to come.
    const around = checkpoint - Math.floor(input.size / 3);
    const from = Math.max(1, Math.min(input.from ?? around, highWater - input.size + 1));
    const to = Math.min(highWater, from + input.size - 1);
    const [numbers, runs, holes] = await Promise.all([
      readNumbers(pool, interfaceId, from, to),
      readRuns(pool, interfaceId, 0, highWater),
      readHoles(pool, interfaceId, checkpoint, highWater),
    ]);
    const runsFrom = Math.max(retainedFrom, highWater - RIBBON_RUN_NUMBERS_MAX + 1);
    return { checkpoint, highWater, retainedFrom, from, to, numbers, runsFrom, runs, holes };
  });
