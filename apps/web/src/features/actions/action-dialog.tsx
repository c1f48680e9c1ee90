'use client';
import { cliLine, doneWords, HOLD_LANE_WORDS, KIND_WORDS, meansOf, notDoneWords, targetOf } from '@inorder/shared';
import { CircleCheck, CircleX, LoaderCircle, Terminal, TriangleAlert } from 'lucide-react';
import { useId, useState } from 'react';
import { Button } from '../../ui/button.tsx';
import { writeClipboard } from '../../ui/clipboard.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Field, Input, Textarea } from '../../ui/input.tsx';
import {
  type ActionCommand,
  KIND_REASONS,
  messageCount,
  RESOLUTION_REASONS,
  scopeWords,
  withHold,
  withoutMessages,
} from './action-words.ts';
import { PlanView } from './plan-view.tsx';
import { recallReason, rememberReason } from './remembered-reason.ts';
import { type ActionStep, type CommandView, useAction } from './use-action.ts';

const REASON_LENGTH_MIN = 10;
/** Above this many messages the number is typed before anything goes. */
const TYPE_COUNT_ABOVE = 100;

export interface ActionDialogProps {
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
  /** What to do; all of one kind. */
  readonly commands: readonly ActionCommand[];
  /** Whether late replays may hold their lane: the right `lane.act`. */
  readonly mayHoldLane: boolean;
  /** Said under the title where the commands are not all that matched. */
  readonly note?: string;
}

/** One command as `ActionDialog` takes it; what is left out is null. */
export function actionCommand(
  command: Pick<ActionCommand, 'kind' | 'interfaceCode'> & Partial<ActionCommand>,
): ActionCommand {
  return { fromSequenceNo: null, toSequenceNo: null, resolution: null, ...command };
}

/**
 * The one dialog every act goes through: scope → dry run → reason → asked → what became of it. Nothing is shown as done
 * before the lane's owner has done it.
 */
export function ActionDialog({ open, onOpenChange, commands: asked, mayHoldLane, note }: ActionDialogProps) {
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const commands = withoutMessages(asked, left);
  const kind = commands[0]?.kind ?? 'PAUSE';
  const { verb, means } = KIND_WORDS[kind];
  const { step, plan, send } = useAction(commands, open && commands.length > 0);
  const [reason, setReason] = useState(() => recallReason(kind));
  const [typed, setTyped] = useState('');
  const [holdLane, setHoldLane] = useState(false);
  const count = messageCount(commands);
  const mustType = count > TYPE_COUNT_ABOVE;
  const permitted = reason.trim().length >= REASON_LENGTH_MIN && (!mustType || typed.trim() === String(count));
  const going = step.at === 'READY' && step.planned.some((each) => each.refusal === null);
  const resolution = commands[0]?.resolution ?? null;
  const act = () => {
    rememberReason(kind, reason.trim());
    send(reason.trim(), holdLane);
  };
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title={`${verb} ${scopeWords(commands)}`}
      description={commands[0] === undefined ? means : meansOf(commands[0])}
      className="sm:w-[40rem]"
      footer={
        <Footer
          step={step}
          verb={verb}
          danger={kind === 'SKIP'}
          ready={going && permitted}
          onAct={act}
          onPlan={plan}
          onClose={() => onOpenChange(false)}
        />
      }
    >
      <div className="flex flex-col gap-5" data-step={step.at}>
        {note !== undefined && <p className="rounded-md bg-info-soft px-3 py-2">{note}</p>}
        <Body step={step} onLeaveOut={(messages) => setLeft(new Set([...left, ...messages]))} />
        {left.size > 0 && (
          <LeftOut left={left} onTakeBack={step.at === 'READY' ? () => setLeft(new Set()) : undefined} />
        )}
        {step.at === 'READY' && going && (
          <>
            {mayHoldLane && step.planned.some((each) => each.effects.REPLAY_LATE > 0) && (
              <HoldField holdLane={holdLane} onChange={setHoldLane} />
            )}
            <ReasonField
              reason={reason}
              onChange={setReason}
              choices={resolution === null ? KIND_REASONS[kind] : RESOLUTION_REASONS[resolution]}
            />
            {mustType && <CountField count={count} typed={typed} onChange={setTyped} />}
          </>
        )}
        <CliLines
          commands={'planned' in step ? step.planned.map((each) => withHold(each, holdLane)) : commands}
          reason={reason}
        />
      </div>
    </Dialog>
  );
}

