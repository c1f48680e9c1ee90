'use client';
import { useQuery } from '@tanstack/react-query';
import { Eye, EyeOff } from 'lucide-react';
import { useMemo, useState } from 'react';
import { useTRPC } from '../../trpc/client.tsx';
import { Badge } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { cn } from '../../ui/class-names.ts';
import { Select } from '../../ui/select.tsx';
import { DeniedState, ErrorState } from '../../ui/state.tsx';
import { PayloadDiff } from './payload-diff.tsx';
import { PayloadRaw } from './payload-raw.tsx';
import { PayloadTree } from './payload-tree.tsx';
import { RevealDialog } from './reveal-dialog.tsx';
import type { Seen, SeenBundle, SeenView } from './seen.ts';
import { useRevealed } from './use-revealed.ts';

const NOTHING_CHANGED: ReadonlySet<string> = new Set();

export interface PayloadPanelProps {
  readonly code: string;
  readonly sequenceNo: number;
  /** What came back on one send, instead of the message. */
  readonly attemptId?: string | undefined;
  readonly mayRead: boolean;
  readonly mayReveal: boolean;
  /** Shown across revealed data. */
  readonly viewer: string;
}

/** The bytes: tree, as written, and what the stages changed. Masked until someone with the right gives a reason. */
export function PayloadPanel({ code, sequenceNo, attemptId, mayRead, mayReveal, viewer }: PayloadPanelProps) {
  const trpc = useTRPC();
  const input = { code, sequenceNo, ...(attemptId === undefined ? {} : { attemptId }) };
  // Every look is audited: the page looks once and keeps what it has seen.
  const query = useQuery(
    trpc.messages.payload.queryOptions(input, { enabled: mayRead, staleTime: Infinity, gcTime: 600_000 }),
  );
  const { revealed, show, hide } = useRevealed<Seen>();
  const [asking, setAsking] = useState(false);
  if (!mayRead)
    return (
      <DeniedState
        permission="payload.read"
        title="You may see this message but not what it says"
        className="rounded-lg border bg-surface"
      />
    );
  if (query.isError) {
    return (
      <ErrorState title="The payload cannot be shown" className="rounded-lg border bg-surface">
        {query.error.message}
      </ErrorState>
    );
  }
  const seen = revealed ?? query.data;
  if (seen === undefined)
    return <div className="h-64 rounded-lg border bg-surface motion-safe:animate-pulse" aria-busy />;
  const button =
    revealed === null ? (
      <Button
        disabled={!mayReveal}
        title={mayReveal ? undefined : 'Needs the right phi.reveal'}
        onClick={() => setAsking(true)}
      >
        <Eye aria-hidden /> Show patient data
      </Button>
    ) : (
      <Button onClick={hide}>
        <EyeOff aria-hidden /> Hide patient data
      </Button>
    );
  return (
    <div className={cn('flex flex-col gap-3', revealed !== null && 'rounded-lg p-3 outline-2 outline-bad')}>
      {revealed !== null && (
        <p role="status" className="text-bad">
          Patient data is shown to {viewer}. It is hidden again after five minutes, or when you leave this window.
        </p>
      )}
      {seen.part === 'payload' ? (
        <Bundle bundle={seen.payload} actions={button} />
      ) : (
        <Answer view={seen.answer} actions={button} />
      )}
      <RevealDialog open={asking} onOpenChange={setAsking} input={input} onRevealed={show} />
    </div>
  );
}

const VIEWS = [
  { value: 'tree', label: 'Tree' },
  { value: 'raw', label: 'As written' },
  { value: 'changes', label: 'Changes' },
] as const;
type ViewName = (typeof VIEWS)[number]['value'];

