/**
 * Notices that Postgres is another than the one this data last knew (G21): restored from a backup, or a standby that took
 * over. Then no number that stands here may be trusted to be the last one a laboratory has seen: in one transaction all
 * epochs jump, all lanes hold, one incident and the audit tell of it.
 *
 *   known = now ──▶ nothing
 *   known ≠ now ──lock the one row, look again──▶ jump, hold, tell, remember ──operator releases the last lane──▶ told
 *
 * Asked on every new connection, so that no statement runs on another server before its lanes hold, and at each look
 * around, for connections that a pooler keeps across a fail-over.
 *
 * **Invariant:** of many instances that notice at once exactly one acts; the others find it done.
 */
import { appendAudit, uuidv7 } from '@inorder/db';
import pg from 'pg';
import type { Logger } from 'pino';
import { errorCodeOf, type Queries, type Statement } from './database.ts';
import {
  type Identity,
  jumpAndHold,
  lockIdentity,
  readStanding,
  remember,
  type Standing,
  tellReleased,
  tellRestored,
} from './identity-queries.ts';

/** Twenty-five thousand lanes are made to hold in well under a second; a server that has just recovered may be slow. */
const HOLD_MS_MAX = 60_000;
/** Not permitted, no such function, not supported: a provider keeps these to itself. */
const NOT_GIVEN: ReadonlySet<string> = new Set(['42501', '42883', '0A000']);

export interface StoreIdentityOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
}

export class StoreIdentity {
  private readonly options: StoreIdentityOptions;
  private readonly listeners = new Set<() => void>();
  /** false once this role was found not to be allowed to ask for system identifier and timeline. */
  private all = true;
  private generation: number | null = null;
  private accepting: Promise<number> | null = null;

  constructor(options: StoreIdentityOptions) {
    this.options = options;
  }

  /** Called when Postgres is another than the one this process has worked with: what it remembers may not stand there. */
  onOther(listener: () => void): void {
    this.listeners.add(listener);
  }

  /** Resolves when lanes hold where they must. @throws what `classify` understands. */
  async check(queries: Queries): Promise<void> {
    const standing = await this.read(queries);
    if (standing.standby) return;
    let { generation } = standing;
    if (isNews(standing)) {
      // Connections are made many at a time; one of them is enough to act.
      this.accepting ??= this.accept().finally(() => {
        this.accepting = null;
      });
      generation = await this.accepting;
    } else if (standing.holding && (await tellReleased(queries, generation))) {
      this.options.logger.info({ generation }, 'the last lane was released: the restored postgres is taken as it is');
    }
    const before = this.generation;
    this.generation = generation;
    if (before !== null && before !== generation) for (const listener of this.listeners) listener();
  }

  private async read(queries: Queries): Promise<Standing> {
    if (this.all) {
      try {
        return await readStanding(queries, true);
      } catch (error) {
        const code = errorCodeOf(error);
        if (!NOT_GIVEN.has(code)) throw error;
        // Connections are opened many at a time, and each of them finds out.
        if (this.all)
          this.options.logger.warn(
            { code },
            'this role may not ask for system identifier and timeline: a postgres that was failed over or recovered is not noticed',
          );
        this.all = false;
      }
    }
    return readStanding(queries, false);
  }

  /** On a connection of its own: the pools' statements end sooner than this may take. @returns the generation now. */
  private async accept(): Promise<number> {
    const { url, applicationName } = this.options;
    const client = new pg.Client({
      connectionString: url,
      application_name: applicationName,
      connectionTimeoutMillis: 5000,
      statement_timeout: HOLD_MS_MAX,
      query_timeout: HOLD_MS_MAX,
      keepAlive: true,
    });
    // A server that goes away in between is told by the statement that meets it.
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('BEGIN');
      const generation = await this.acceptOn(client);
      await client.query('COMMIT');
      return generation;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  private async acceptOn(client: pg.Client): Promise<number> {
    const queries: Queries = {
      query: async <Row extends object>({ text }: Statement, values: readonly unknown[]) =>
        (await client.query<Row>({ text, values: [...values] })).rows,
    };
    await lockIdentity(queries);
    // The row may be another's word by now, or this connection may lead to another server than the one that was asked.
    const standing = await readStanding(queries, this.all);
    if (standing.standby || !isNews(standing)) return standing.generation;
    const { known, now } = standing;
    const parts = differences(known, now);
    await remember(queries, now, parts.length > 0);
    if (parts.length === 0) return standing.generation;
    const generation = standing.generation + 1;
    const lanes = await jumpAndHold(queries);
    await tellRestored(
      queries,
      uuidv7(),
      `Postgres was restored or failed over (another ${parts.join(', ')}): all lanes hold`,
    );
    await appendAudit(client, {
      actor: 'system',
      action: 'store.restored',
      target: 'postgres',
      detail: { generation, lanes, known, now },
    });
    this.options.logger.error(
      { parts, known, now, generation, lanes },
      'postgres was restored or failed over: all lanes hold until an operator releases them',
    );
    return generation;
  }
}

const WORDS: Readonly<Record<keyof Identity, string>> = {
  system: 'system identifier',
  timeline: 'timeline',
  database: 'database',
  table: 'copy of the tables',
};
const PARTS = ['system', 'timeline', 'database', 'table'] as const;

/** In words; a part that is not known on both sides says nothing. */
function differences(known: Identity, now: Identity): string[] {
  return PARTS.filter((part) => known[part] !== null && now[part] !== null && known[part] !== now[part]).map(
    (part) => WORDS[part],
  );
}

/** Another one, or something of it that was not known before. */
function isNews({ known, now }: Standing): boolean {
  return PARTS.some((part) => now[part] !== null && now[part] !== known[part]);
}
