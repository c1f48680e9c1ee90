import type { RouterOutputs } from '../../trpc/outputs.ts';

/** A command with what its dry run says it would do. */
export type PlannedCommand = RouterOutputs['commands']['plan'][number];
