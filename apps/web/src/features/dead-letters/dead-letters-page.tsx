'use client';
import { STAGES } from '@inorder/core';
import { may, rangesOf } from '@inorder/shared';
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { CheckCheck, RotateCcw, SkipForward } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTRPC, useTRPCClient } from '../../trpc/client.tsx';
import type { RouterOutputs } from '../../trpc/outputs.ts';
import { Button } from '../../ui/button.tsx';
import { Input } from '../../ui/input.tsx';
import { Page, PageHeader } from '../../ui/page-header.tsx';
import { Select } from '../../ui/select.tsx';
import { EmptyState, ErrorState } from '../../ui/state.tsx';
import { ClockTime, RelativeTime } from '../../ui/time.tsx';
import { ActionDialog, actionCommand } from '../actions/action-dialog.tsx';
import type { ActionCommand } from '../actions/action-words.ts';
import { CauseList } from './cause-list.tsx';
import { CausePanel } from './cause-panel.tsx';
import { DeadLetterTable } from './dead-letter-table.tsx';
import { DEAD_LETTER_STATES, DEAD_LETTERS_PER_PAGE } from './filter-params.ts';
import { useDeadLetterFilter } from './use-dead-letter-filter.ts';

const REFRESH_MS = 5000;
const STATE_LABELS = { open: 'Open', resolved: 'Dealt with', all: 'All' } as const;

type User = Parameters<typeof may>[0];

/** Causes and first page as the server has read them for the first paint. */
type Initial = readonly [RouterOutputs['deadLetters']['group'], RouterOutputs['deadLetters']['list']];

interface PendingAction {
  readonly commands: readonly ActionCommand[];
  readonly note?: string;
}

