import { durationText } from '@inorder/core';
import type { ReactNode } from 'react';
import { Badge } from '../../ui/badge.tsx';
import { cn } from '../../ui/class-names.ts';
import { RelativeTime } from '../../ui/time.tsx';
import { grouped } from '../lag/numbers.ts';
import { type Holding, type Instance, presenceOf, rolesOf } from './presence.ts';
import { PRESENCE_WORDS } from './presence-words.ts';
import { UnprotectedMark } from './unprotected-queues.tsx';

/**
 * One process and what it holds.
 * @param look class of its cells in the strip above.
 * @param sinceReadMs age of the reading: the heartbeat has aged as much since.
 */
export function InstanceCard({
  instance,
  holding,
  look,
  sinceReadMs,
}: {
  instance: Instance;
  holding: Holding | undefined;
  look: string | undefined;
  sinceReadMs: number;
}) {
  const presence = presenceOf(instance);
  const { word, icon, tone, meaning } = PRESENCE_WORDS[presence];
  const silence = durationText(instance.heartbeatAgeMs + sinceReadMs);
  const roles = rolesOf(instance);
  const shards = holding?.shards.length ?? 0;
  // What its roles do not hold is left out, unless it holds some all the same.
  const delivers = roles.includes('deliver') || shards > 0;
  const ingests = roles.includes('ingest') || instance.sources > 0;
  return (
    <article
      aria-label={instance.instance}
      data-instance={instance.instance}
      data-presence={presence}
      className={cn(
        'flex min-w-0 flex-col gap-3 rounded-lg border bg-surface p-4',
        presence === 'LOST' && 'border-bad/50',
        presence === 'STOPPED' && 'bg-transparent',
      )}
    >
      <header className="flex items-start gap-3">
        <div className="min-w-0 flex-1">
          <h3 className="font-semibold break-all">{instance.instance}</h3>
          <p className="tabular text-xs text-muted *:whitespace-nowrap">
            <span>
              {presence === 'ALIVE' ? 'Heartbeat' : 'Last heartbeat'} {silence} ago
            </span>{' '}
            <span>
              · started <RelativeTime at={instance.startedAt} />
            </span>{' '}
            <span>· version {instance.version}</span>
          </p>
        </div>
        <Badge tone={tone} icon={icon} title={meaning}>
          {word}
        </Badge>
      </header>
      {presence === 'LOST' && (
        <p className="text-bad">
          {shards === 0
            ? 'It has not said that it stops. It holds nothing any more.'
            : `It has not said that it stops. ${shards === 1 ? 'Its shard waits' : `Its ${shards} shards wait`} until the lease has run out, then another instance takes over.`}
        </p>
      )}
      <ul aria-label="Roles" className="flex flex-wrap gap-1">
        {roles.map((role) => (
          <li key={role} className="flex">
            <Badge tone="calm">{role}</Badge>
          </li>
        ))}
      </ul>
      {(delivers || ingests) && (
        <dl className="mt-auto grid grid-cols-3 gap-x-4 border-t pt-3">
          {delivers && (
            <>
              <Fact term="Shards">
                {look !== undefined && <span aria-hidden className={cn('size-3 shrink-0 rounded-[2px]', look)} />}
                {shards === 0 ? 'none' : grouped(shards)}
              </Fact>
              <Fact term="Highest epoch">{instance.epochMax === null ? '–' : grouped(instance.epochMax)}</Fact>
            </>
          )}
          {ingests && (
            <Fact term="Sources">
              {instance.sources === 0 ? 'none' : grouped(instance.sources)}
              <UnprotectedMark instance={instance} />
            </Fact>
          )}
        </dl>
      )}
    </article>
  );
}

function Fact({ term, children }: { term: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-xs text-muted">{term}</dt>
      <dd className="tabular flex flex-wrap items-center gap-x-1.5 font-medium">{children}</dd>
    </div>
  );
}
