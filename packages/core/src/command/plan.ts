/**
 * The dry run: what a command will do, computed from a snapshot. The console plans to show it, the lane's owner plans
 * again before it acts and refuses when the hash differs (PLAN_CHANGED). Source: G13, G14, docs/glossary.md.
 */
import type { InterfaceCode, SequenceNo } from '../ids.ts';
import type { HoldReason } from '../lane/explain.ts';
import { CANCELLING_ORDER_CONTROLS, type CommandKind, type MessageStatus, type RefusalCode } from '../status.ts';

/** How an unknown outcome is resolved: it arrived · send it again · give it up. */
export const UNKNOWN_RESOLUTIONS = ['ARRIVED', 'SEND_AGAIN', 'DEAD_LETTER'] as const;
export type UnknownResolution = (typeof UNKNOWN_RESOLUTIONS)[number];

export interface PlanCommand {
  readonly kind: CommandKind;
  /** Both null for PAUSE, RESUME and RESOLVE_UNKNOWN (which is about the head). */
  readonly fromSequenceNo: SequenceNo | null;
  readonly toSequenceNo: SequenceNo | null;
  readonly resolution: UnknownResolution | null;
}

/** One number in the snapshot. Keys are keyed hashes, never values. */
export interface PlanNumber {
  readonly sequenceNo: SequenceNo;
  readonly status: MessageStatus;
  readonly orderControl: string | null;
  /** Hashes of its placer order numbers, as hex. */
  readonly placerKeys: readonly string[];
  /** Bytes may have reached the destination. */
  readonly maybeDelivered: boolean;
}

export interface PlanSnapshot {
  readonly interfaceCode: InterfaceCode;
  readonly checkpoint: SequenceNo;
  readonly highWater: SequenceNo;
  readonly paused: boolean;
  readonly heldFor: HoldReason | null;
  /** The numbers of the command's range, in order. */
  readonly numbers: readonly PlanNumber[];
  /** Settled or sent later numbers that concern the same placer orders as the range, in order. */
  readonly laterOfSameOrder: readonly PlanNumber[];
}

/** What happens to one number. */
export type PlanEffect =
  | 'PASS' // outcome becomes SKIPPED; it is passed when the lane reaches it
  | 'REPAIR_IN_PLACE' // RECEIVED again, through the stages, delivered in its own place
  | 'REPLAY_LATE' // keeps number, end and checkpoint; sent after newer ones
  | 'EXCLUDED'; // nothing is done to it; `why` says so

export type ExclusionReason = 'ALREADY_SETTLED' | 'NOTHING_TO_REPAIR' | 'STILL_IN_STAGES' | 'FILTERED';

export interface PlanItem {
  readonly sequenceNo: SequenceNo;
  readonly status: MessageStatus;
  readonly effect: PlanEffect;
  readonly why: ExclusionReason | null;
  /** Later numbers of the same placer order that were delivered meanwhile. */
  readonly overtakenBy: readonly { readonly sequenceNo: SequenceNo; readonly orderControl: string | null }[];
}

export type PlanWarning =
  /** An order that creates or changes would arrive after its cancel: a matter of patient safety. */
  | {
      readonly kind: 'AFTER_CANCEL';
      readonly sequenceNo: SequenceNo;
      readonly orderControl: string;
      readonly cancelSequenceNo: SequenceNo;
      readonly cancelOrderControl: string;
    }
  | { readonly kind: 'OVERTAKEN'; readonly sequenceNo: SequenceNo; readonly count: number }
  | { readonly kind: 'MAYBE_DELIVERED'; readonly sequenceNo: SequenceNo }
  /** Skipping an order whose later messages will be delivered all the same. */
  | { readonly kind: 'LATER_OF_SAME_ORDER'; readonly sequenceNo: SequenceNo; readonly laterSequenceNo: SequenceNo };

