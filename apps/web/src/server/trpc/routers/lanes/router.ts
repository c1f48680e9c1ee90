import { router } from '../../trpc.ts';
import { readLane } from './read-lane.ts';
import { readNumbers } from './read-numbers.ts';
import { readRestoredProcedure } from './read-restored.ts';
import { readRibbon } from './read-ribbon.ts';
import { watchLanes } from './watch-lanes.ts';

export const lanesRouter = router({
  watch: watchLanes,
  read: readLane,
  ribbon: readRibbon,
  numbers: readNumbers,
  restored: readRestoredProcedure,
});
