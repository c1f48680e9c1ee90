'use client';
import { useState } from 'react';
import { cn } from '../../ui/class-names.ts';
import { NOBODY_LOOK } from './owner-looks.ts';
import { type Holding, rangesText, type Shard } from './presence.ts';

const RANGES_MAX = 6;

/** The owner of each of the 256 shards as one cell, and the same in words below. A click on a name shows only its cells. */
export function ShardStrip({
  shards,
  holdings,
  looks,
}: {
  shards: readonly Shard[];
  holdings: readonly Holding[];
  looks: ReadonlyMap<string, string>;
}) {
  const [shown, setShown] = useState<string | null>(null);
  const lookOf = (owner: string | null) => (owner === null ? undefined : looks.get(owner)) ?? NOBODY_LOOK;
  const free = shards.flatMap(({ owner }, shard) => (owner === null ? [shard] : []));
  const chosen = holdings.some(({ owner }) => owner === shown) ? shown : null;
  return (
    <section aria-labelledby="shards-heading" className="flex flex-col gap-3 rounded-lg border bg-surface p-4">
      <div>
        <h2 id="shards-heading" className="font-semibold">
          Who owns which lanes
        </h2>
        <p className="text-muted">
          Every interface belongs to one of {shards.length} shards, and the owner of a shard runs its lanes.
        </p>
      </div>
      <div
        role="img"
        data-testid="shard-strip"
        aria-label={`${shards.length} shards. ${[
          ...holdings.map((each) => `${each.owner}${each.alive ? '' : ', which is gone,'} owns ${each.shards.length}`),
          ...(free.length > 0 ? [`nobody owns ${free.length}`] : []),
        ].join('; ')}.`}
        className="grid grid-cols-[repeat(32,minmax(0,1fr))] gap-px sm:grid-cols-[repeat(64,minmax(0,1fr))]"
      >
        {shards.map(({ owner, epoch }, shard) => (
          <span
            // biome-ignore lint/suspicious/noArrayIndexKey: the position is the shard
            key={shard}
            title={owner === null ? `Shard ${shard}: nobody` : `Shard ${shard}: ${owner}, epoch ${epoch}`}
            data-owner={owner ?? ''}
            className={cn(
              'h-3.5 rounded-[2px] transition-opacity',
              lookOf(owner),
              chosen !== null && owner !== chosen && 'opacity-20',
            )}
          />
        ))}
      </div>
      <ul aria-label="Shards by owner" className="grid gap-x-6 gap-y-1 sm:grid-cols-2 xl:grid-cols-3">
        {holdings.map(({ owner, shards: held, alive }) => (
          <li key={owner} className="min-w-0">
            <button
              type="button"
              aria-pressed={chosen === owner}
              onClick={() => setShown(chosen === owner ? null : owner)}
              className="flex w-full items-start gap-2 rounded-md px-1.5 py-1 text-left hover:bg-hover aria-pressed:bg-accent-soft"
            >
              <span aria-hidden className={cn('mt-1 size-3 shrink-0 rounded-[2px]', lookOf(owner))} />
              <span className="min-w-0">
                <span className="font-medium break-all">{owner}</span>{' '}
                <span className="tabular">
                  {held.length} {held.length === 1 ? 'shard' : 'shards'}
                </span>
                {!alive && <span className="font-medium text-bad">, but it is gone</span>}
                <span className="block text-xs text-muted tabular">{rangesText(held, RANGES_MAX)}</span>
              </span>
            </button>
          </li>
        ))}
        {free.length > 0 && (
          <li className="flex min-w-0 items-start gap-2 px-1.5 py-1">
            <span aria-hidden className={cn('mt-1 size-3 shrink-0 rounded-[2px]', NOBODY_LOOK)} />
            <span className="min-w-0">
              <span className="font-medium text-bad">Nobody</span>{' '}
              <span className="tabular">
                {free.length} {free.length === 1 ? 'shard' : 'shards'}
              </span>
              <span className="block text-xs text-muted tabular">{rangesText(free, RANGES_MAX)}</span>
            </span>
          </li>
        )}
      </ul>
    </section>
  );
}
