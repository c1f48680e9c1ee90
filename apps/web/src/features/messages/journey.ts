/** The way of one message through the stages, and the sentence why it is where it is. Pure; read by page and test. */
import { durationText, HOLD_REASONS, HOLD_WORDS, type MessageStatus } from '@inorder/core';
import type { RouterOutputs } from '../../trpc/outputs.ts';
import { causeOf } from '../dead-letters/cause.ts';

export type Message = RouterOutputs['messages']['get'];
export type Attempt = Message['attempts'][number];

export const JOURNEY_STEPS = ['received', 'validated', 'enriched', 'routed', 'delivered'] as const;
export type JourneyStepName = (typeof JOURNEY_STEPS)[number];

export interface JourneyStep {
  readonly name: JourneyStepName;
  /** here: it is in this step now. skipped: it did not come this far and will not. */
  readonly state: 'done' | 'here' | 'failed' | 'skipped' | 'ahead';
  readonly at: Date | null;
  /** A word below the step: tries, ACK code, error code. */
  readonly note: string | null;
}

/** How many steps a status has behind it. */
const STEPS_DONE: Record<MessageStatus, number> = {
  RECEIVED: 1,
  VALIDATED: 2,
  ENRICHED: 3,
  PROCESSED: 4,
  DELIVERED: 5,
  FAILED: 0,
  SKIPPED: 0,
  FILTERED: 3,
};

const STAGE_STEP: Readonly<Record<string, number>> = { INGEST: 0, VALIDATE: 1, ENRICH: 2, ROUTE: 3, DELIVER: 4 };

export function journeyOf(message: Message): JourneyStep[] {
  const failedStep = message.status === 'FAILED' ? (STAGE_STEP[message.deadLetter?.stage ?? 'DELIVER'] ?? 4) : null;
  const done = failedStep ?? (message.status === 'SKIPPED' ? skippedAfter(message) : STEPS_DONE[message.status]);
  const ended = message.status === 'FAILED' || message.status === 'SKIPPED' || message.status === 'FILTERED';
  return JOURNEY_STEPS.map((name, i) => ({
    name,
    state: i < done ? 'done' : i === failedStep ? 'failed' : ended ? 'skipped' : i === done ? 'here' : 'ahead',
    at: i === 0 ? message.receivedAt : i === 4 && message.status === 'DELIVERED' ? message.settledAt : null,
    note: noteOf(message, i, failedStep),
  }));
}

function skippedAfter(message: Message): number {
  return message.attempts.length > 0 || message.controlId !== null ? 4 : 1;
}

function noteOf(message: Message, step: number, failedStep: number | null): string | null {
  if (step === failedStep) return message.deadLetter?.errorCode ?? null;
  if (step === 3 && message.status === 'FILTERED') return 'wanted by no destination';
  if (step !== 4) return step === 3 && message.destination !== null ? `to ${message.destination}` : null;
  const { attempts } = message;
  const last = attempts.at(-1);
  if (last === undefined) return null;
  const tries = attempts.length > 1 ? `${attempts.length} tries` : null;
  return [last.ackCode, tries].filter((part) => part !== null).join(', ') || null;
}

export interface Why {
  readonly text: string;
  readonly tone: 'good' | 'bad' | 'warn' | 'hold' | 'info' | 'calm';
}

/** One sentence or two, no patient data. `nowAt` is epoch milliseconds. */
export function whyHere(message: Message, nowAt: number): Why {
  const passed = message.sequenceNo <= message.checkpoint;
  const replay = message.replays[0];
  if (replay !== undefined && (replay.state === 'PENDING' || replay.state === 'RUNNING')) {
    return {
      tone: 'info',
      text: `A replay ordered by ${replay.actor} is ${replay.state === 'PENDING' ? 'waiting for the lane' : 'under way'}. Its end, ${message.status}, stays as it is.`,
    };
  }
  switch (message.status) {
    case 'DELIVERED':
      return delivered(message);
    case 'FAILED':
      return failed(message, passed);
    case 'SKIPPED':
      return {
        tone: 'calm',
        text: `An operator has skipped it${skippedBy(message)}. ${passed ? 'The lane has passed it.' : 'The lane passes it when it is its turn.'}`,
      };
    case 'FILTERED':
      return {
        tone: 'calm',
        text: `The filter rule ${message.filterRule === null ? '' : `“${message.filterRule}” `}wants nothing of it, so there is nothing to deliver. That is its end, not a failure.`,
      };
    case 'RECEIVED':
    case 'VALIDATED':
    case 'ENRICHED':
      return {
        tone: 'info',
        text: `It has been in the stages for ${durationText(nowAt - message.receivedAt.getTime())}. ${turn(message)}`,
      };
    case 'PROCESSED':
      return waiting(message);
  }
}

