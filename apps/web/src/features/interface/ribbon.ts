/**
 * The line of one interface as it is drawn: every number from 1 to the high-water mark has exactly one kind, and every
 * kind but DELIVERED has a reason. Pure.
 */
import { durationText, ERROR_CODES, type ErrorCode, type MessageStatus, type WaitingFor } from '@inorder/core';

/**
 * SETTLED: below the drawn runs, its end is in the message. REMOVED: by retention. MISSING: no row, which G5 forbids.
 * SENT: the head, while its answer is awaited.
 */
export const RIBBON_KINDS = [
  'REMOVED',
  'SETTLED',
  'DELIVERED',
  'FILTERED',
  'SKIPPED',
  'FAILED',
  'VALIDATING',
  'ENRICHING',
  'ROUTING',
  'READY',
  'SENT',
  'MISSING',
] as const;
export type RibbonKind = (typeof RIBBON_KINDS)[number];

const KIND_OF_STATUS: Record<MessageStatus, RibbonKind> = {
  RECEIVED: 'VALIDATING',
  VALIDATED: 'ENRICHING',
  ENRICHED: 'ROUTING',
  PROCESSED: 'READY',
  DELIVERED: 'DELIVERED',
  FAILED: 'FAILED',
  SKIPPED: 'SKIPPED',
  FILTERED: 'FILTERED',
};

export interface NumberFacts {
  readonly sequenceNo: number;
  readonly status: MessageStatus;
  readonly receivedAt: Date;
  readonly errorCode: string | null;
  readonly diedIn: string | null;
  readonly replayState: string | null;
  readonly filterRule: string | null;
  readonly claimedBy: string | null;
  readonly claimedAt: Date | null;
}

export interface Line {
  readonly checkpoint: number;
  readonly highWater: number;
  readonly retainedFrom: number;
  readonly waitingFor: WaitingFor | null;
}

export interface RibbonCell {
  readonly sequenceNo: number;
  readonly kind: RibbonKind;
  readonly facts: NumberFacts | null;
}

function kindOf(facts: NumberFacts, line: Line): RibbonKind {
  const sent = line.waitingFor?.kind === 'ACK' && line.waitingFor.sequenceNo === facts.sequenceNo;
  return sent && facts.status === 'PROCESSED' ? 'SENT' : KIND_OF_STATUS[facts.status];
}

/** One cell for each number of the window. */
export function ribbonCells(line: Line, from: number, to: number, numbers: readonly NumberFacts[]): RibbonCell[] {
  const known = new Map(numbers.map((facts) => [facts.sequenceNo, facts]));
  const cells: RibbonCell[] = [];
  for (let sequenceNo = Math.max(1, from); sequenceNo <= Math.min(to, line.highWater); sequenceNo++) {
    const facts = known.get(sequenceNo) ?? null;
    const none: RibbonKind = sequenceNo < line.retainedFrom ? 'REMOVED' : 'MISSING';
    cells.push({ sequenceNo, kind: facts === null ? none : kindOf(facts, line), facts });
  }
  return cells;
}

export interface RibbonSegment {
  readonly kind: RibbonKind;
  readonly from: number;
  readonly to: number;
}

/** The whole line from 1 to the high-water mark in runs of one kind, without a hole and without an overlap. */
export function ribbonSegments(
  line: Line,
  runs: readonly { readonly status: MessageStatus; readonly from: number; readonly to: number }[],
  runsFrom: number,
): RibbonSegment[] {
  const segments: RibbonSegment[] = [];
  let next = 1;
  const add = (kind: RibbonKind, to: number) => {
    if (to < next) return;
    const last = segments.at(-1);
    if (last?.kind === kind) segments[segments.length - 1] = { ...last, to };
    else segments.push({ kind, from: next, to });
    next = to + 1;
  };
  add('REMOVED', line.retainedFrom - 1);
  add('SETTLED', Math.min(runsFrom - 1, line.checkpoint));
  for (const run of runs) {
    add('MISSING', run.from - 1);
    add(KIND_OF_STATUS[run.status], Math.min(run.to, line.highWater));
  }
  add('MISSING', line.highWater);
  return segments;
}

/** What is worth most of an eye when several kinds share a pixel. */
const WEIGHT: Record<RibbonKind, number> = {
  MISSING: 9,
  FAILED: 8,
  VALIDATING: 7,
  ENRICHING: 7,
  ROUTING: 7,
  SKIPPED: 6,
  SENT: 5,
  READY: 4,
  FILTERED: 3,
  DELIVERED: 2,
  SETTLED: 1,
  REMOVED: 0,
};

export interface SqueezedRun {
  readonly kind: RibbonKind;
  /** First and last slot, both included. */
  readonly from: number;
  readonly to: number;
}

