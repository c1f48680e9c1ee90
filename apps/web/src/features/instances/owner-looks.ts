import { useRef } from 'react';
import { coloursOf, type Holding } from './presence.ts';

/** Written out, so that Tailwind finds the class names. */
const COLOURS = [
  'bg-owner-1',
  'bg-owner-2',
  'bg-owner-3',
  'bg-owner-4',
  'bg-owner-5',
  'bg-owner-6',
  'bg-owner-7',
  'bg-owner-8',
] as const;

/** Of shards that a lost or stopped instance still holds. */
const GONE_LOOK = 'stripes-bad';
/** Of shards that nobody holds. */
export const NOBODY_LOOK = 'bg-transparent ring-1 ring-inset ring-control';

/** Owner → class of its cells. Who is there keeps its colour for as long as the page is open; who is gone is striped red. */
export function useOwnerLooks(holdings: readonly Holding[]): ReadonlyMap<string, string> {
  const remembered = useRef<ReadonlyMap<string, number>>(new Map());
  const colours = coloursOf(
    remembered.current,
    holdings.filter(({ alive }) => alive).map(({ owner }) => owner),
  );
  // Idempotent: the same owners give the same colours however often this renders.
  remembered.current = colours;
  return new Map(
    holdings.map(({ owner, alive }) => [owner, alive ? (COLOURS[colours.get(owner) ?? 0] ?? COLOURS[0]) : GONE_LOOK]),
  );
}