function Bundle({ bundle, actions }: { bundle: SeenBundle; actions: React.ReactNode }) {
  const [name, setName] = useState<ViewName>('tree');
  const [version, setVersion] = useState<'processed' | 'raw'>(bundle.processed === null ? 'raw' : 'processed');
  const changed = useMemo(() => new Set(bundle.changes?.map((change) => change.path)), [bundle.changes]);
  const view = version === 'processed' && bundle.processed !== null ? bundle.processed : bundle.raw;
  const names = bundle.changes === null ? VIEWS.filter((each) => each.value !== 'changes') : VIEWS;
  return (
    <>
      <div className="flex flex-wrap items-center gap-2">
        <Segmented names={names} value={name} onChange={setName} changes={bundle.changes?.length} />
        {bundle.processed !== null && name !== 'changes' && (
          <Select
            label="Version"
            value={version}
            options={[
              { value: 'processed', label: 'As it is sent' },
              { value: 'raw', label: 'As it came' },
            ]}
            onValueChange={setVersion}
          />
        )}
        <span className="mr-auto text-xs text-muted">
          {view.format === 'HL7V2' ? 'HL7 v2' : 'FHIR JSON'}, {view.bytes.toLocaleString('en')} bytes
          {bundle.processed === null && ', sent as it came'}
        </span>
        {actions}
      </div>
      {name === 'changes' && bundle.changes !== null ? (
        <PayloadDiff changes={bundle.changes} />
      ) : (
        <View view={view} name={name} changed={version === 'processed' ? changed : NOTHING_CHANGED} />
      )}
      {bundle.properties.length > 0 && (
        <dl className="flex flex-wrap gap-x-5 gap-y-1 text-xs text-muted">
          {bundle.jmsMessageId !== null && (
            <Property name="JMS message id" value={bundle.jmsMessageId} masked={false} />
          )}
          {bundle.properties.map((property) => (
            <Property key={property.name} {...property} />
          ))}
        </dl>
      )}
    </>
  );
}

function Answer({ view, actions }: { view: SeenView; actions: React.ReactNode }) {
  const [name, setName] = useState<ViewName>('raw');
  return (
    <>
      <div className="flex flex-wrap items-center gap-2">
        <Segmented names={VIEWS.filter((each) => each.value !== 'changes')} value={name} onChange={setName} />
        <span className="mr-auto text-xs text-muted">{view.bytes.toLocaleString('en')} bytes</span>
        {actions}
      </div>
      <View view={view} name={name} changed={NOTHING_CHANGED} />
    </>
  );
}

function View({ view, name, changed }: { view: SeenView; name: ViewName; changed: ReadonlySet<string> }) {
  if (view.tree === null) {
    return (
      <div className="rounded-lg border bg-surface p-3">
        <p>
          These {view.bytes.toLocaleString('en')} bytes are no {view.format === 'HL7V2' ? 'HL7 v2' : 'FHIR'} message (
          <span className="font-mono text-xs">{view.unreadable}</span>)
          {view.hex === null && ', so they cannot be hidden field by field. Nothing of them is shown.'}
        </p>
        {view.hex !== null && <pre className="scroll-slim mt-3 overflow-x-auto text-xs leading-5">{view.hex}</pre>}
      </div>
    );
  }
  return name === 'raw' ? <PayloadRaw view={view} /> : <PayloadTree tree={view.tree} changed={changed} />;
}

function Segmented({
  names,
  value,
  onChange,
  changes,
}: {
  names: readonly (typeof VIEWS)[number][];
  value: ViewName;
  onChange: (value: ViewName) => void;
  changes?: number | undefined;
}) {
  return (
    <fieldset className="flex rounded-md border border-line-strong bg-surface p-0.5">
      <legend className="sr-only">View</legend>
      {names.map((each) => (
        <button
          key={each.value}
          type="button"
          aria-pressed={value === each.value}
          onClick={() => onChange(each.value)}
          className="flex h-7 items-center gap-1.5 rounded px-2.5 font-medium text-muted hover:text-ink aria-pressed:bg-accent-soft aria-pressed:text-accent"
        >
          {each.label}
          {each.value === 'changes' && changes !== undefined && <span className="tabular text-2xs">{changes}</span>}
        </button>
      ))}
    </fieldset>
  );
}

function Property({ name, value, masked }: { name: string; value: string; masked: boolean }) {
  return (
    <div className="flex gap-1.5">
      <dt>{name}</dt>
      <dd className="font-mono text-ink">{masked ? <Badge tone="hold">hidden</Badge> : value}</dd>
    </div>
  );
}
