import { router } from '../../trpc.ts';
import { applyConfig } from './apply-config.ts';
import { getConfig } from './get-config.ts';
import { listConfig } from './list-config.ts';

export const configRouter = router({ list: listConfig, get: getConfig, publish: applyConfig });
