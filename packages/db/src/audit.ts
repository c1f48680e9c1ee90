/**
 * The audit (G17): append-only rows, each hashed over the one before it. A row that is changed, taken out or put in
 * later breaks the chain at a number that `verifyAudit` names. What the chain cannot show is rows cut off at its end:
 * keep `lastHash` somewhere else for that.
 */
import { createHash } from 'node:crypto';
import type pg from 'pg';

export interface AuditEntry {
  /** Who: a user's e-mail, or `system`. */
  readonly actor: string;
  /** What was done, `noun.verb`: `command.skip`, `payload.reveal`, `config.apply`. */
  readonly action: string;
  /** What it was done to: `LAB-0042:123`, `user:ada@example.org`. Never patient data (G18). */
  readonly target: string;
  readonly reason?: string | null;
  /** JSON without patient data. */
  readonly detail?: unknown;
}

export type AuditVerdict =
  | { readonly ok: true; readonly rows: number; readonly lastHash: string }
  | {
      readonly ok: false;
      /** The first row that does not fit. */
      readonly auditId: number;
      /** CHANGED: not what was hashed · UNLINKED: not after the row before it · MISSING: this number is not there. */
      readonly why: 'CHANGED' | 'UNLINKED' | 'MISSING';
      /** Rows before it that fit. */
      readonly rows: number;
    };

/** Appends are one after the other; held to the end of the transaction. The number names this lock and nothing else. */
const AUDIT_LOCK = 4_711_000_017;
const GENESIS: Buffer = Buffer.alloc(32);

/**
 * Appends in the caller's transaction, so that an act and its record commit together or not at all. Call it late: the
 * lock holds up every other act until the transaction ends. The transaction must be READ COMMITTED.
 */
export async function appendAudit(tx: pg.ClientBase, ...entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await tx.query('SELECT pg_advisory_xact_lock($1)', [AUDIT_LOCK]);
  const { rows } = await tx.query<{ audit_id: string; hash: Buffer; at: Date }>(LAST_ROW);
  const last = rows[0];
  const at = last?.at ?? new Date();
  let auditId = Number(last?.audit_id ?? 0);
  let prevHash = last?.hash ?? GENESIS;
  const appended = entries.map((entry) => {
    auditId += 1;
    const row = {
      auditId,
      actor: entry.actor,
      action: entry.action,
      target: entry.target,
      reason: entry.reason ?? null,
      detail: entry.detail === undefined ? null : entry.detail,
    };
    const hash = hashOf(prevHash, { ...row, at });
    const linked = { ...row, prev: prevHash.toString('hex'), hash: hash.toString('hex') };
    prevHash = hash;
    return linked;
  });
  await tx.query(INSERT_ROWS, [JSON.stringify(appended), at]);
}

/** Reads the whole chain in pages. @returns the first broken row, or how many rows hold. */
export async function verifyAudit(pool: pg.Pool | pg.ClientBase): Promise<AuditVerdict> {
  let prevHash = GENESIS;
  let rows = 0;
  for (;;) {
    const page = await pool.query<AuditRow>(PAGE, [rows]);
    for (const row of page.rows) {
      const auditId = Number(row.audit_id);
      if (auditId !== rows + 1) return { ok: false, auditId: rows + 1, why: 'MISSING', rows };
      if (!row.prev_hash.equals(prevHash)) return { ok: false, auditId, why: 'UNLINKED', rows };
      if (!row.hash.equals(hashOf(prevHash, { ...row, auditId }))) return { ok: false, auditId, why: 'CHANGED', rows };
      prevHash = row.hash;
      rows += 1;
    }
    if (page.rows.length === 0) return { ok: true, rows, lastHash: prevHash.toString('hex') };
  }
}

interface AuditRow {
  readonly audit_id: string;
  readonly at: Date;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly reason: string | null;
  readonly detail: unknown;
  readonly prev_hash: Buffer;
  readonly hash: Buffer;
}

/** The clock is Postgres's; a row always comes back, with nulls while the audit is empty. */
const LAST_ROW = `
SELECT a.audit_id, a.hash, date_trunc('milliseconds', clock_timestamp()) AS at
  FROM (SELECT 1) one LEFT JOIN LATERAL (SELECT audit_id, hash FROM audit_log ORDER BY audit_id DESC LIMIT 1) a ON true`;

const INSERT_ROWS = `
INSERT INTO audit_log (audit_id, at, actor, action, target, reason, detail, prev_hash, hash)
SELECT r."auditId", $2, r.actor, r.action, r.target, r.reason, r.detail, decode(r.prev, 'hex'), decode(r.hash, 'hex')
  FROM jsonb_to_recordset($1::jsonb)
    AS r("auditId" bigint, actor text, action text, target text, reason text, detail jsonb, prev text, hash text)`;

const PAGE = `
SELECT audit_id, at, actor, action, target, reason, detail, prev_hash, hash
  FROM audit_log WHERE audit_id > $1 ORDER BY audit_id LIMIT 5000`;

type Hashed = Pick<AuditRow, 'at' | 'actor' | 'action' | 'target' | 'reason' | 'detail'> & { readonly auditId: number };

function hashOf(prevHash: Buffer, row: Hashed): Buffer {
  const text = canonical([
    row.auditId,
    row.at.toISOString(),
    row.actor,
    row.action,
    row.target,
    row.reason,
    row.detail ?? null,
  ]);
  return createHash('sha256').update(prevHash).update(text).digest();
}

/** JSON with sorted keys: jsonb forgets the order a detail was written in. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item ?? null)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}