export interface Plan {
  readonly kind: CommandKind;
  readonly items: readonly PlanItem[];
  readonly warnings: readonly PlanWarning[];
  /** Set when the command would be refused as a whole. */
  readonly refusal: RefusalCode | null;
  readonly before: {
    readonly checkpoint: SequenceNo;
    readonly highWater: SequenceNo;
    readonly paused: boolean;
    readonly heldFor: HoldReason | null;
  };
  /** 16 hex digits over everything that must not have changed when the owner acts. */
  readonly hash: string;
}

const SETTLED: readonly MessageStatus[] = ['DELIVERED', 'FAILED', 'SKIPPED', 'FILTERED'];

export function plan(command: PlanCommand, snapshot: PlanSnapshot): Plan {
  const items = itemsOf(command, snapshot);
  const warnings = items.flatMap((item) => warningsOf(command, item, snapshot));
  const refusal = refusalOf(command, snapshot, items);
  const before = {
    checkpoint: snapshot.checkpoint,
    highWater: snapshot.highWater,
    paused: snapshot.paused,
    heldFor: snapshot.heldFor,
  };
  return {
    kind: command.kind,
    items,
    warnings,
    refusal,
    before,
    hash: hashOf(command, snapshot, items, warnings, refusal),
  };
}

function itemsOf(command: PlanCommand, snapshot: PlanSnapshot): PlanItem[] {
  switch (command.kind) {
    case 'SKIP':
      return snapshot.numbers.map((n) => skipItem(n, snapshot));
    case 'REPLAY':
      return snapshot.numbers.map((n) => replayItem(n, snapshot));
    case 'PAUSE':
    case 'RESUME':
    case 'RESOLVE_UNKNOWN':
    case 'RESTAGE_FROM':
    case 'STEP':
    case 'RELEASE_UNTIL':
      return [];
  }
}

function skipItem(n: PlanNumber, snapshot: PlanSnapshot): PlanItem {
  const settled = n.sequenceNo <= snapshot.checkpoint;
  const ended = n.status === 'SKIPPED' || n.status === 'FILTERED';
  const base = { sequenceNo: n.sequenceNo, status: n.status, overtakenBy: [] };
  if (settled || ended)
    return { ...base, effect: 'EXCLUDED', why: n.status === 'FILTERED' ? 'FILTERED' : 'ALREADY_SETTLED' };
  return { ...base, effect: 'PASS', why: null };
}

function replayItem(n: PlanNumber, snapshot: PlanSnapshot): PlanItem {
  const overtakenBy = sameOrderAfter(n, snapshot)
    .filter((later) => later.status === 'DELIVERED')
    .map((later) => ({ sequenceNo: later.sequenceNo, orderControl: later.orderControl }));
  const base = { sequenceNo: n.sequenceNo, status: n.status, overtakenBy };
  if (n.sequenceNo <= snapshot.checkpoint) return { ...base, effect: 'REPLAY_LATE', why: null };
  if (n.status === 'FAILED' || n.status === 'SKIPPED')
    return { ...base, effect: 'REPAIR_IN_PLACE', why: null, overtakenBy: [] };
  if (n.status === 'FILTERED') return { ...base, effect: 'EXCLUDED', why: 'FILTERED', overtakenBy: [] };
  return {
    ...base,
    effect: 'EXCLUDED',
    why: n.status === 'PROCESSED' ? 'NOTHING_TO_REPAIR' : 'STILL_IN_STAGES',
    overtakenBy: [],
  };
}

function sameOrderAfter(n: PlanNumber, snapshot: PlanSnapshot): PlanNumber[] {
  const keys = new Set(n.placerKeys);
  if (keys.size === 0) return [];
  return snapshot.laterOfSameOrder.filter(
    (later) => later.sequenceNo > n.sequenceNo && later.placerKeys.some((k) => keys.has(k)),
  );
}

