'use client';
import { UNKNOWN_RESOLUTIONS, type UnknownResolution } from '@inorder/core';
import { may } from '@inorder/shared';
import { useQuery } from '@tanstack/react-query';
import { RotateCcw, SkipForward } from 'lucide-react';
import Link from 'next/link';
import { useState } from 'react';
import { useTRPC } from '../../trpc/client.tsx';
import { Badge, TONE_SOFT } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { cn } from '../../ui/class-names.ts';
import { CopyMenu } from '../../ui/copy-menu.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Page, PageHeader } from '../../ui/page-header.tsx';
import { EmptyState, ErrorState } from '../../ui/state.tsx';
import { ClockTime, RelativeTime } from '../../ui/time.tsx';
import { useNow } from '../../ui/use-now.ts';
import { ActionDialog, actionCommand } from '../actions/action-dialog.tsx';
import type { ActionCommand } from '../actions/action-words.ts';
import { AttemptsTable } from './attempts-table.tsx';
import { DeadLetterPanel } from './dead-letter-panel.tsx';
import { type Attempt, journeyOf, type Message, whyHere } from './journey.ts';
import { JourneyView } from './journey-view.tsx';
import { MessageAside, Section, STATUS_TONES } from './message-aside.tsx';
import { PayloadPanel } from './payload-panel.tsx';

type User = Parameters<typeof may>[0] & { readonly email: string };

/** One message: where it is and why, what was wrong, every send, its order's other messages, and what it says. */
export function MessagePage({
  code,
  sequenceNo,
  user,
  initial,
}: {
  code: string;
  sequenceNo: number;
  user: User;
  /** As the server has read it for the first paint. */
  initial: Message | undefined;
}) {
  const trpc = useTRPC();
  const name = `${code}:${sequenceNo}`;
  const query = useQuery(
    trpc.messages.get.queryOptions(
      { code, sequenceNo },
      // What has not ended is looked at again; a settled message changes only when somebody acts.
      {
        ...(initial === undefined ? {} : { initialData: initial }),
        refetchInterval: ({ state }) => (state.data !== undefined && isOpen(state.data) ? 1000 : 15_000),
      },
    ),
  );
  const message = query.data;
  if (message === undefined) {
    return (
      <Page>
        <PageHeader title={name} crumbs={[{ href: `/interfaces/${code}`, label: code }]} />
        {query.isError ? (
          <Missing
            name={name}
            code={code}
            message={query.error.message}
            notFound={query.error.data?.code === 'NOT_FOUND'}
          />
        ) : (
          <div className="h-40 rounded-lg border bg-surface motion-safe:animate-pulse" aria-busy />
        )}
      </Page>
    );
  }
  const payload = {
    code,
    sequenceNo,
    mayRead: may(user, 'payload.read'),
    mayReveal: may(user, 'phi.reveal'),
    viewer: user.email,
  };
  return (
    <Page>
      <PageHeader
        title={
          <span className="flex flex-wrap items-center gap-x-2.5 gap-y-1">
            <span className="font-mono">{name}</span>
            <Badge tone={STATUS_TONES[message.status]}>{message.status}</Badge>
            {message.replays.some((replay) => replay.state === 'DELIVERED') && <Badge tone="good">REPLAYED</Badge>}
            {message.orderControls.map((control) => (
              <Badge key={control} title="Order control (ORC-1)">
                {control}
              </Badge>
            ))}
            {message.possibleTwin && (
              <Badge tone="warn" title="Redelivered by the broker without a message id, with bytes seen before">
                possible twin
              </Badge>
            )}
          </span>
        }
        crumbs={[{ href: `/interfaces/${code}`, label: code }]}
        lead={
          <>
            {message.interfaceName}
            {message.site !== '' && `, ${message.site}`}; received <ClockTime at={message.receivedAt} /> (
            <RelativeTime at={message.receivedAt} />)
          </>
        }
        actions={<Actions message={message} user={user} />}
      />
      <Where message={message} />
      {message.deadLetter !== null && <DeadLetterPanel dead={message.deadLetter} mayRead={payload.mayRead} />}
      <div className="grid items-start gap-x-5 gap-y-6 xl:grid-cols-[minmax(0,1fr)_20rem]">
        <div className="flex min-w-0 flex-col gap-6">
          <Sends message={message} payload={payload} />
          <Section title="What it says">
            <PayloadPanel {...payload} />
          </Section>
        </div>
        <MessageAside message={message} />
      </div>
    </Page>
  );
}

function isOpen(message: Message): boolean {
  const active = message.replays.some((replay) => replay.state === 'PENDING' || replay.state === 'RUNNING');
  return (
    active ||
    message.settledAt === null ||
    message.commands.some((command) => command.status === 'PENDING' || command.status === 'RUNNING')
  );
}

