'use client';
import type { may } from '@inorder/shared';
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { Inbox } from 'lucide-react';
import { useQueryStates } from 'nuqs';
import { useEffect, useMemo, useRef } from 'react';
import { useTRPC } from '../../trpc/client.tsx';
import type { RouterOutputs } from '../../trpc/outputs.ts';
import { Badge } from '../../ui/badge.tsx';
import { cn } from '../../ui/class-names.ts';
import { Page, PageHeader } from '../../ui/page-header.tsx';
import { EmptyState, ErrorState } from '../../ui/state.tsx';
import type { BoardSnapshot } from '../lag/board-data.ts';
import { Holes } from './holes.tsx';
import { interfaceParams, numbersInput, ribbonInput } from './interface-params.ts';
import { LaneActions } from './lane-actions.tsx';
import { LaneHeader } from './lane-header.tsx';
import { RecentCommands } from './recent-commands.tsx';
import { RecentNumbers } from './recent-numbers.tsx';
import { type Line, ribbonCells, ribbonSegments } from './ribbon.ts';
import { SequenceRibbon } from './sequence-ribbon.tsx';
import { useLane } from './use-lane.ts';
import { Wires } from './wires.tsx';

const REFRESH_MS = 2000;
const WIRES_MS = 30_000;
/** Whoever comes back to the page sees the lane as it is: what was read before may be older than the last act on it. */
const RETURNING = { refetchOnMount: 'always' } as const;

interface InterfacePageProps {
  readonly snapshot: BoardSnapshot;
  readonly facts: RouterOutputs['lanes']['read'];
  readonly user: Parameters<typeof may>[0];
}

/** One lane: what it does now, its line of numbers, and what stands in the way. */
export function InterfacePage({ snapshot, facts: firstFacts, user }: InterfacePageProps) {
  const { code } = firstFacts;
  const trpc = useTRPC();
  const [params, setParams] = useQueryStates(interfaceParams, { history: 'replace', shallow: true });
  const live = useLane(code, snapshot);
  const { lane } = live;

  // What is seen of its wires changes without a number moving.
  const facts = useQuery(
    trpc.lanes.read.queryOptions({ code }, { initialData: firstFacts, refetchInterval: WIRES_MS, ...RETURNING }),
  ).data;
  // While numbers wait, those behind the head change in the stages, which the lane's own numbers do not tell.
  const waiting = {
    placeholderData: keepPreviousData,
    refetchInterval: lane.checkpoint < lane.highWater ? REFRESH_MS : false,
    ...RETURNING,
  } as const;
  const ribbon = useQuery(trpc.lanes.ribbon.queryOptions(ribbonInput(code, params.from), waiting));
  const numbers = useQuery(trpc.lanes.numbers.queryOptions(numbersInput(code, params.upTo), waiting));
  useRefresh(`${lane.checkpoint} ${lane.highWater} ${lane.state} ${lane.dead}`);

  const drawn = useMemo(() => {
    if (ribbon.data === undefined || ribbon.data.highWater === 0) return null;
    const { checkpoint, highWater, retainedFrom, from, to } = ribbon.data;
    const line: Line = { checkpoint, highWater, retainedFrom, waitingFor: lane.waitingFor };
    return {
      line,
      from,
      to,
      segments: ribbonSegments(line, ribbon.data.runs, ribbon.data.runsFrom),
      cells: ribbonCells(line, from, to, ribbon.data.numbers),
      holes: ribbon.data.holes.flatMap((hole) => ribbonCells(line, hole.sequenceNo, hole.sequenceNo, [hole])),
    };
  }, [ribbon.data, lane.waitingFor]);

  return (
    <Page>
      <PageHeader
        crumbs={[{ href: '/lag', label: 'Lanes' }]}
        title={
          <>
            <span className="font-mono">{code}</span> <span className="font-normal text-muted">{facts.name}</span>
          </>
        }
        lead={
          (facts.site !== '' || facts.tags.length > 0) && (
            <span className="flex flex-wrap items-center gap-1.5">
              {facts.site}
              {facts.tags.map((tag) => (
                <Badge key={tag}>{tag}</Badge>
              ))}
            </span>
          )
        }
        actions={<LaneActions code={code} lane={lane} user={user} />}
      />
      <LaneHeader code={code} live={live} renderedAt={snapshot.at} />
      {ribbon.isError && (
        <ErrorState title="The sequence could not be read">
          It is asked for again by itself; the lane goes on.
        </ErrorState>
      )}
      {ribbon.data?.highWater === 0 && (
        <EmptyState icon={Inbox} title="No message yet" className="rounded-xl border bg-surface">
          The first order that arrives gets #1. A test order:{' '}
          <code className="font-mono text-ink">./inorder send {code}</code>
        </EmptyState>
      )}
      {drawn !== null && (
        <SequenceRibbon
          code={code}
          line={drawn.line}
          segments={drawn.segments}
          cells={drawn.cells}
          from={drawn.from}
          to={drawn.to}
          onMove={(from) => void setParams({ from })}
        />
      )}
      <div
        className={cn(
          'grid items-start gap-5',
          drawn === null ? 'lg:grid-cols-2' : 'lg:grid-cols-[minmax(0,1.6fr)_minmax(0,1fr)]',
        )}
      >
        {drawn !== null && <Holes code={code} line={drawn.line} cells={drawn.holes} />}
        <div className={drawn === null ? 'contents' : 'flex flex-col gap-5'}>
          <Wires
            sources={facts.sources}
            destinations={facts.destinations}
            revision={facts.revision}
            revisionAt={facts.revisionAt}
            revisionBy={facts.revisionBy}
          />
          <RecentCommands commands={facts.commands} />
        </div>
      </div>
      {drawn !== null && numbers.data !== undefined && (
        <RecentNumbers
          code={code}
          line={drawn.line}
          numbers={numbers.data.numbers}
          from={numbers.data.from}
          to={numbers.data.to}
          onMove={(upTo) => void setParams({ upTo })}
        />
      )}
    </Page>
  );
}

/** Reads the lane's pages again when `news` changes, at once and then at most every two seconds. */
function useRefresh(news: string): void {
  const trpc = useTRPC();
  const client = useQueryClient();
  const readAt = useRef(Date.now());
  const read = useRef(news);
  useEffect(() => {
    if (read.current === news) return;
    const wait = Math.max(0, readAt.current + REFRESH_MS - Date.now());
    const timer = setTimeout(() => {
      readAt.current = Date.now();
      read.current = news;
      void client.invalidateQueries({ queryKey: trpc.lanes.pathKey() });
    }, wait);
    return () => clearTimeout(timer);
  }, [news, client, trpc]);
}