/** What a JMS destination notes of a delivery: a broker answers for itself, not for the laboratory. */
const BROKER_ACCEPTED = 'ACCEPTED';

function delivered(message: Message): Why {
  const last = message.attempts.at(-1);
  const took =
    message.settledAt === null
      ? ''
      : ` ${millisecondsText(message.settledAt.getTime() - message.receivedAt.getTime())} after it was received`;
  const by = message.destination === null ? '' : ` by ${message.destination}`;
  if (last?.outcome === 'CONFIRMED_BY_OPERATOR')
    return { tone: 'good', text: 'Nobody knew whether it had arrived; an operator has confirmed that it did.' };
  if (last?.outcome === 'CONFIRMED_BY_DUPLICATE')
    return { tone: 'good', text: `The laboratory said it had it already${by}.` };
  if (last?.ackCode === BROKER_ACCEPTED)
    return {
      tone: 'good',
      text: `The broker took it for ${message.destination ?? 'its queue'}${took}. Who reads the queue does not tell us whether it has.`,
    };
  if (last?.ackCode === null || last === undefined) return { tone: 'good', text: `Delivered${by}${took}.` };
  return {
    tone: 'good',
    text: `Acknowledged ${last.ackCode}${by}${took}${message.attempts.length > 1 ? `, at try ${message.attempts.length}` : ''}.`,
  };
}

function failed(message: Message, passed: boolean): Why {
  const dead = message.deadLetter;
  const title = dead === null ? 'It could not be delivered' : causeOf(dead.errorCode).title;
  const lane = passed
    ? `The lane has gone on; a replay would be late.`
    : message.sequenceNo === message.checkpoint + 1 && message.heldFor !== null
      ? 'The lane holds before it: a replay keeps its turn.'
      : 'The lane has not passed it yet: a replay keeps its turn.';
  const again = dead?.resolution === 'REPLAYED' ? ' It has been replayed since.' : '';
  return { tone: 'bad', text: `${title}. ${lane}${again}` };
}

function skippedBy(message: Message): string {
  const skip = message.commands.find((command) => command.kind === 'SKIP' && command.status === 'DONE');
  return skip === undefined ? '' : ` (${skip.actor}: “${skip.reason}”)`;
}

function waiting(message: Message): Why {
  if (message.paused) return { tone: 'hold', text: `It is ready; its lane is paused. ${turn(message)}` };
  const isHead = message.sequenceNo === message.checkpoint + 1;
  if (message.heldFor === 'UNKNOWN_OUTCOME' && isHead) {
    return {
      tone: 'hold',
      text: 'It was sent and nobody knows whether it arrived. The lane holds until someone has asked the laboratory and says so here.',
    };
  }
  if (message.heldFor !== null) {
    return { tone: 'hold', text: `It is ready; its lane holds: ${holdWords(message.heldFor)}. ${turn(message)}` };
  }
  const last = message.attempts.at(-1);
  if (!isHead) return { tone: 'info', text: `It is ready and waits for its turn. ${turn(message)}` };
  if (last?.outcome === 'UNKNOWN')
    return {
      tone: 'warn',
      text: 'It was sent and never answered: it may have arrived. It is sent again with the same control id.',
    };
  if (last?.outcome === 'NACKED')
    return {
      tone: 'warn',
      text: `The laboratory answered ${last.ackCode ?? 'no'}; try ${message.attempts.length + 1} of ${message.retries + 1} comes next.`,
    };
  if (last?.outcome === 'ENDPOINT_FAILED')
    return {
      tone: 'warn',
      text: `${message.destination ?? 'The destination'} cannot be used; it waits, and no try is used up.`,
    };
  return { tone: 'info', text: 'It is the next to go and is on its way.' };
}

function holdWords(heldFor: string): string {
  const reason = HOLD_REASONS.find((each) => each === heldFor);
  return reason === undefined ? heldFor : HOLD_WORDS[reason];
}

/** Where in the line it stands. */
function turn(message: Message): string {
  const ahead = message.sequenceNo - message.checkpoint - 1;
  if (ahead <= 0) return 'It is the next of its lane.';
  return `Its lane first has ${ahead === 1 ? 'one earlier number' : `${ahead.toLocaleString('en')} earlier numbers`} to settle, from #${message.checkpoint + 1} on.`;
}

/** "36 ms", "4.2 s", and coarser from a minute on. */
export function millisecondsText(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : durationText(ms);
}
