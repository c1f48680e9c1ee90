'use client';
import { durationText } from '@inorder/core';
import { QUEUE_BOARD_PATH } from '@inorder/shared';
import { useQuery } from '@tanstack/react-query';
import { Layers, RefreshCw, Server } from 'lucide-react';
import { useTRPC } from '../../trpc/client.tsx';
import { Button, buttonStyle } from '../../ui/button.tsx';
import { Page, PageHeader } from '../../ui/page-header.tsx';
import { EmptyState, ErrorState } from '../../ui/state.tsx';
import { useNow } from '../../ui/use-now.ts';
import { InstanceCard } from './instance-card.tsx';
import { useOwnerLooks } from './owner-looks.ts';
import { holdingsOf, hostsOf, type Instance, inOrder, presenceOf, unprotectedOf } from './presence.ts';
import { RoleTiles } from './role-tiles.tsx';
import { ShardStrip } from './shard-strip.tsx';
import { UnprotectedQueues } from './unprotected-queues.tsx';

/** Sources that are named where they have no exclusive consumer; the others are counted. */
const NAMES_MAX = 5;
const READ_MS = 2000;
/** Two readings missed: what is on screen is called old. */
const OLD_MS = 3 * READ_MS;

/** Which engine processes there are, what each of them does, and who owns which lanes. */
export function InstancesPage({ seesQueues }: { seesQueues: boolean }) {
  const trpc = useTRPC();
  const read = useQuery(trpc.instances.list.queryOptions(undefined, { refetchInterval: READ_MS, retry: false }));
  const now = useNow(1000);
  const sinceReadMs = Math.max(0, now - read.dataUpdatedAt);
  return (
    <Page>
      <PageHeader
        title="Instances"
        lead={
          read.data === undefined ? 'The engine processes and what each of them holds.' : summary(read.data.instances)
        }
        actions={
          <>
            {read.data !== undefined && <Freshness sinceReadMs={sinceReadMs} />}
            {seesQueues && (
              // Not a page of Next: bull-board, through the console.
              <a href={QUEUE_BOARD_PATH} className={buttonStyle()}>
                <Layers aria-hidden /> Stage queues
              </a>
            )}
          </>
        }
      />
      {read.data !== undefined ? (
        <Instances {...read.data} sinceReadMs={sinceReadMs} />
      ) : read.isError ? (
        <ErrorState
          title="The instances could not be read"
          action={<Button onClick={() => void read.refetch()}>Try again</Button>}
        >
          {read.error.message}
        </ErrorState>
      ) : (
        <p aria-busy="true" className="py-12 text-center text-muted">
          Reading …
        </p>
      )}
    </Page>
  );
}

function Instances({
  instances,
  shards,
  sinceReadMs,
}: {
  instances: readonly Instance[];
  shards: Parameters<typeof holdingsOf>[0];
  sinceReadMs: number;
}) {
  const holdings = holdingsOf(shards, instances);
  const looks = useOwnerLooks(holdings);
  if (instances.length === 0) {
    return (
      <EmptyState icon={Server} title="No engine has run in the last day">
        Orders wait at their senders until one does. Start one with{' '}
        <code className="font-mono text-xs text-ink">./inorder up</code>.
      </EmptyState>
    );
  }
  return (
    <>
      <RoleTiles hosts={hostsOf(instances)} />
      <UnprotectedQueues queues={unprotectedOf(instances, NAMES_MAX)} />
      <ShardStrip shards={shards} holdings={holdings} looks={looks} />
      <ul aria-label="Instances" className="grid gap-3 md:grid-cols-2 xl:grid-cols-3">
        {inOrder(instances).map((instance) => (
          <li key={instance.instance} className="grid min-w-0">
            <InstanceCard
              instance={instance}
              holding={holdings.find(({ owner }) => owner === instance.instance)}
              look={looks.get(instance.instance)}
              sinceReadMs={sinceReadMs}
            />
          </li>
        ))}
      </ul>
    </>
  );
}

/** `3 alive, 1 lost, 2 stopped in the last day`. */
function summary(instances: readonly Instance[]): string {
  const count = (presence: ReturnType<typeof presenceOf>) =>
    instances.filter((each) => presenceOf(each) === presence).length;
  const [alive, lost, stopped] = [count('ALIVE'), count('LOST'), count('STOPPED')];
  return [
    `${alive === 0 ? 'None' : alive} alive`,
    ...(lost > 0 ? [`${lost} lost`] : []),
    ...(stopped > 0 ? [`${stopped} stopped in the last day`] : []),
  ].join(', ');
}

function Freshness({ sinceReadMs }: { sinceReadMs: number }) {
  const old = sinceReadMs > OLD_MS;
  return (
    <span
      data-testid="instances-live"
      data-live={old ? 'off' : 'on'}
      className="inline-flex items-center gap-1.5 text-xs font-medium"
    >
      {old ? (
        <span className="inline-flex items-center gap-1.5 text-warn">
          <RefreshCw aria-hidden className="size-3.5" /> Reconnecting, {durationText(sinceReadMs)} old
        </span>
      ) : (
        <>
          <span aria-hidden className="pulse-dot size-2 rounded-full bg-good" /> <span className="text-good">Live</span>
        </>
      )}
    </span>
  );
}
