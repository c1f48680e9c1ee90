import { STAGES } from '@inorder/core';
import { z } from 'zod';

/** What both lists and actions on "all of these" take. */
export const deadLetterFilter = z.strictObject({
  state: z.enum(['open', 'resolved', 'all']).default('open'),
  signature: z.string().max(500).optional(),
  errorCode: z.string().max(60).optional(),
  stage: z.enum(STAGES).optional(),
  interfaceCode: z.string().max(32).optional(),
  site: z.string().max(120).optional(),
});
