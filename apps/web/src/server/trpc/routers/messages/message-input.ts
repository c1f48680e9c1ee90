import { z } from 'zod';

/** `LAB-0042:15` as two fields. */
export const messageInput = z.strictObject({
  code: z.string().max(32),
  sequenceNo: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
});

/** Why someone acts or looks: audited with their name. */
export const reasonInput = z.string().trim().min(10, 'give a reason of at least 10 characters').max(500);
