'use client';
import { HOLD_WORDS, type PlanEffect } from '@inorder/core';
import { effectWords, exclusionWords, refusalWords, targetOf, warningWords } from '@inorder/shared';
import { Ban, CircleCheck, History, OctagonAlert, RotateCcw, SkipForward, TriangleAlert } from 'lucide-react';
import { Badge } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { cn } from '../../ui/class-names.ts';
import type { PlannedCommand } from './planned-command.ts';

const EFFECT_LOOK = {
  PASS: { icon: SkipForward, tone: 'text-warn' },
  REPAIR_IN_PLACE: { icon: RotateCcw, tone: 'text-good' },
  REPLAY_LATE: { icon: History, tone: 'text-info' },
  EXCLUDED: { icon: Ban, tone: 'text-calm' },
} as const satisfies Record<PlanEffect, unknown>;

const EFFECTS: readonly PlanEffect[] = ['PASS', 'REPAIR_IN_PLACE', 'REPLAY_LATE', 'EXCLUDED'];

/** The dry run in words: what happens to how many, what to beware of, and each number for who wants to see it. */
export function PlanView({
  planned,
  onLeaveOut,
}: {
  planned: readonly PlannedCommand[];
  /** Takes messages (`LAB-0042:15`) out of the act. */
  onLeaveOut: (messages: readonly string[]) => void;
}) {
  return (
    <div className="flex flex-col gap-4">
      <Totals planned={planned} />
      <Warnings planned={planned} onLeaveOut={onLeaveOut} />
      <Refusals planned={planned} />
      <Details planned={planned} />
    </div>
  );
}

function Totals({ planned }: { planned: readonly PlannedCommand[] }) {
  const totals = EFFECTS.map((effect) => ({
    effect,
    count: planned.reduce((sum, { effects }) => sum + effects[effect], 0),
  })).filter(({ count }) => count > 0);
  if (totals.length === 0) return null;
  return (
    <ul className="grid gap-x-6 gap-y-1.5 sm:grid-cols-2">
      {totals.map(({ effect, count }) => {
        const { icon: Icon, tone } = EFFECT_LOOK[effect];
        return (
          <li key={effect} className="flex items-start gap-2">
            <Icon aria-hidden className={cn('mt-0.5 size-4 shrink-0', tone)} />
            <span>
              <b className="tabular font-semibold">{count.toLocaleString('en')}</b> {effectWords(effect, count)}
              {effect === 'EXCLUDED' && <span className="text-muted"> ({exclusions(planned)})</span>}
            </span>
          </li>
        );
      })}
    </ul>
  );
}

function exclusions(planned: readonly PlannedCommand[]): string {
  const counts: Record<string, number> = {};
  for (const { excluded } of planned) {
    for (const [why, count] of Object.entries(excluded)) counts[why] = (counts[why] ?? 0) + count;
  }
  return exclusionWords(counts);
}

const WARNINGS_SHOWN = 6;

function Warnings({
  planned,
  onLeaveOut,
}: {
  planned: readonly PlannedCommand[];
  onLeaveOut: (messages: readonly string[]) => void;
}) {
  const warnings = planned
    .flatMap(({ command, warnings: each }) => each.map((warning) => warningWords(command.interfaceCode, warning)))
    .sort((a, b) => Number(b.grave) - Number(a.grave));
  const total = planned.reduce((sum, each) => sum + each.warningsTotal, 0);
  if (warnings.length === 0) return null;
  const cancelled = planned.flatMap(({ command, warnings: each }) =>
    each.flatMap((warning) =>
      warning.kind === 'AFTER_CANCEL' ? [`${command.interfaceCode}:${warning.sequenceNo}`] : [],
    ),
  );
  return (
    <div className="flex flex-col gap-2">
      <ul aria-label="Warnings" className="flex flex-col gap-2">
        {warnings.slice(0, WARNINGS_SHOWN).map(({ text, grave }) => (
          <li
            key={text}
            className={cn(
              'flex items-start gap-2.5 rounded-md px-3 py-2',
              grave ? 'bg-bad-soft text-bad' : 'bg-warn-soft text-warn',
            )}
          >
            {grave ? (
              <OctagonAlert aria-label="Danger" className="mt-0.5 size-4 shrink-0" />
            ) : (
              <TriangleAlert aria-label="Warning" className="mt-0.5 size-4 shrink-0" />
            )}
            <span className="text-ink">{text}</span>
          </li>
        ))}
        {total > WARNINGS_SHOWN && (
          <li className="text-muted">and {(total - WARNINGS_SHOWN).toLocaleString('en')} more warnings</li>
        )}
      </ul>
      {cancelled.length > 0 && messagesOf(planned) > cancelled.length && (
        <Button className="self-start" onClick={() => onLeaveOut(cancelled)}>
          {cancelled.length === 1 ? 'Leave the cancelled one out' : `Leave the ${cancelled.length} cancelled ones out`}
        </Button>
      )}
    </div>
  );
}

