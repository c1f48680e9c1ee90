/** What the parts of an apply are given, and what each of them says it did. */
import type pg from 'pg';
import type { SiteProblem } from './check.ts';

/** Everything the parts of an apply need. */
export interface ApplyContext {
  readonly tx: pg.PoolClient;
  readonly actor: string;
  readonly secretKey: Uint8Array;
  readonly problems: SiteProblem[];
}

/** Names; what is in neither list stood there unchanged. */
export interface AppliedKind {
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly unchanged: number;
}
