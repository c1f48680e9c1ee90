/** What doctor says. Every sentence is for whoever operates the site; none holds a credential or patient data (G18). */

/** problem: orders may be lost, reordered, exposed or stuck. unknown: doctor could not look, and says so. */
export const LEVELS = ['ok', 'unknown', 'warning', 'problem'] as const;
export type Level = (typeof LEVELS)[number];

export interface Finding {
  /** Heading it stands under. */
  readonly area: string;
  readonly level: Level;
  /** What was seen. */
  readonly what: string;
  /** Why it matters; empty where all is well. */
  readonly why: string;
  /** What to do about it; empty where all is well. */
  readonly todo: string;
}

/** Findings of one area. */
export class Findings {
  readonly list: Finding[] = [];
  private readonly area: string;

  constructor(area: string) {
    this.area = area;
  }

  ok(what: string): void {
    this.add('ok', what, '', '');
  }

  unknown(what: string, why: string, todo: string): void {
    this.add('unknown', what, why, todo);
  }

  warning(what: string, why: string, todo: string): void {
    this.add('warning', what, why, todo);
  }

  problem(what: string, why: string, todo: string): void {
    this.add('problem', what, why, todo);
  }

  add(level: Level, what: string, why: string, todo: string): void {
    this.list.push({ area: this.area, level, what, why, todo });
  }
}

const NAMES_MAX = 5;

/** `LAB-0001, LAB-0002 and 7 more`. */
export function names(list: readonly string[]): string {
  const shown = list.slice(0, NAMES_MAX).join(', ');
  return list.length <= NAMES_MAX ? shown : `${shown} and ${list.length - NAMES_MAX} more`;
}

/** `1 lane`, `2 lanes`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** `1 lane waits`, `2 lanes wait`: the verb follows the number. */
export function verb(n: number, one: string, many: string): string {
  return n === 1 ? one : many;
}

/** Why something failed, without the text of an error, which may hold what it was given. */
export function reasonOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string')
    return WORDS[error.code] ?? error.code;
  return error instanceof Error ? error.name : 'no reason given';
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (ECONNREFUSED)',
  ENOTFOUND: 'the host name is not known (ENOTFOUND)',
  EAI_AGAIN: 'the host name cannot be resolved now (EAI_AGAIN)',
  ETIMEDOUT: 'no answer in time (ETIMEDOUT)',
  ECONNRESET: 'the connection was cut (ECONNRESET)',
  EHOSTUNREACH: 'no way to that host (EHOSTUNREACH)',
  '28P01': 'the password is wrong (28P01)',
  '28000': 'this user may not connect (28000)',
  '3D000': 'the database does not exist (3D000)',
  '53300': 'all connections are taken (53300)',
  '57P03': 'the server is starting or stopping (57P03)',
  '42501': 'the user lacks the right (42501)',
  '42P01': 'a table is missing (42P01)',
};

/** This machine itself: nothing travels over a network. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\./.test(host);
}