/** Why messages died, which ones, and what to do about one, some or all of them. */
export function DeadLettersPage({ user, initial }: { user: User; initial: Initial | undefined }) {
  const trpc = useTRPC();
  const client = useTRPCClient();
  const { params, set, filter, listFilter, filtered } = useDeadLetterFilter();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [action, setAction] = useState<PendingAction | null>(null);
  // It belongs to the filter of the first paint only.
  const [first] = useState({ key: JSON.stringify(listFilter), initial });
  const given = first.key === JSON.stringify(listFilter) ? first.initial : undefined;
  const causes = useQuery(
    trpc.deadLetters.group.queryOptions(filter, {
      refetchInterval: REFRESH_MS,
      placeholderData: keepPreviousData,
      ...(given === undefined ? {} : { initialData: given[0] }),
    }),
  );
  const list = useInfiniteQuery(
    trpc.deadLetters.list.infiniteQueryOptions(
      { filter: listFilter, limit: DEAD_LETTERS_PER_PAGE },
      {
        getNextPageParam: (page) => page.next,
        ...(given === undefined ? {} : { initialData: { pages: [given[1]], pageParams: [null] } }),
        placeholderData: keepPreviousData,
        // Rows never move under a selection or a second page.
        refetchInterval: ({ state }) => (selected.size > 0 || (state.data?.pages.length ?? 0) > 1 ? false : REFRESH_MS),
      },
    ),
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: another list, another selection
  useEffect(() => setSelected(new Set()), [listFilter]);

  const items = list.data?.pages.flatMap((page) => page.items) ?? [];
  const group = causes.data?.groups.find((each) => each.signature === params.signature);
  const nothing = causes.data !== undefined && causes.data.total === 0;
  const some = (kind: 'REPLAY' | 'SKIP') => {
    const numbers = items.filter((item) => selected.has(`${item.interfaceCode}:${item.sequenceNo}`));
    setAction({ commands: rangesOf(numbers).map((range) => actionCommand({ kind, ...range })) });
  };
  const all = async (kind: 'REPLAY' | 'SKIP') => {
    const { ranges, more, messages } = await client.deadLetters.ranges.query(listFilter);
    if (ranges.length === 0) return;
    const commands = ranges.map((range) => actionCommand({ kind, ...range }));
    setAction(
      more
        ? { commands, note: `More match than one action takes: these are the first ${messages.toLocaleString('en')}.` }
        : { commands },
    );
  };
  const retry = () => void Promise.all([causes.refetch(), list.refetch()]);
  const permitted = may(user, 'lane.act');
  const lead = <Lead causes={causes.data} state={params.state} />;

  return (
    <Page>
      <PageHeader title="Dead letters" lead={lead} actions={<Filters />} />
      {(causes.isError && causes.data === undefined) || (list.isError && list.data === undefined) ? (
        <ErrorState title="The dead letters could not be read" action={<Button onClick={retry}>Try again</Button>}>
          {(causes.error ?? list.error)?.message}
        </ErrorState>
      ) : causes.data === undefined || list.data === undefined ? (
        <Loading />
      ) : nothing ? (
        <Nothing filtered={filtered} lastFailureAt={causes.data.lastFailureAt} onClear={() => void set(null)} />
      ) : (
        <div className="grid items-start gap-5 lg:grid-cols-[19rem_minmax(0,1fr)]">
          <CauseList
            groups={causes.data.groups}
            total={causes.data.total}
            partial={causes.data.partial}
            chosen={params.signature}
            onChoose={(signature) => void set({ signature })}
          />
          <div className="flex min-w-0 flex-col gap-4">
            {group !== undefined && (
              <CausePanel
                group={group}
                actions={
                  params.state === 'open' && (
                    <>
                      <Button
                        variant="primary"
                        disabled={!permitted}
                        title={permitted ? undefined : 'Needs the right lane.act'}
                        onClick={() => void all('REPLAY')}
                      >
                        <RotateCcw aria-hidden /> Replay all {group.count.toLocaleString('en')}
                      </Button>
                      <Button
                        disabled={!permitted}
                        title={permitted ? undefined : 'Needs the right lane.act'}
                        onClick={() => void all('SKIP')}
                      >
                        <SkipForward aria-hidden /> Skip all
                      </Button>
                    </>
                  )
                }
              />
            )}
            {selected.size > 0 && (
              <SelectionBar
                count={selected.size}
                onClear={() => setSelected(new Set())}
                onAct={some}
                mayReplay={permitted || (selected.size === 1 && may(user, 'lane.replayOne'))}
                maySkip={permitted}
              />
            )}
            {list.isPlaceholderData ? (
              // Never the messages of one cause under the name of another.
              <div aria-busy className="h-96 rounded-lg border bg-surface motion-safe:animate-pulse" />
            ) : (
              <DeadLetterTable
                items={items}
                selected={selected}
                onSelect={setSelected}
                selectable={params.state !== 'resolved' && may(user, 'lane.replayOne')}
                withCause={params.signature === null}
              />
            )}
            {list.hasNextPage && (
              <Button
                className="self-center"
                disabled={list.isFetchingNextPage}
                onClick={() => void list.fetchNextPage()}
              >
                {list.isFetchingNextPage ? 'Reading …' : 'Show more'}
              </Button>
            )}
            {list.isSuccess && items.length === 0 && (
              <p className="px-1 text-muted">No message of this cause is left in this list.</p>
            )}
          </div>
        </div>
      )}
      {action !== null && (
        <ActionDialog
          key={JSON.stringify(action.commands)}
          open
          onOpenChange={(open) => {
            if (open) return;
            setAction(null);
            setSelected(new Set());
          }}
          mayHoldLane={permitted}
          {...action}
        />
      )}
    </Page>
  );
}

type Causes = RouterOutputs['deadLetters']['group'];

function Lead({ causes, state }: { causes: Causes | undefined; state: (typeof DEAD_LETTER_STATES)[number] }) {
  if (causes === undefined) return <>Reading …</>;
  if (causes.total === 0) return null;
  const [count, kinds] = [causes.total.toLocaleString('en'), causes.groups.length];
  const words = { open: 'open', resolved: 'dealt with', all: 'in all' }[state];
  return (
    <>
      {causes.partial ? `The newest ${count}` : count} {words}, {kinds === 1 ? 'of one cause' : `of ${kinds} causes`}
      {causes.lastFailureAt !== null && (
        <>
          ; last failure <RelativeTime at={causes.lastFailureAt} />
        </>
      )}
    </>
  );
}

function Loading() {
  return (
    <div aria-busy className="grid gap-5 motion-safe:animate-pulse lg:grid-cols-[19rem_minmax(0,1fr)]">
      <div className="h-72 rounded-lg border bg-surface max-lg:hidden" />
      <div className="h-96 rounded-lg border bg-surface" />
    </div>
  );
}

function Filters() {
  const { params, set } = useDeadLetterFilter();
  const [text, setText] = useState(params.interface ?? '');
  useEffect(() => setText(params.interface ?? ''), [params.interface]);
  return (
    <>
      <Select
        label="State"
        value={params.state}
        options={DEAD_LETTER_STATES.map((value) => ({ value, label: STATE_LABELS[value] }))}
        onValueChange={(state) => void set({ state, signature: null })}
      />
      <Select
        label="Stage"
        value={params.stage ?? 'any'}
        options={[
          { value: 'any', label: 'Any stage' },
          ...STAGES.map((stage) => ({ value: stage, label: stage[0] + stage.slice(1).toLowerCase() })),
        ]}
        onValueChange={(stage) => void set({ stage: stage === 'any' ? null : stage, signature: null })}
      />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void set({ interface: text.trim() === '' ? null : text.trim().toUpperCase(), signature: null });
        }}
      >
        <Input
          aria-label="Interface code"
          placeholder="Interface, e.g. LAB-0042"
          className="w-60 font-mono"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </form>
    </>
  );
}

