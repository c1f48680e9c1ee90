/**
 * Faults of the simulated laboratory, set and taken back while it runs. A rule says which messages it meets and what
 * happens to them. For each message, of each facet (`delay`, `answer`, `wire`) the first rule that meets it counts.
 */
import { z } from 'zod';

const ackCode = z.enum(['AA', 'AE', 'AR', 'CA', 'CE', 'CR']);

const faultSchema = z.discriminatedUnion('kind', [
  /** Facet delay: the answer comes this much later. */
  z.strictObject({ kind: z.literal('delay'), ms: z.int().min(0).max(3_600_000) }),
  /** Facet answer: this code, for HTTP this status; ERR-3 as told. Only AA and CA take the message. */
  z.strictObject({
    kind: z.literal('answer'),
    code: ackCode,
    errorCode: z
      .string()
      .regex(/^\d{1,3}$/)
      .optional(),
    httpStatus: z.int().min(200).max(599).optional(),
  }),
  /** Facet answer: a positive answer to another message. */
  z.strictObject({ kind: z.literal('wrongId'), controlId: z.string().max(199).default('SOMEBODY-ELSE') }),
  /** Facet answer: no acknowledgement at all, but bytes. */
  z.strictObject({ kind: z.literal('junk'), text: z.string().max(10_000).default('not an acknowledgement') }),
  /** Facet answer: a message taken before is answered "already have it" (AR with ERR-3 205, HTTP 409); others as usual. */
  z.strictObject({ kind: z.literal('alreadyThere') }),
  /** Facet wire: taken, but the answer never leaves. */
  z.strictObject({ kind: z.literal('dropAnswer') }),
  /** Facet wire: not taken, and this connection never says anything again. */
  z.strictObject({ kind: z.literal('hang') }),
  /** Facet wire: taken; our side of the connection is closed instead of an answer. */
  z.strictObject({ kind: z.literal('halfClose') }),
  /** Facet wire: taken; the connection is reset instead of an answer. */
  z.strictObject({ kind: z.literal('reset') }),
  /** Facet wire: taken; half the answer, then the connection is closed. */
  z.strictObject({ kind: z.literal('closeInTheMiddle') }),
  /** Facet wire: the answer goes out one byte at a time. */
  z.strictObject({ kind: z.literal('slowBytes'), everyMs: z.int().min(0).max(10_000).default(1) }),
]);
export type Fault = z.infer<typeof faultSchema>;

export const faultRuleSchema = z.strictObject({
  /** Names it for taking back; a new rule of the same id replaces the old one. */
  id: z.string().min(1).max(60),
  /** Name of one LIS endpoint; absent: all. */
  endpoint: z.string().max(60).optional(),
  /** Code of one interface; absent: all. */
  interface: z.string().max(32).optional(),
  /** One message. */
  controlId: z.string().max(199).optional(),
  /** Of the messages that fit so far, every n-th only. */
  everyNth: z.int().min(1).optional(),
  /** How often it acts; then it is taken back. Absent: always. */
  times: z.int().min(1).optional(),
  fault: faultSchema,
});
export type FaultRule = z.infer<typeof faultRuleSchema>;

export interface FaultTarget {
  readonly endpoint: string;
  /** Interface code, of the control id; empty if it has none. */
  readonly code: string;
  readonly controlId: string;
}

export type Facet = 'delay' | 'answer' | 'wire';
type FaultOf<F extends Facet> = Extract<Fault, { kind: (typeof KINDS)[F][number] }>;

/** What shall happen to one message; a facet that is absent is as usual. */
export interface Course {
  readonly delay?: FaultOf<'delay'>;
  readonly answer?: FaultOf<'answer'>;
  readonly wire?: FaultOf<'wire'>;
}

const KINDS = {
  delay: ['delay'],
  answer: ['answer', 'wrongId', 'junk', 'alreadyThere'],
  wire: ['dropAnswer', 'hang', 'halfClose', 'reset', 'closeInTheMiddle', 'slowBytes'],
} as const;
export const RULES_MAX = 1000;

interface Standing {
  readonly rule: FaultRule;
  met: number;
  acted: number;
}

export class Switches {
  #standing: Standing[] = [];

  /** False when there are RULES_MAX already. */
  set(rule: FaultRule): boolean {
    const at = this.#standing.findIndex((standing) => standing.rule.id === rule.id);
    const fresh: Standing = { rule, met: 0, acted: 0 };
    if (at !== -1) this.#standing[at] = fresh;
    else if (this.#standing.length < RULES_MAX) this.#standing.push(fresh);
    else return false;
    return true;
  }

  clear(id?: string): void {
    this.#standing = id === undefined ? [] : this.#standing.filter((standing) => standing.rule.id !== id);
  }

  list(): readonly { readonly rule: FaultRule; readonly acted: number }[] {
    return this.#standing.map(({ rule, acted }) => ({ rule, acted }));
  }

  /** Counts the message against each rule that fits. */
  courseOf(target: FaultTarget): Course {
    let course: Course = {};
    for (const standing of [...this.#standing]) {
      if (!fits(standing.rule, target)) continue;
      standing.met += 1;
      const { everyNth, times, fault } = standing.rule;
      if (everyNth !== undefined && standing.met % everyNth !== 0) continue;
      const facet = facetOf(fault);
      if (course[facet] !== undefined) continue;
      course = { ...course, [facet]: fault };
      standing.acted += 1;
      if (times !== undefined && standing.acted >= times) {
        this.#standing = this.#standing.filter((other) => other !== standing);
      }
    }
    return course;
  }
}

function fits(rule: FaultRule, target: FaultTarget): boolean {
  return (
    (rule.endpoint === undefined || rule.endpoint === target.endpoint) &&
    (rule.interface === undefined || rule.interface === target.code) &&
    (rule.controlId === undefined || rule.controlId === target.controlId)
  );
}

function facetOf(fault: Fault): Facet {
  switch (fault.kind) {
    case 'delay':
      return 'delay';
    case 'answer':
    case 'wrongId':
    case 'junk':
    case 'alreadyThere':
      return 'answer';
    case 'dropAnswer':
    case 'hang':
    case 'halfClose':
    case 'reset':
    case 'closeInTheMiddle':
    case 'slowBytes':
      return 'wire';
  }
}
