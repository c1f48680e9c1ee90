'use client';
import { refusalWords } from '@inorder/shared';
import Link from 'next/link';
import type { ReactNode } from 'react';
import { Badge, type Tone } from '../../ui/badge.tsx';
import { ClockTime } from '../../ui/time.tsx';
import type { Message } from './journey.ts';

export const STATUS_TONES: Record<Message['status'], Tone> = {
  RECEIVED: 'info',
  VALIDATED: 'info',
  ENRICHED: 'info',
  PROCESSED: 'info',
  DELIVERED: 'good',
  FAILED: 'bad',
  SKIPPED: 'calm',
  FILTERED: 'calm',
};

/** Beside the message: who else is of its order, what was done to it, and its facts. */
export function MessageAside({ message }: { message: Message }) {
  return (
    <aside className="flex flex-col gap-6" aria-label="Around this message">
      <Related message={message} />
      <Replays message={message} />
      <Commands message={message} />
      <Facts message={message} />
    </aside>
  );
}

function Related({ message }: { message: Message }) {
  return (
    <Section title="Same order">
      {message.related.length === 0 ? (
        <p className="text-muted">No other message carries this placer order number.</p>
      ) : (
        <ul className="divide-y rounded-lg border bg-surface">
          {message.related.map((other) => (
            <li
              key={`${other.interfaceCode}:${other.sequenceNo}`}
              className="flex flex-wrap items-center gap-x-2 gap-y-0.5 px-3 py-1.5"
            >
              <Link
                href={`/messages/${other.interfaceCode}/${other.sequenceNo}`}
                className="font-mono text-accent hover:underline"
              >
                {other.interfaceCode}:{other.sequenceNo}
              </Link>
              {other.orderControl !== null && <Badge>{other.orderControl}</Badge>}
              <Badge tone={STATUS_TONES[other.status]}>{other.status}</Badge>
              <span className="ml-auto text-xs text-muted">
                <ClockTime at={other.receivedAt} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function Replays({ message }: { message: Message }) {
  if (message.replays.length === 0) return null;
  return (
    <Section title="Replays">
      <ul className="divide-y rounded-lg border bg-surface">
        {message.replays.map((replay) => (
          <li key={replay.replayId} className="flex flex-col gap-0.5 px-3 py-2">
            <span className="flex items-center gap-2">
              <Badge tone={replay.state === 'DELIVERED' ? 'good' : replay.state === 'FAILED' ? 'bad' : 'info'}>
                {replay.state}
              </Badge>
              <span className="ml-auto text-xs text-muted">
                <ClockTime at={replay.requestedAt} />
              </span>
            </span>
            <span>{replay.reason}</span>
            <span className="text-xs text-muted">
              {replay.actor}
              {replay.controlId !== null && replay.controlId !== message.controlId && (
                <>
                  ; sent as <span className="font-mono">{replay.controlId}</span> instead of{' '}
                  <span className="font-mono">{message.controlId}</span>
                </>
              )}
              {replay.errorCode !== null && `; ${replay.errorCode}`}
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Commands({ message }: { message: Message }) {
  if (message.commands.length === 0) return null;
  return (
    <Section title="Acts">
      <ul className="divide-y rounded-lg border bg-surface">
        {message.commands.map((command) => (
          <li key={command.commandId} className="flex flex-col gap-0.5 px-3 py-2">
            <span className="flex items-center gap-2">
              <span className="font-medium">{command.kind.toLowerCase().replace('_', ' ')}</span>
              <Badge
                tone={
                  command.status === 'DONE'
                    ? 'good'
                    : command.status === 'REFUSED' || command.status === 'EXPIRED'
                      ? 'warn'
                      : 'info'
                }
              >
                {command.status.toLowerCase()}
              </Badge>
              <span className="ml-auto text-xs text-muted">
                <ClockTime at={command.requestedAt} />
              </span>
            </span>
            <span>{command.reason}</span>
            <span className="text-xs text-muted">
              {command.actor}
              {command.refusalCode !== null && `; ${refusalWords(command.refusalCode)}`}
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Facts({ message }: { message: Message }) {
  return (
    <Section title="Facts">
      <dl className="grid grid-cols-[6rem_minmax(0,1fr)] gap-y-1 rounded-lg border bg-surface px-3 py-2">
        <Fact name="Control id">
          <span className="font-mono break-all">{message.controlId ?? '–'}</span>
        </Fact>
        <Fact name="Destination">{message.destination ?? '–'}</Fact>
        <Fact name="Revision">{message.revision} of its interface</Fact>
        <Fact name="Settled">{message.settledAt === null ? 'not yet' : <ClockTime at={message.settledAt} />}</Fact>
        <Fact name="Lane">
          settled up to #{message.checkpoint.toLocaleString('en')} of #{message.highWater.toLocaleString('en')}
        </Fact>
      </dl>
    </Section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

export function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title} className="flex min-w-0 flex-col gap-2">
      <h2 className="font-semibold">{title}</h2>
      {children}
    </section>
  );
}
