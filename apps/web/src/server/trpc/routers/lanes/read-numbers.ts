import { interfaceCode } from '@inorder/core';
import { readLaneFacts, readRecent } from '@inorder/db/console';
import { z } from 'zod';
import { database } from '../../../database.ts';
import { notFound } from '../../errors.ts';
import { protectedProcedure } from '../../trpc.ts';

/** A page of numbers with what became of sending them, newest first. */
export const readNumbers = protectedProcedure('lane.read')
  .input(
    z.object({
      code: z.string().transform(interfaceCode),
      /** The highest number of the page; the high-water mark where it is left out. */
      upTo: z.number().int().min(1).optional(),
      size: z.number().int().min(1).max(200).default(25),
    }),
  )
  .query(async ({ input }) => {
    const { pool } = database();
    const facts = await readLaneFacts(pool, input.code);
    if (facts === null) throw notFound(`interface ${input.code}`);
    const to = Math.min(input.upTo ?? facts.highWater, facts.highWater);
    const from = Math.max(1, to - input.size + 1);
    const numbers = to === 0 ? [] : await readRecent(pool, facts.interfaceId, from, to);
    return { checkpoint: facts.checkpoint, highWater: facts.highWater, from, to, numbers };
  });
