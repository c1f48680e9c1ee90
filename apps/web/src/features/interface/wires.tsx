import { FileCog, LogIn, LogOut, type LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import type { RouterOutputs } from '../../trpc/outputs.ts';
import { RelativeTime } from '../../ui/time.tsx';
import { SourceProtection } from './source-protection.tsx';

interface WiresProps {
  readonly sources: RouterOutputs['lanes']['read']['sources'];
  readonly destinations: readonly { readonly name: string; readonly kind: string; readonly address: string }[];
  readonly revision: number;
  readonly revisionAt: Date | null;
  readonly revisionBy: string | null;
}

/** Where its orders come from and what their order rests on there, where they go, and under which revision. */
export function Wires({ sources, destinations, revision, revisionAt, revisionBy }: WiresProps) {
  return (
    <section aria-labelledby="wires-title" className="rounded-xl border bg-surface">
      <h2 id="wires-title" className="border-b px-4 py-2.5 font-semibold">
        Wires
      </h2>
      <div className="flex flex-col gap-3 p-4">
        <Wire icon={LogIn} label="From">
          {sources.length === 0 && <span className="text-muted">no source feeds it</span>}
          {sources.map((source) => (
            <div key={source.name} className="not-last:mb-1.5">
              <p>
                <span className="font-medium">{source.name}</span>{' '}
                <span className="break-all text-muted">
                  {source.address} on {source.connection}
                </span>
              </p>
              {source.protection !== null && <SourceProtection protection={source.protection} />}
            </div>
          ))}
        </Wire>
        <Wire icon={LogOut} label="To">
          {destinations.length === 0 && <span className="text-muted">no route leads anywhere</span>}
          {destinations.map((destination) => (
            <p key={destination.name}>
              <span className="font-medium">{destination.name}</span>{' '}
              <span className="break-all text-muted">
                {destination.kind} {destination.address}
              </span>
            </p>
          ))}
        </Wire>
        <Wire icon={FileCog} label="Revision">
          <p>
            <span className="font-medium">{revision}</span>{' '}
            {revisionAt !== null && (
              <span className="text-muted">
                by {revisionBy}, <RelativeTime at={revisionAt} />
              </span>
            )}
          </p>
        </Wire>
      </div>
    </section>
  );
}

function Wire({ icon: Icon, label, children }: { icon: LucideIcon; label: string; children: ReactNode }) {
  return (
    <div className="flex gap-3">
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0 text-faint" />
      <div className="min-w-0">
        <h3 className="text-xs text-muted">{label}</h3>
        {children}
      </div>
    </div>
  );
}
