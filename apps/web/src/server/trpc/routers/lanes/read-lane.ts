import { interfaceCode } from '@inorder/core';
import { readLaneFacts, readRecentCommands } from '@inorder/db/console';
import { z } from 'zod';
import { database } from '../../../database.ts';
import { notFound } from '../../errors.ts';
import { protectedProcedure } from '../../trpc.ts';

/** One interface: who it is, its wires, its revision, and the last commands to its lane. */
export const readLane = protectedProcedure('lane.read')
  .input(z.object({ code: z.string().transform(interfaceCode) }))
  .query(async ({ input }) => {
    const { pool } = database();
    const facts = await readLaneFacts(pool, input.code);
    if (facts === null) throw notFound(`interface ${input.code}`);
    return { ...facts, commands: await readRecentCommands(pool, facts.interfaceId) };
  });