function Body({ step, onLeaveOut }: { step: ActionStep; onLeaveOut: (messages: readonly string[]) => void }) {
  switch (step.at) {
    case 'PLANNING':
      return <Busy>Working out what would happen. Nothing is changed by this.</Busy>;
    case 'FAILED':
      return (
        <p role="alert" className="flex items-start gap-2.5 rounded-md bg-bad-soft px-3 py-2">
          <CircleX aria-hidden className="mt-0.5 size-4 shrink-0 text-bad" />
          <span>It could not be done: {step.message}. If it was sent, it stands once only however often you try.</span>
        </p>
      );
    case 'READY':
      return (
        <>
          {step.changed && (
            <p role="alert" className="flex items-start gap-2.5 rounded-md bg-warn-soft px-3 py-2">
              <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
              <span>The lane has moved since the dry run, so nothing was done. This is the plan now.</span>
            </p>
          )}
          <PlanView planned={step.planned} onLeaveOut={onLeaveOut} />
        </>
      );
    case 'SENDING':
      return <Busy>Asking the owner of the lane.</Busy>;
    case 'FOLLOWING':
    case 'ENDED':
      return <Outcome views={step.views} ended={step.at === 'ENDED'} />;
  }
}

function LeftOut({ left, onTakeBack }: { left: ReadonlySet<string>; onTakeBack: (() => void) | undefined }) {
  return (
    <p className="flex flex-wrap items-center gap-x-3 gap-y-1 text-muted">
      Left out: <span className="font-mono text-ink">{[...left].slice(0, 10).join(', ')}</span>
      {left.size > 10 && `and ${left.size - 10} more`}
      {onTakeBack !== undefined && (
        <Button size="sm" variant="ghost" onClick={onTakeBack}>
          Take back in
        </Button>
      )}
    </p>
  );
}

function Busy({ children }: { children: string }) {
  return (
    <p role="status" className="flex items-center gap-2.5 py-2 text-muted">
      <LoaderCircle aria-hidden className="size-4 motion-safe:animate-spin" />
      {children}
    </p>
  );
}

const REFUSED_SHOWN = 10;

function Outcome({ views, ended }: { views: readonly CommandView[]; ended: boolean }) {
  const done = views.filter((view) => view.status === 'DONE');
  const not = views.filter((view) => view.status === 'REFUSED' || view.status === 'EXPIRED');
  const share = views.length === 0 ? 0 : (done.length + not.length) / views.length;
  return (
    <div className="flex flex-col gap-3" role="status">
      {!ended && (
        <>
          <Busy>
            {views.length === 1
              ? 'Pending: the owner of the lane carries it out when the lane is between two sends.'
              : `Pending: ${done.length + not.length} of ${views.length} commands carried out.`}
          </Busy>
          <div className="h-1 overflow-hidden rounded-full bg-sunken" aria-hidden>
            <div className="h-full bg-accent transition-[width]" style={{ width: `${Math.max(4, share * 100)}%` }} />
          </div>
          <p className="text-muted">You may close this window; the command stands.</p>
        </>
      )}
      {ended && done.length > 0 && (
        <p className="flex items-start gap-2.5 rounded-md bg-good-soft px-3 py-2">
          <CircleCheck aria-hidden className="mt-0.5 size-4 shrink-0 text-good" />
          <span>
            Done{views.length > 1 && `: ${done.length} of ${views.length} commands`}.{' '}
            {views.length === 1 && done[0] !== undefined && `${doneWords(done[0], done[0].result)}. `}
            It stands in the audit with your name and reason.
          </span>
        </p>
      )}
      {not.slice(0, REFUSED_SHOWN).map((view) => (
        <p key={view.commandId} className="flex items-start gap-2.5 rounded-md bg-warn-soft px-3 py-2">
          <CircleX aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
          <span>
            <span className="font-mono">{targetOf(view)}</span>: {notDoneWords(view)}
          </span>
        </p>
      ))}
      {not.length > REFUSED_SHOWN && (
        <p className="text-muted">and {not.length - REFUSED_SHOWN} more were not carried out</p>
      )}
    </div>
  );
}

