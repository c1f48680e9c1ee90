'use client';
import type { CommandKind } from '@inorder/core';
import { may, type Permission } from '@inorder/shared';
import { Pause, Play, RotateCcw, SkipForward } from 'lucide-react';
import { useState } from 'react';
import { Button } from '../../ui/button.tsx';
import { CopyMenu } from '../../ui/copy-menu.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Field, Input } from '../../ui/input.tsx';
import { ActionDialog, actionCommand } from '../actions/action-dialog.tsx';
import type { LaneView } from './use-lane.ts';

type Range = { readonly from: number; readonly to: number };

/** What can be done to this lane; each opens the one action dialog. A right that is missing is named, not hidden. */
export function LaneActions({ code, lane, user }: { code: string; lane: LaneView; user: Parameters<typeof may>[0] }) {
  const [asking, setAsking] = useState<'SKIP' | 'REPLAY' | null>(null);
  const [command, setCommand] = useState<{ kind: CommandKind; range: Range | null } | null>(null);
  const head = lane.checkpoint + 1;
  const nothingWaits = lane.highWater === lane.checkpoint;
  const paused = lane.state === 'PAUSED';
  const needs = (permission: Permission) =>
    may(user, permission) ? {} : { disabled: true, title: `Needs the right ${permission}` };
  return (
    <>
      <Button {...needs('lane.act')} onClick={() => setCommand({ kind: paused ? 'RESUME' : 'PAUSE', range: null })}>
        {paused ? <Play aria-hidden /> : <Pause aria-hidden />}
        {paused ? 'Resume' : 'Pause'}
      </Button>
      <Button disabled={nothingWaits} {...needs('lane.act')} onClick={() => setAsking('SKIP')}>
        <SkipForward aria-hidden /> Skip
      </Button>
      <Button disabled={lane.highWater === 0} {...needs('lane.replayOne')} onClick={() => setAsking('REPLAY')}>
        <RotateCcw aria-hidden /> Replay
      </Button>
      <CopyMenu
        items={[
          { label: 'Link', text: () => window.location.href },
          { label: 'Lag, as a command', text: `./inorder lag ${code}` },
          { label: 'Trace of the head, as a command', text: `./inorder trace ${code}:${head}` },
        ]}
      />
      {asking !== null && (
        <RangeDialog
          kind={asking}
          first={asking === 'SKIP' ? head : 1}
          preset={asking === 'SKIP' ? head : Math.max(1, lane.checkpoint)}
          last={lane.highWater}
          onClose={() => setAsking(null)}
          onChosen={(range) => {
            setAsking(null);
            setCommand({ kind: asking, range });
          }}
        />
      )}
      {command !== null && (
        <ActionDialog
          open
          onOpenChange={(open) => !open && setCommand(null)}
          mayHoldLane={may(user, 'lane.act')}
          commands={[
            actionCommand({
              kind: command.kind,
              interfaceCode: code,
              fromSequenceNo: command.range?.from ?? null,
              toSequenceNo: command.range?.to ?? null,
            }),
          ]}
        />
      )}
    </>
  );
}

/** Which numbers: the dry run that follows shows what that means. */
function RangeDialog({
  kind,
  first,
  preset,
  last,
  onClose,
  onChosen,
}: {
  kind: 'SKIP' | 'REPLAY';
  first: number;
  preset: number;
  last: number;
  onClose: () => void;
  onChosen: (range: Range) => void;
}) {
  const [from, setFrom] = useState(String(preset));
  const [to, setTo] = useState(String(preset));
  const range = { from: Number(from), to: Number(to) };
  const fits =
    Number.isInteger(range.from) &&
    Number.isInteger(range.to) &&
    range.from >= first &&
    range.to <= last &&
    range.from <= range.to;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={kind === 'SKIP' ? 'Skip which numbers?' : 'Replay which numbers?'}
      description={`Between #${first} and #${last}. Nothing happens yet: what it would do is shown next.`}
      className="sm:w-[26rem]"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" type="submit" form="range" disabled={!fits}>
            Show what it would do
          </Button>
        </>
      }
    >
      <form
        id="range"
        className="grid grid-cols-2 gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (fits) onChosen(range);
        }}
      >
        <Field id="range-from" label="From">
          <Input id="range-from" inputMode="numeric" value={from} onChange={(event) => setFrom(event.target.value)} />
        </Field>
        <Field id="range-to" label="To">
          <Input id="range-to" inputMode="numeric" value={to} onChange={(event) => setTo(event.target.value)} />
        </Field>
      </form>
    </Dialog>
  );
}
