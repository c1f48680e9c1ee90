import { ShieldAlert } from 'lucide-react';
import { grouped } from '../lag/numbers.ts';
import type { Instance, Unprotected } from './presence.ts';

/** Queues whose order does not survive a frozen reader (G3). Nothing where all do. */
export function UnprotectedQueues({ queues }: { queues: Unprotected }) {
  const { count, names } = queues;
  if (count === 0) return null;
  return (
    <section
      aria-label="Queues without an exclusive consumer"
      className="flex items-start gap-2 rounded-md bg-warn-soft px-3 py-2"
    >
      <ShieldAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
      <p className="min-w-0">
        <strong className="font-semibold text-warn">Order not protected against a frozen reader.</strong>{' '}
        {count === 1 ? 'The queue of ' : `The queues of ${count} sources have no exclusive consumer: `}
        <span className="font-medium break-words">{names.join(', ')}</span>
        {count > names.length && ` and ${count - names.length} more`}
        {count === 1 ? ' has no exclusive consumer. ' : '. '}
        <span className="text-muted">
          The broker would give later orders to a second reader while the first stands still with earlier ones. What to
          set is on the page of each interface they feed, and in{' '}
          <code className="font-mono text-xs">./inorder doctor</code>.
        </span>
      </p>
    </section>
  );
}

/** How many of the sources that one instance reads these are. */
export function UnprotectedMark({ instance }: { instance: Pick<Instance, 'unprotected' | 'unprotectedNames'> }) {
  const { unprotected, unprotectedNames: names } = instance;
  if (unprotected === 0) return null;
  const more = unprotected > names.length ? ` and ${unprotected - names.length} more` : '';
  return (
    <span
      title={`Order not protected against a frozen reader: ${names.join(', ')}${more}`}
      className="inline-flex items-center gap-1 text-xs text-warn"
    >
      <ShieldAlert aria-hidden className="size-3.5 shrink-0" strokeWidth={2.25} />
      {grouped(unprotected)} unprotected
    </span>
  );
}