function ReasonField({
  reason,
  onChange,
  choices,
}: {
  reason: string;
  onChange: (reason: string) => void;
  choices: readonly string[];
}) {
  const id = useId();
  const short = reason.trim().length < REASON_LENGTH_MIN;
  return (
    <Field
      id={id}
      label="Reason"
      hint={
        short
          ? `For the audit, at least ${REASON_LENGTH_MIN} characters. No patient data.`
          : 'For the audit. No patient data.'
      }
    >
      <div className="flex flex-wrap gap-1.5">
        {choices.map((choice) => (
          <Button
            key={choice}
            size="sm"
            aria-pressed={reason === choice}
            className="aria-pressed:border-accent aria-pressed:bg-accent-soft aria-pressed:text-accent"
            onClick={() => onChange(choice)}
          >
            {choice}
          </Button>
        ))}
      </div>
      <Textarea
        id={id}
        value={reason}
        maxLength={500}
        rows={2}
        className="min-h-14"
        aria-describedby={`${id}-hint`}
        onChange={(event) => onChange(event.target.value)}
      />
    </Field>
  );
}

function HoldField({ holdLane, onChange }: { holdLane: boolean; onChange: (holdLane: boolean) => void }) {
  const id = useId();
  return (
    <div className="flex items-start gap-2.5">
      <input
        id={id}
        type="checkbox"
        className="mt-0.5 size-4 shrink-0 accent-accent"
        checked={holdLane}
        aria-describedby={`${id}-hint`}
        onChange={(event) => onChange(event.target.checked)}
      />
      <div>
        <label htmlFor={id} className="font-medium">
          {HOLD_LANE_WORDS.label}
        </label>
        <p id={`${id}-hint`} className="text-xs text-muted">
          {HOLD_LANE_WORDS.means}
        </p>
      </div>
    </div>
  );
}

function CountField({ count, typed, onChange }: { count: number; typed: string; onChange: (typed: string) => void }) {
  const id = useId();
  return (
    <Field id={id} label={`Type ${count} to confirm`} hint="More than a hundred messages at once.">
      <Input
        id={id}
        value={typed}
        inputMode="numeric"
        autoComplete="off"
        className="w-32"
        aria-describedby={`${id}-hint`}
        onChange={(event) => onChange(event.target.value)}
      />
    </Field>
  );
}

const LINES_SHOWN = 3;

function CliLines({ commands, reason }: { commands: readonly ActionCommand[]; reason: string }) {
  const [copied, setCopied] = useState(false);
  const lines = commands.map((command) => cliLine(command, reason));
  const copy = () => {
    void writeClipboard(lines.join('\n')).then(setCopied);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <div className="flex items-start gap-2 rounded-md bg-sunken px-3 py-2">
      <Terminal aria-hidden className="mt-0.5 size-4 shrink-0 text-faint" />
      <div className="min-w-0 flex-1 font-mono text-xs leading-5 break-words">
        {lines.slice(0, LINES_SHOWN).map((line) => (
          <div key={line}>{line}</div>
        ))}
        {lines.length > LINES_SHOWN && <div className="text-muted">… and {lines.length - LINES_SHOWN} more lines</div>}
      </div>
      <Button size="sm" variant="ghost" onClick={copy} aria-label="Copy the command line">
        <span aria-live="polite">{copied ? 'Copied' : 'Copy'}</span>
      </Button>
    </div>
  );
}

function Footer({
  step,
  verb,
  danger,
  ready,
  onAct,
  onPlan,
  onClose,
}: {
  step: ActionStep;
  verb: string;
  danger: boolean;
  ready: boolean;
  onAct: () => void;
  onPlan: () => void;
  onClose: () => void;
}) {
  if (step.at === 'ENDED' || step.at === 'FOLLOWING') {
    const again = step.views.some((view) => view.status === 'REFUSED' || view.status === 'EXPIRED');
    return (
      <>
        {step.at === 'ENDED' && again && <Button onClick={onPlan}>Plan again</Button>}
        <Button variant="primary" onClick={onClose}>
          Close
        </Button>
      </>
    );
  }
  return (
    <>
      <Button variant="ghost" onClick={onClose}>
        Cancel
      </Button>
      {step.at === 'FAILED' ? (
        <Button onClick={onPlan}>Plan again</Button>
      ) : (
        <Button variant={danger ? 'danger' : 'primary'} disabled={!ready} onClick={onAct}>
          {verb}
        </Button>
      )}
    </>
  );
}
