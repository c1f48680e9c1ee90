/** One incident per cause, told once and ended once. Written beside the work, never before it. */
import { uuidv7 } from '@inorder/db';
import type { Logger } from 'pino';
import { type Database, errorCodeOf, type Statement } from '../adapters/postgres/database.ts';

export type IncidentScope = 'INTERFACE' | 'DESTINATION' | 'SOURCE' | 'ENGINE';

/** Index: incident_open_key_key. */
const OPEN: Statement = {
  name: 'incident_open',
  text: `
INSERT INTO incident (incident_id, kind, scope, scope_name, detail, open_key) VALUES ($1, $2, $3, $4, $5, $2 || ' ' || $3 || ' ' || $4)
ON CONFLICT (open_key) DO UPDATE SET occurrences = incident.occurrences + 1, last_at = now(), detail = excluded.detail`,
};
const CLOSE: Statement = {
  name: 'incident_close',
  text: `UPDATE incident SET open_key = NULL, closed_at = now() WHERE open_key = $1 || ' ' || $2 || ' ' || $3`,
};

export class Incidents {
  private readonly database: Database;
  private readonly logger: Logger;

  constructor(database: Database, logger: Logger) {
    this.database = database;
    this.logger = logger;
  }

  /** `detail`: one sentence without patient data. */
  open(kind: string, scope: IncidentScope, scopeName: string, detail: string): void {
    this.logger.warn({ kind, scope, scopeName }, 'incident opened');
    this.write(OPEN, [uuidv7(), kind, scope, scopeName, detail.slice(0, 1000)]);
  }

  close(kind: string, scope: IncidentScope, scopeName: string): void {
    this.write(CLOSE, [kind, scope, scopeName]);
  }

  private write(statement: Statement, values: readonly unknown[]): void {
    this.database
      .query(statement, values)
      .catch((error: unknown) =>
        this.logger.error({ statement: statement.name, code: errorCodeOf(error) }, 'incident not written'),
      );
  }
}
