'use client';
import { may } from '@inorder/shared';
import { useMutation } from '@tanstack/react-query';
import { Search } from 'lucide-react';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { useTRPC } from '../../trpc/client.tsx';
import type { RouterOutputs } from '../../trpc/outputs.ts';
import { Badge } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { Input } from '../../ui/input.tsx';
import { Page, PageHeader } from '../../ui/page-header.tsx';
import { Select } from '../../ui/select.tsx';
import { DeniedState, EmptyState, ErrorState } from '../../ui/state.tsx';
import { Table, Td, Th, Tr } from '../../ui/table.tsx';
import { RelativeTime } from '../../ui/time.tsx';

const KINDS = [
  { value: 'ANY', label: 'Any number' },
  { value: 'CONTROL', label: 'Control id (MSH-10)' },
  { value: 'PLACER', label: 'Placer order number' },
  { value: 'FILLER', label: 'Filler order number' },
  { value: 'MRN', label: 'Medical record number' },
] as const;
type Kind = (typeof KINDS)[number]['value'];
const KIND_LABELS = new Map<string, string>(KINDS.map(({ value, label }) => [value, label]));

type Found = RouterOutputs['messages']['search'];

/** Finds messages by what people have in hand. What is typed here goes into no URL (G18). */
export function SearchPage({ user }: { user: Parameters<typeof may>[0] }) {
  const trpc = useTRPC();
  const router = useRouter();
  const [text, setText] = useState('');
  const [kind, setKind] = useState<Kind>('ANY');
  // A mutation keeps its answer in no cache that outlives the page.
  const search = useMutation(trpc.messages.search.mutationOptions({ gcTime: 0 }));
  if (!may(user, 'payload.read')) {
    return (
      <Page>
        <PageHeader title="Messages" />
        <DeniedState permission="payload.read" title="You may not search messages" />
      </Page>
    );
  }
  const submit = () => {
    const trimmed = text.trim();
    if (trimmed === '') return;
    const [, code, number] = /^([A-Za-z0-9][A-Za-z0-9-]{1,31}):(\d{1,15})$/.exec(trimmed) ?? [];
    if (code !== undefined && number !== undefined) router.push(`/messages/${code.toUpperCase()}/${Number(number)}`);
    else search.mutate({ text: trimmed, ...(kind === 'ANY' ? {} : { kind }) });
  };
  return (
    <Page>
      <PageHeader
        title="Messages"
        lead="By interface and number, control id, order number or medical record number. Every search is audited."
      />
      <search>
        <form
          className="flex flex-wrap gap-2"
          onSubmit={(event) => {
            event.preventDefault();
            submit();
          }}
        >
          <Input
            aria-label="Number to find"
            placeholder="LAB-0042:15, or a number"
            autoComplete="off"
            className="h-10 min-w-56 flex-1 font-mono text-sm"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
          <Select label="Kind of number" value={kind} options={KINDS} onValueChange={setKind} className="h-10" />
          <Button type="submit" variant="primary" size="lg" disabled={search.isPending}>
            <Search aria-hidden /> Find
          </Button>
        </form>
      </search>
      <Answer search={search} />
    </Page>
  );
}

function Answer({
  search,
}: {
  search: { data: Found | undefined; isError: boolean; isPending: boolean; error: { message: string } | null };
}) {
  if (search.isError) return <ErrorState title="The search failed">{search.error?.message}</ErrorState>;
  if (search.data === undefined) {
    return (
      <EmptyState icon={Search} title={search.isPending ? 'Searching …' : 'Nothing searched yet'}>
        Numbers are compared whole, by keyed hashes: the search never sees a patient's data, and half a number finds
        nothing.
      </EmptyState>
    );
  }
  const { found, more } = search.data;
  if (found.length === 0) {
    return (
      <EmptyState title="No message carries this number">
        It must be typed in full. Names cannot be searched for.
      </EmptyState>
    );
  }
  return (
    <div className="flex flex-col gap-2">
      <p role="status" className="text-muted">
        {more ? `The newest ${found.length} of more` : found.length === 1 ? 'One message' : `${found.length} messages`},
        newest first
      </p>
      <Table aria-label="Messages found">
        <thead>
          <tr>
            <Th>Message</Th>
            <Th>Found by</Th>
            <Th>Order control</Th>
            <Th>Status</Th>
            <Th>Received</Th>
          </tr>
        </thead>
        <tbody>
          {found.map((each) => (
            <Tr key={`${each.interfaceCode}:${each.sequenceNo} ${each.kind}`}>
              <Td>
                <Link
                  href={`/messages/${each.interfaceCode}/${each.sequenceNo}`}
                  className="font-mono whitespace-nowrap text-accent hover:underline"
                >
                  {each.interfaceCode}:{each.sequenceNo}
                </Link>
              </Td>
              <Td className="text-muted">{KIND_LABELS.get(each.kind)}</Td>
              <Td>{each.orderControl === null ? '–' : <Badge>{each.orderControl}</Badge>}</Td>
              <Td>
                <Badge tone={each.status === 'DELIVERED' ? 'good' : each.status === 'FAILED' ? 'bad' : 'calm'}>
                  {each.status}
                </Badge>
              </Td>
              <Td className="text-muted">
                <RelativeTime at={each.receivedAt} />
              </Td>
            </Tr>
          ))}
        </tbody>
      </Table>
    </div>
  );
}
