import { verifyAudit } from '@inorder/db';
import { database } from '../../../database.ts';
import { protectedProcedure } from '../../trpc.ts';

/** Walks the whole chain and names the first row that does not fit. A mutation, so that no page load starts it. */
export const verifyAuditProcedure = protectedProcedure('audit.read').mutation(() => verifyAudit(database().pool));