export interface SqueezedLine {
  /** What most numbers of each slot are. */
  readonly most: readonly SqueezedRun[];
  /** Where a slot also holds a weightier kind than that. */
  readonly marks: readonly SqueezedRun[];
}

/** The numbers from `from` to `to` squeezed into `slots` of equal width; neighbours of one kind are joined. */
export function squeeze(segments: readonly RibbonSegment[], from: number, to: number, slots: number): SqueezedLine {
  const size = Math.max(1, (to - from + 1) / slots);
  const most: { kind: RibbonKind; share: number }[] = [];
  const heaviest: RibbonKind[] = [];
  for (const segment of segments) {
    if (segment.to < from || segment.from > to) continue;
    const first = Math.max(0, Math.floor((segment.from - from) / size));
    const last = Math.min(slots - 1, Math.floor((Math.min(segment.to, to) - from) / size));
    for (let slot = first; slot <= last; slot++) {
      const begin = Math.max(segment.from, from + slot * size);
      const share = Math.min(segment.to + 1, from + (slot + 1) * size) - begin;
      if (share > (most[slot]?.share ?? 0)) most[slot] = { kind: segment.kind, share };
      const before = heaviest[slot];
      if (before === undefined || WEIGHT[segment.kind] > WEIGHT[before]) heaviest[slot] = segment.kind;
    }
  }
  const marks = heaviest.map((kind, slot) => (kind === most[slot]?.kind ? undefined : kind));
  return { most: joinSlots(most.map((slot) => slot.kind)), marks: joinSlots(marks) };
}

function joinSlots(kinds: readonly (RibbonKind | undefined)[]): SqueezedRun[] {
  const joined: { kind: RibbonKind; from: number; to: number }[] = [];
  kinds.forEach((kind, slot) => {
    if (kind === undefined) return;
    const last = joined.at(-1);
    if (last?.kind === kind && last.to === slot - 1) last.to = slot;
    else joined.push({ kind, from: slot, to: slot });
  });
  return joined;
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}

/** What an error code means, in words; an unknown code as it is. */
export function errorTitle(code: string): string {
  return isErrorCode(code) ? ERROR_CODES[code].title : code;
}

/**
 * Why a number is as it is, to stand after the word of its kind: where, since when, or by what. No full stop; may be
 * empty.
 */
export function numberReason(cell: RibbonCell, line: Line, nowAt: number): string {
  const { facts } = cell;
  const holds = line.waitingFor?.kind === 'HOLD' && line.waitingFor.sequenceNo === cell.sequenceNo;
  const passes = holds ? 'the lane holds before it' : 'the lane will pass it';
  const willPass = cell.sequenceNo > line.checkpoint ? passes : '';
  const replayed = facts?.replayState == null ? '' : `replay ${facts.replayState.toLowerCase()}`;
  return sentence([kindReason(cell, line, nowAt), WILL_PASS.has(cell.kind) ? willPass : '', replayed]);
}

const WILL_PASS: ReadonlySet<RibbonKind> = new Set(['FAILED', 'SKIPPED', 'FILTERED']);

function sentence(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('; ');
}

function kindReason({ kind, facts, sequenceNo }: RibbonCell, line: Line, nowAt: number): string {
  switch (kind) {
    case 'REMOVED':
      return 'settled, then removed by retention';
    case 'SETTLED':
    case 'DELIVERED':
      return '';
    case 'FILTERED':
      return facts?.filterRule == null ? 'a rule wanted nothing of it' : `by the rule “${facts.filterRule}”`;
    case 'SKIPPED':
      return 'by an operator';
    case 'FAILED':
      return failedReason(facts);
    case 'VALIDATING':
    case 'ENRICHING':
    case 'ROUTING':
      return stageReason(facts, nowAt);
    case 'READY':
      return sequenceNo === line.checkpoint + 1 ? 'next to be sent' : `behind #${line.checkpoint + 1}`;
    case 'SENT':
      return 'waits for its answer';
    case 'MISSING':
      return 'which must not be: run ./inorder verify';
  }
}

function failedReason(facts: NumberFacts | null): string {
  const code = facts?.errorCode == null ? '' : `${errorTitle(facts.errorCode)} (${facts.errorCode})`;
  return facts?.diedIn == null ? code : `in ${facts.diedIn.toLowerCase()}: ${code}`;
}

function stageReason(facts: NumberFacts | null, nowAt: number): string {
  if (facts === null) return '';
  const received = `received ${durationText(nowAt - facts.receivedAt.getTime())} ago`;
  if (facts.claimedBy === null || facts.claimedAt === null) return `${received}, no stage has taken it yet`;
  return `${received}; ${facts.claimedBy} has it for ${durationText(nowAt - facts.claimedAt.getTime())}`;
}