function messagesOf(planned: readonly PlannedCommand[]): number {
  return planned.reduce((sum, { effects }) => EFFECTS.reduce((all, effect) => all + effects[effect], sum), 0);
}

function Refusals({ planned }: { planned: readonly PlannedCommand[] }) {
  const refused = planned.filter((each) => each.refusal !== null);
  if (refused.length === 0) return null;
  return (
    <ul aria-label="Left out" className="flex flex-col gap-1.5">
      {refused.slice(0, 5).map(({ command, refusal }) => (
        <li key={targetOf(command)} className="flex items-start gap-2">
          <Ban aria-hidden className="mt-0.5 size-4 shrink-0 text-calm" />
          <span>
            <span className="font-mono">{targetOf(command)}</span>: {refusalWords(refusal)}
          </span>
        </li>
      ))}
      {refused.length > 5 && <li className="text-muted">and {refused.length - 5} more that would be refused</li>}
    </ul>
  );
}

const ROWS_SHOWN = 100;

function Details({ planned }: { planned: readonly PlannedCommand[] }) {
  const rows = planned.flatMap(({ command, items }) => items.map((item) => ({ code: command.interfaceCode, item })));
  const total = messagesOf(planned);
  return (
    <details className="group rounded-md border" open={rows.length <= 3}>
      <summary className="flex h-9 cursor-pointer list-none items-center gap-2 px-3 font-medium select-none">
        <CircleCheck aria-hidden className="size-4 text-faint" />
        Before and after
      </summary>
      <div className="border-t">
        <ul className="flex flex-col gap-1 px-3 py-2 text-muted">
          {lanesOf(planned).map(({ code, before }) => (
            <li key={code}>
              <span className="font-mono text-ink">{code}</span> is settled up to{' '}
              <span className="tabular">{before.checkpoint.toLocaleString('en')}</span> of{' '}
              <span className="tabular">{before.highWater.toLocaleString('en')}</span>
              {before.paused ? ', paused' : before.heldFor === null ? '' : `, holding: ${HOLD_WORDS[before.heldFor]}`}
            </li>
          ))}
        </ul>
        {rows.length > 0 && (
          <table className="w-full border-t text-left">
            <thead className="bg-sunken text-xs text-muted">
              <tr>
                <th scope="col" className="px-3 py-1 font-medium">
                  Message
                </th>
                <th scope="col" className="px-3 py-1 font-medium">
                  Now
                </th>
                <th scope="col" className="px-3 py-1 font-medium">
                  Then
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, ROWS_SHOWN).map(({ code, item }) => (
                <tr key={`${code}:${item.sequenceNo}`} className="border-t align-top">
                  <td className="px-3 py-1.5 font-mono whitespace-nowrap">{`${code}:${item.sequenceNo}`}</td>
                  <td className="px-3 py-1.5">
                    <Badge>{item.status}</Badge>
                  </td>
                  <td className="px-3 py-1.5">
                    {item.why === null
                      ? effectWords(item.effect, 1)
                      : `${effectWords('EXCLUDED', 1)}, ${exclusionWords({ [item.why]: 1 })}`}
                    {item.overtakenBy.length > 0 && (
                      <span className="block text-xs text-muted">
                        overtaken by{' '}
                        {item.overtakenBy
                          .slice(0, 8)
                          .map(
                            (later) =>
                              `#${later.sequenceNo}${later.orderControl === null ? '' : ` ${later.orderControl}`}`,
                          )
                          .join(', ')}
                        {item.overtakenBy.length > 8 && ` and ${item.overtakenBy.length - 8} more`}
                      </span>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {total > Math.min(rows.length, ROWS_SHOWN) && (
          <p className="border-t px-3 py-2 text-muted">
            {Math.min(rows.length, ROWS_SHOWN)} of {total.toLocaleString('en')} messages are listed; the plan covers
            all.
          </p>
        )}
      </div>
    </details>
  );
}

const LANES_SHOWN = 5;

function lanesOf(planned: readonly PlannedCommand[]) {
  const lanes = new Map(
    planned.map(({ command, before }) => [command.interfaceCode, { code: command.interfaceCode, before }]),
  );
  return [...lanes.values()].slice(0, LANES_SHOWN);
}
