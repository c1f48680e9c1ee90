import type { Metadata } from 'next';
import { DeadLettersPage } from '../../features/dead-letters/dead-letters-page.tsx';
import {
  DEAD_LETTERS_PER_PAGE,
  deadLetterFilters,
  loadDeadLetterParams,
} from '../../features/dead-letters/filter-params.ts';
import { requireUser } from '../../server/auth/require-user.ts';
import { serverCaller } from '../../server/trpc/caller.ts';
import type { RouteProps } from '../route-props.ts';

export const metadata: Metadata = { title: 'Dead letters' };

export default async function Dlq({ searchParams }: RouteProps) {
  const { role, phiReveal } = await requireUser('/dlq', await searchParams);
  const filter = deadLetterFilters(await loadDeadLetterParams(searchParams));
  const { deadLetters } = await serverCaller();
  // The page asks again itself; a failure here is shown by it, in its place.
  const initial = await Promise.all([
    deadLetters.group(filter.causes),
    deadLetters.list({ filter: filter.list, limit: DEAD_LETTERS_PER_PAGE }),
  ]).catch(() => undefined);
  return <DeadLettersPage user={{ role, phiReveal }} initial={initial} />;
}