function SelectionBar({
  count,
  onClear,
  onAct,
  mayReplay,
  maySkip,
}: {
  count: number;
  onClear: () => void;
  onAct: (kind: 'REPLAY' | 'SKIP') => void;
  mayReplay: boolean;
  maySkip: boolean;
}) {
  return (
    <section
      aria-label="Selection"
      className="sticky top-14 z-10 flex flex-wrap items-center gap-2 rounded-lg border border-accent bg-raised px-3 py-2 shadow-pop"
    >
      <span className="mr-auto font-medium" aria-live="polite">
        <span className="tabular">{count}</span> selected
      </span>
      <Button variant="ghost" onClick={onClear}>
        Clear
      </Button>
      <Button
        disabled={!maySkip}
        title={maySkip ? undefined : 'Needs the right lane.act'}
        onClick={() => onAct('SKIP')}
      >
        <SkipForward aria-hidden /> Skip
      </Button>
      <Button
        variant="primary"
        disabled={!mayReplay}
        title={mayReplay ? undefined : 'Needs the right lane.act'}
        onClick={() => onAct('REPLAY')}
      >
        <RotateCcw aria-hidden /> Replay
      </Button>
    </section>
  );
}

function Nothing({
  filtered,
  lastFailureAt,
  onClear,
}: {
  filtered: boolean;
  lastFailureAt: Date | null;
  onClear: () => void;
}) {
  if (filtered)
    return (
      <EmptyState
        title="No dead letter matches these filters"
        action={<Button onClick={onClear}>Clear the filters</Button>}
      />
    );
  return (
    <EmptyState
      icon={CheckCheck}
      title={
        lastFailureAt === null ? (
          'Nothing has failed yet'
        ) : (
          <>
            Nothing has failed since <ClockTime at={lastFailureAt} />
          </>
        )
      }
    >
      A message that cannot be delivered is kept here, with its cause and what to do about it. Its lane goes on.
    </EmptyState>
  );
}
