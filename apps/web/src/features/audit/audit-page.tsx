'use client';
import { keepPreviousData, useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { ShieldAlert, ShieldCheck } from 'lucide-react';
import Link from 'next/link';
import { parseAsString, useQueryStates } from 'nuqs';
import { useEffect, useState } from 'react';
import { useTRPC } from '../../trpc/client.tsx';
import type { RouterOutputs } from '../../trpc/outputs.ts';
import { Button } from '../../ui/button.tsx';
import { Input } from '../../ui/input.tsx';
import { Page, PageHeader } from '../../ui/page-header.tsx';
import { EmptyState, ErrorState } from '../../ui/state.tsx';
import { Table, Td, Th, Tr } from '../../ui/table.tsx';
import { ClockTime } from '../../ui/time.tsx';

type Item = RouterOutputs['audit']['list']['items'][number];
type Verdict = RouterOutputs['audit']['verify'];

const PARAMS = { actor: parseAsString, action: parseAsString, target: parseAsString };
const NAMES = ['actor', 'action', 'target'] as const;
const PLACEHOLDERS = { actor: 'Who', action: 'What, e.g. command.skip', target: 'To what, e.g. LAB-0042' };

/** Who did what to what, and why; and whether anybody has touched the record. */
export function AuditPage() {
  const trpc = useTRPC();
  const [params, set] = useQueryStates(PARAMS, { history: 'push' });
  const filter = Object.fromEntries(NAMES.flatMap((name) => (params[name] ? [[name, params[name]]] : [])));
  const list = useInfiniteQuery(
    trpc.audit.list.infiniteQueryOptions(
      { ...filter, limit: 100 },
      {
        initialCursor: null,
        getNextPageParam: (page) => page.next,
        placeholderData: keepPreviousData,
        refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) > 1 ? false : 5000),
      },
    ),
  );
  const verify = useMutation(trpc.audit.verify.mutationOptions());
  const items = list.data?.pages.flatMap((page) => page.items) ?? [];
  const filtered = Object.keys(filter).length > 0;
  return (
    <Page>
      <PageHeader
        title="Audit"
        lead="Every act, configuration change and look at a payload, newest first. Nothing is ever changed or removed."
        actions={
          <Button disabled={verify.isPending} onClick={() => verify.mutate()}>
            <ShieldCheck aria-hidden /> {verify.isPending ? 'Verifying …' : 'Verify the chain'}
          </Button>
        }
      />
      <VerdictLine verdict={verify.data} />
      <div className="grid gap-2 sm:grid-cols-3">
        {NAMES.map((name) => (
          <FilterInput
            key={name}
            label={PLACEHOLDERS[name]}
            value={params[name] ?? ''}
            onCommit={(value) => void set({ [name]: value === '' ? null : value })}
          />
        ))}
      </div>
      {list.isError ? (
        <ErrorState
          title="The audit could not be read"
          action={<Button onClick={() => void list.refetch()}>Try again</Button>}
        >
          {list.error.message}
        </ErrorState>
      ) : list.isSuccess && items.length === 0 ? (
        <EmptyState
          title={filtered ? 'Nothing in the audit matches' : 'Nothing has been done yet'}
          action={filtered && <Button onClick={() => void set(null)}>Clear the filters</Button>}
        />
      ) : (
        <>
          <AuditTable items={items} />
          {list.hasNextPage && (
            <Button
              className="self-center"
              disabled={list.isFetchingNextPage}
              onClick={() => void list.fetchNextPage()}
            >
              {list.isFetchingNextPage ? 'Reading …' : 'Show more'}
            </Button>
          )}
        </>
      )}
    </Page>
  );
}

const WHY_BROKEN: Record<Extract<Verdict, { ok: false }>['why'], string> = {
  CHANGED: 'is not what was written',
  UNLINKED: 'does not follow the row before it',
  MISSING: 'is missing',
};

function VerdictLine({ verdict }: { verdict: Verdict | undefined }) {
  if (verdict === undefined) return null;
  if (verdict.ok) {
    return (
      <p role="status" className="flex items-start gap-2.5 rounded-md bg-good-soft px-3 py-2">
        <ShieldCheck aria-hidden className="mt-0.5 size-4 shrink-0 text-good" />
        <span className="min-w-0">
          All {verdict.rows.toLocaleString('en')} rows hold. Last hash{' '}
          <span className="font-mono text-xs break-all">{verdict.lastHash}</span>: keep it elsewhere, and a cut-off end
          shows too.
        </span>
      </p>
    );
  }
  return (
    <p role="alert" className="flex items-start gap-2.5 rounded-md bg-bad-soft px-3 py-2">
      <ShieldAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-bad" />
      <span>
        The chain is broken: row {verdict.auditId.toLocaleString('en')} {WHY_BROKEN[verdict.why]}. The{' '}
        {verdict.rows.toLocaleString('en')} rows before it hold.
      </span>
    </p>
  );
}

function FilterInput({ label, value, onCommit }: { label: string; value: string; onCommit: (value: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onCommit(text.trim());
      }}
    >
      <Input
        aria-label={label}
        placeholder={label}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onBlur={() => text.trim() !== value && onCommit(text.trim())}
      />
    </form>
  );
}

function AuditTable({ items }: { items: readonly Item[] }) {
  return (
    <Table aria-label="Audit">
      <thead>
        <tr>
          <Th className="text-right">Row</Th>
          <Th>When</Th>
          <Th>Who</Th>
          <Th>What</Th>
          <Th>To what</Th>
          <Th>Why</Th>
          <Th>Hash</Th>
        </tr>
      </thead>
      <tbody>
        {items.map((item) => (
          <Tr key={item.auditId} className="align-top">
            <Td className="tabular text-right text-muted">{item.auditId.toLocaleString('en')}</Td>
            <Td className="tabular whitespace-nowrap">
              <ClockTime at={item.at} />
            </Td>
            <Td className="max-w-56 truncate" title={item.actor}>
              {item.actor}
            </Td>
            <Td className="font-mono text-xs whitespace-nowrap">{item.action}</Td>
            <Td className="whitespace-nowrap">
              <Target target={item.target} />
            </Td>
            <Td className="min-w-48">
              {item.reason ?? <span className="text-faint">–</span>}
              {item.detail !== null && <Detail detail={item.detail} />}
            </Td>
            <Td className="font-mono text-xs text-muted">{item.hash}</Td>
          </Tr>
        ))}
      </tbody>
    </Table>
  );
}

/** Codes lead to their lane, numbers to their message. */
function Target({ target }: { target: string }) {
  const [, code, number] = /^([A-Z0-9][A-Z0-9-]{1,31})(?::(\d+)(?:-\d+)?)?$/.exec(target) ?? [];
  if (code === undefined) return <span className="font-mono text-xs">{target}</span>;
  return (
    <Link
      href={number === undefined ? `/interfaces/${code}` : `/messages/${code}/${number}`}
      className="font-mono text-accent hover:underline"
    >
      {target}
    </Link>
  );
}

function Detail({ detail }: { detail: unknown }) {
  return (
    <details className="text-xs text-muted">
      <summary className="cursor-pointer select-none hover:text-ink">Details</summary>
      <pre className="mt-1 font-mono whitespace-pre-wrap break-all">{JSON.stringify(detail, null, 2)}</pre>
    </details>
  );
}
