import type pg from 'pg';

export interface AuditFilter {
  readonly actor?: string | undefined;
  /** Whole, or a noun before the dot: `command` finds `command.skip`. */
  readonly action?: string | undefined;
  /** Whole, or an interface code: `LAB-0042` finds `LAB-0042:15` too. */
  readonly target?: string | undefined;
}

export interface AuditItem {
  readonly auditId: number;
  readonly at: Date;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly reason: string | null;
  readonly detail: unknown;
  /** First 12 hex digits; what `verify` would name. */
  readonly hash: string;
}

export interface AuditPage {
  readonly items: readonly AuditItem[];
  /** Hand it in as `before` for the next page; null at the end. */
  readonly next: number | null;
}

/** Newest first. Index: primary key backwards. */
export async function auditPage(
  client: pg.Pool | pg.ClientBase,
  filter: AuditFilter,
  page: { readonly before: number | null; readonly limit: number },
): Promise<AuditPage> {
  const { rows } = await client.query<AuditRow>(PAGE, [
    filter.actor ?? null,
    filter.action ?? null,
    filter.target ?? null,
    page.before,
    page.limit + 1,
  ]);
  const items = rows.slice(0, page.limit).map((row) => ({
    auditId: Number(row.audit_id),
    at: row.at,
    actor: row.actor,
    action: row.action,
    target: row.target,
    reason: row.reason,
    detail: row.detail,
    hash: row.hash,
  }));
  return { items, next: rows.length > page.limit ? (items.at(-1)?.auditId ?? null) : null };
}

interface AuditRow {
  readonly audit_id: string;
  readonly at: Date;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly reason: string | null;
  readonly detail: unknown;
  readonly hash: string;
}

const PAGE = `
SELECT audit_id, at, actor, action, target, reason, detail, left(encode(hash, 'hex'), 12) AS hash
  FROM audit_log
 WHERE ($1::text IS NULL OR actor = $1)
   AND ($2::text IS NULL OR action = $2 OR split_part(action, '.', 1) = $2)
   AND ($3::text IS NULL OR target = $3 OR starts_with(target, $3 || ':'))
   AND ($4::bigint IS NULL OR audit_id < $4)
 ORDER BY audit_id DESC LIMIT $5`;
