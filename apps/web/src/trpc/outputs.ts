import type { inferRouterOutputs } from '@trpc/server';
import type { AppRouter } from '../server/trpc/root.ts';

/** What the procedures answer: `RouterOutputs['messages']['get']`. */
export type RouterOutputs = inferRouterOutputs<AppRouter>;
