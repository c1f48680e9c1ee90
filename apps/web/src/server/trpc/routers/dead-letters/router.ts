import { router } from '../../trpc.ts';
import { findDeadLetterRanges } from './find-dead-letter-ranges.ts';
import { groupDeadLetters } from './group-dead-letters.ts';
import { listDeadLetters } from './list-dead-letters.ts';

export const deadLettersRouter = router({
  group: groupDeadLetters,
  list: listDeadLetters,
  ranges: findDeadLetterRanges,
});
