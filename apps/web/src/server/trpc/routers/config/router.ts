import { router } from '../../trpc.ts';
import { applyConfig } from './apply-config.ts';
import { getConfig } from './get-config.ts';
import { listConfig } from './list-config.ts';

// Not `apply`: tRPC's callers are functions, and that is a method of theirs.
export const configRouter = router({ list: listConfig, get: getConfig, publish: applyConfig });