function warningsOf(command: PlanCommand, item: PlanItem, snapshot: PlanSnapshot): PlanWarning[] {
  const number = snapshot.numbers.find((n) => n.sequenceNo === item.sequenceNo);
  if (number === undefined || item.effect === 'EXCLUDED') return [];
  const warnings: PlanWarning[] = [];
  const cancels = CANCELLING_ORDER_CONTROLS;
  if (item.effect === 'REPLAY_LATE') {
    const control = number.orderControl;
    const cancel = item.overtakenBy.find((o) => o.orderControl !== null && cancels.includes(o.orderControl));
    if (control !== null && !cancels.includes(control) && cancel !== undefined && cancel.orderControl !== null) {
      warnings.push({
        kind: 'AFTER_CANCEL',
        sequenceNo: item.sequenceNo,
        orderControl: control,
        cancelSequenceNo: cancel.sequenceNo,
        cancelOrderControl: cancel.orderControl,
      });
    }
    if (item.overtakenBy.length > 0)
      warnings.push({ kind: 'OVERTAKEN', sequenceNo: item.sequenceNo, count: item.overtakenBy.length });
  }
  if (command.kind === 'SKIP') {
    const later = sameOrderAfter(number, snapshot)[0];
    if (later !== undefined)
      warnings.push({ kind: 'LATER_OF_SAME_ORDER', sequenceNo: item.sequenceNo, laterSequenceNo: later.sequenceNo });
  }
  if (number.maybeDelivered) warnings.push({ kind: 'MAYBE_DELIVERED', sequenceNo: item.sequenceNo });
  return warnings;
}

function refusalOf(command: PlanCommand, snapshot: PlanSnapshot, items: readonly PlanItem[]): RefusalCode | null {
  switch (command.kind) {
    case 'PAUSE':
      return snapshot.paused ? 'ALREADY_PAUSED' : null;
    case 'RESUME':
      // An unknown outcome is resolved, not resumed.
      return snapshot.paused || (snapshot.heldFor !== null && snapshot.heldFor !== 'UNKNOWN_OUTCOME')
        ? null
        : 'NOT_PAUSED';
    case 'RESOLVE_UNKNOWN':
      return snapshot.heldFor === 'UNKNOWN_OUTCOME' ? null : 'NO_UNKNOWN_OUTCOME';
    case 'SKIP':
    case 'REPLAY': {
      if (items.length === 0) return 'UNKNOWN_NUMBER';
      if (items.some((i) => i.effect !== 'EXCLUDED')) return null;
      return items.every((i) => i.why === 'ALREADY_SETTLED') ? 'ALREADY_SETTLED' : 'NOTHING_TO_DO';
    }
    case 'RESTAGE_FROM':
    case 'STEP':
    case 'RELEASE_UNTIL':
      return 'NOT_SUPPORTED';
  }
}

/** True for the statuses that are an end (settled or not yet passed). */
export function hasOutcome(status: MessageStatus): boolean {
  return SETTLED.includes(status);
}

/** Only what must hold still is hashed: a lane that flows meanwhile does not make a plan old. */
function hashOf(
  command: PlanCommand,
  snapshot: PlanSnapshot,
  items: readonly PlanItem[],
  warnings: readonly PlanWarning[],
  refusal: RefusalCode | null,
): string {
  const parts = [command.kind, command.resolution ?? '', refusal ?? ''];
  // What is said of a held lane is said of its head and of why it holds: "it arrived" must never settle another number.
  if ((command.kind === 'RESOLVE_UNKNOWN' || command.kind === 'RESUME') && snapshot.heldFor !== null)
    parts.push(`${snapshot.heldFor}:${snapshot.checkpoint}`);
  for (const item of items)
    parts.push(`${item.sequenceNo}:${item.effect}:${item.overtakenBy.map((o) => o.sequenceNo).join(',')}`);
  for (const warning of warnings) parts.push(JSON.stringify(warning));
  return fnv64(parts.join('|'));
}

/** FNV-1a, 64 bits: tells plans apart, is no secret. */
function fnv64(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (let i = 0; i < text.length; i++) {
    hash ^= BigInt(text.charCodeAt(i));
    hash = (hash * 0x100000001b3n) & 0xffffffffffffffffn;
  }
  return hash.toString(16).padStart(16, '0');
}