function Missing({
  name,
  code,
  message,
  notFound,
}: {
  name: string;
  code: string;
  message: string;
  notFound: boolean;
}) {
  if (!notFound) return <ErrorState title={`${name} could not be read`}>{message}</ErrorState>;
  return (
    <EmptyState
      title={`There is no message ${name}`}
      action={
        <Link href={`/interfaces/${code}`} className="text-accent hover:underline">
          See {code}
        </Link>
      }
    >
      {`${message.charAt(0).toUpperCase()}${message.slice(1)}.`} Numbers are given at ingest, from 1 on without a gap.
    </EmptyState>
  );
}

const RESOLUTION_BUTTONS: Record<UnknownResolution, string> = {
  ARRIVED: 'It arrived',
  SEND_AGAIN: 'Send again',
  DEAD_LETTER: 'Give it up',
};

function Actions({ message, user }: { message: Message; user: User }) {
  const [command, setCommand] = useState<ActionCommand | null>(null);
  const { interfaceCode, sequenceNo } = message;
  const ask = (kind: 'REPLAY' | 'SKIP') =>
    setCommand(actionCommand({ kind, interfaceCode, fromSequenceNo: sequenceNo, toSequenceNo: sequenceNo }));
  const resolve = (resolution: UnknownResolution) =>
    setCommand(actionCommand({ kind: 'RESOLVE_UNKNOWN', interfaceCode, resolution }));
  const unknown = message.heldFor === 'UNKNOWN_OUTCOME' && sequenceNo === message.checkpoint + 1;
  const mayReplay = may(user, 'lane.replayOne');
  const maySkip = may(user, 'lane.act');
  const passed = sequenceNo <= message.checkpoint;
  const name = `${interfaceCode}:${sequenceNo}`;
  return (
    <>
      <CopyMenu
        items={[
          { label: 'Link', text: () => window.location.href },
          { label: 'Name', text: name },
          { label: 'Command line: trace', text: `./inorder trace ${name}` },
          ...(message.controlId === null ? [] : [{ label: 'Control id', text: message.controlId }]),
        ]}
      />
      <Button
        disabled={!maySkip || passed}
        title={maySkip ? (passed ? 'Its lane has passed it already' : undefined) : 'Needs the right lane.act'}
        onClick={() => ask('SKIP')}
      >
        <SkipForward aria-hidden /> Skip
      </Button>
      <Button
        variant={message.status === 'FAILED' ? 'primary' : 'secondary'}
        disabled={!mayReplay}
        title={mayReplay ? undefined : 'Needs the right lane.replayOne'}
        onClick={() => ask('REPLAY')}
      >
        <RotateCcw aria-hidden /> Replay
      </Button>
      {unknown &&
        UNKNOWN_RESOLUTIONS.map((resolution) => (
          <Button
            key={resolution}
            disabled={!maySkip}
            title={maySkip ? undefined : 'Needs the right lane.act'}
            onClick={() => resolve(resolution)}
          >
            {RESOLUTION_BUTTONS[resolution]}
          </Button>
        ))}
      {command !== null && (
        <ActionDialog
          key={JSON.stringify(command)}
          open
          onOpenChange={(open) => !open && setCommand(null)}
          commands={[command]}
          mayHoldLane={maySkip}
        />
      )}
    </>
  );
}

function Where({ message }: { message: Message }) {
  const now = useNow(1000);
  const why = whyHere(message, now);
  return (
    <section aria-label="Where it is" className="overflow-hidden rounded-lg border bg-surface">
      <p className={cn('px-4 py-2.5', TONE_SOFT[why.tone])}>
        <span className="text-ink" suppressHydrationWarning>
          {why.text}
        </span>
      </p>
      <div className="p-4">
        <JourneyView steps={journeyOf(message)} />
      </div>
    </section>
  );
}

function Sends({
  message,
  payload,
}: {
  message: Message;
  payload: Omit<React.ComponentProps<typeof PayloadPanel>, 'attemptId'>;
}) {
  const [answer, setAnswer] = useState<Attempt | null>(null);
  return (
    <Section title={message.attempts.length === 0 ? 'Sends' : `Sends (${message.attempts.length})`}>
      {message.attempts.length === 0 ? (
        <p className="text-muted">Nothing of it has been sent.</p>
      ) : (
        <AttemptsTable message={message} mayRead={payload.mayRead} onAnswer={setAnswer} />
      )}
      <Dialog
        open={answer !== null}
        onOpenChange={(open) => !open && setAnswer(null)}
        title={`What came back on try ${answer?.attemptNo ?? ''}`}
        description={answer?.destination === null ? undefined : `From ${answer?.destination ?? ''}`}
        className="sm:w-[48rem]"
      >
        {answer !== null && <PayloadPanel {...payload} attemptId={answer.attemptId} />}
      </Dialog>
    </Section>
  );
}
