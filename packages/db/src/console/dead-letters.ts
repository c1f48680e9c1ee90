/** Dead letters as the console shows them: grouped by signature, listed in pages, and as ranges to act on. */
import type { StageName } from '@inorder/core';
import { type NumberRange, rangesOf } from '@inorder/shared';
import type pg from 'pg';

export interface DeadLetterFilter {
  /** open: nobody has dealt with it. */
  readonly state: 'open' | 'resolved' | 'all';
  readonly signature?: string | undefined;
  readonly errorCode?: string | undefined;
  readonly stage?: StageName | undefined;
  readonly interfaceCode?: string | undefined;
  readonly site?: string | undefined;
}

export interface DeadLetterGroup {
  readonly signature: string;
  readonly errorCode: string;
  readonly stage: string;
  readonly path: string | null;
  readonly tableName: string | null;
  /** A code from a table, never free text. */
  readonly value: string | null;
  readonly count: number;
  readonly interfaces: number;
  /** Up to three codes of interfaces, those with most first. */
  readonly interfaceCodes: readonly string[];
  readonly maybeDelivered: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
}

export interface DeadLetterGroups {
  readonly groups: readonly DeadLetterGroup[];
  readonly total: number;
  /** When the newest of all dead letters, whatever the filter, was written; null when nothing ever failed. */
  readonly lastFailureAt: Date | null;
  /** True when there are more than EXAMINED_MAX: then the counts are of the newest so many. */
  readonly partial: boolean;
}

/** Dead letters a grouping looks at, newest first; more are said to be more, never counted as fewer. */
export const EXAMINED_MAX = 100_000;
const GROUPS_MAX = 200;

export async function deadLetterGroups(
  client: pg.Pool | pg.ClientBase,
  filter: DeadLetterFilter,
): Promise<DeadLetterGroups> {
  const { rows } = await client.query<GroupRow>(GROUPS, filterValues(filter));
  const examined = Number(rows[0]?.examined ?? 0);
  const newest = await client.query<{ at: Date | null }>('SELECT max(created_at) AS at FROM dead_letter');
  return {
    lastFailureAt: newest.rows[0]?.at ?? null,
    partial: examined > EXAMINED_MAX,
    total: Math.min(examined, EXAMINED_MAX),
    groups: rows.map((row) => ({
      signature: row.signature,
      errorCode: row.error_code,
      stage: row.stage,
      path: row.path,
      tableName: row.table_name,
      value: row.value,
      count: row.count,
      interfaces: row.interfaces,
      interfaceCodes: row.codes,
      maybeDelivered: row.maybe_delivered,
      firstAt: row.first_at,
      lastAt: row.last_at,
    })),
  };
}

interface GroupRow {
  readonly signature: string;
  readonly error_code: string;
  readonly stage: string;
  readonly path: string | null;
  readonly table_name: string | null;
  readonly value: string | null;
  readonly count: number;
  readonly interfaces: number;
  readonly codes: string[];
  readonly maybe_delivered: number;
  readonly first_at: Date;
  readonly last_at: Date;
  readonly examined: string;
}

/** One dead letter in a list. No detail: that belongs to the payload (G18). */
export interface DeadLetterItem {
  readonly messageId: string;
  readonly interfaceCode: string;
  readonly sequenceNo: number;
  readonly signature: string;
  readonly errorCode: string;
  readonly stage: string;
  readonly path: string | null;
  readonly value: string | null;
  readonly attempts: number;
  readonly maybeDelivered: boolean;
  readonly createdAt: Date;
  readonly resolvedAt: Date | null;
  readonly resolution: string | null;
  /** The lane has gone on without it: a replay would be late. */
  readonly passed: boolean;
}

export interface DeadLetterPage {
  readonly items: readonly DeadLetterItem[];
  /** Hand it in again for the next page; null at the end. */
  readonly next: string | null;
}

/** Newest first. `cursor` is `next` of the page before. */
export async function deadLetterPage(
  client: pg.Pool | pg.ClientBase,
  filter: DeadLetterFilter,
  page: { readonly cursor: string | null; readonly limit: number },
): Promise<DeadLetterPage> {
  const [at, id] = page.cursor?.split(' ') ?? [];
  const { rows } = await client.query<ItemRow>(PAGE, [...filterValues(filter), at ?? null, id ?? null, page.limit + 1]);
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    items: shown.map(deadLetterItem),
    next: rows.length > page.limit && last !== undefined ? `${last.created_at.toISOString()} ${last.message_id}` : null,
  };
}

interface ItemRow {
  readonly message_id: string;
  readonly code: string;
  readonly sequence_no: string;
  readonly signature: string;
  readonly error_code: string;
  readonly stage: string;
  readonly path: string | null;
  readonly value: string | null;
  readonly attempts: number;
  readonly maybe_delivered: boolean;
  readonly created_at: Date;
  readonly resolved_at: Date | null;
  readonly resolution: string | null;
  readonly passed: boolean;
}

function deadLetterItem(row: ItemRow): DeadLetterItem {
  return {
    messageId: row.message_id,
    interfaceCode: row.code,
    sequenceNo: Number(row.sequence_no),
    signature: row.signature,
    errorCode: row.error_code,
    stage: row.stage,
    path: row.path,
    value: row.value,
    attempts: row.attempts,
    maybeDelivered: row.maybe_delivered,
    createdAt: row.created_at,
    resolvedAt: row.resolved_at,
    resolution: row.resolution,
    passed: row.passed,
  };
}

export interface DeadLetterRanges {
  readonly ranges: readonly NumberRange[];
  readonly messages: number;
  /** True when more match than one action takes. */
  readonly more: boolean;
}

/** Messages one action takes at most. */
export const ACTION_MESSAGES_MAX = 1000;

/** Everything the filter matches as ranges to act on: per interface in sequence order, oldest first. */
export async function deadLetterRanges(
  client: pg.Pool | pg.ClientBase,
  filter: DeadLetterFilter,
): Promise<DeadLetterRanges> {
  const { rows } = await client.query<{ code: string; sequence_no: string }>(MATCHING, [
    ...filterValues(filter),
    ACTION_MESSAGES_MAX + 1,
  ]);
  const shown = rows.slice(0, ACTION_MESSAGES_MAX);
  return {
    ranges: rangesOf(shown.map((row) => ({ interfaceCode: row.code, sequenceNo: Number(row.sequence_no) }))),
    messages: shown.length,
    more: rows.length > ACTION_MESSAGES_MAX,
  };
}

function filterValues(filter: DeadLetterFilter): (string | null)[] {
  return [
    filter.state,
    filter.signature ?? null,
    filter.errorCode ?? null,
    filter.stage ?? null,
    filter.interfaceCode ?? null,
    filter.site ?? null,
  ];
}

const FILTERED = `
  FROM dead_letter d JOIN interface i USING (interface_id)
 WHERE ($1 = 'all' OR ($1 = 'open') = (d.resolved_at IS NULL))
   AND ($2::text IS NULL OR d.signature = $2)
   AND ($3::text IS NULL OR d.error_code = $3)
   AND ($4::text IS NULL OR d.stage = $4)
   AND ($5::text IS NULL OR d.interface_id = (SELECT interface_id FROM interface WHERE code = $5))
   AND ($6::text IS NULL OR i.site = $6)`;

/** Index: dead_letter (created_at), backwards, at most EXAMINED_MAX + 1 matches. */
const GROUPS = `
WITH examined AS MATERIALIZED (
       SELECT d.signature, d.error_code, d.stage, d.path, d.table_name, d.value, d.maybe_delivered, d.created_at, i.code
       ${FILTERED} ORDER BY d.created_at DESC LIMIT ${EXAMINED_MAX + 1}),
     by_interface AS (
       SELECT signature, code, count(*) AS count FROM examined GROUP BY signature, code),
     top AS (
       SELECT signature, count(*)::int AS interfaces, (array_agg(code ORDER BY count DESC, code))[1:3] AS codes
         FROM by_interface GROUP BY signature)
SELECT e.signature, min(e.error_code) AS error_code, min(e.stage) AS stage, min(e.path) AS path, min(e.table_name) AS table_name,
       min(e.value) AS value, count(*)::int AS count, t.interfaces, t.codes,
       count(*) FILTER (WHERE e.maybe_delivered)::int AS maybe_delivered, min(e.created_at) AS first_at,
       max(e.created_at) AS last_at, (SELECT count(*) FROM examined) AS examined
  FROM examined e JOIN top t USING (signature)
 GROUP BY e.signature, t.interfaces, t.codes
 ORDER BY count(*) DESC, max(e.created_at) DESC LIMIT ${GROUPS_MAX}`;

/** Index: dead_letter (created_at), or (signature, created_at), backwards. */
const PAGE = `
SELECT d.message_id, i.code, d.sequence_no, d.signature, d.error_code, d.stage, d.path, d.value, d.attempts, d.maybe_delivered,
       d.created_at, d.resolved_at, d.resolution,
       d.sequence_no <= (SELECT c.last_delivered_sequence FROM message_delivery_checkpoint c WHERE c.interface_id = d.interface_id) AS passed
${FILTERED}
   AND ($7::timestamptz IS NULL OR (d.created_at, d.message_id) < ($7, $8::uuid))
 ORDER BY d.created_at DESC, d.message_id DESC LIMIT $9`;

const MATCHING = `
SELECT i.code, d.sequence_no ${FILTERED} ORDER BY i.code, d.sequence_no LIMIT $7`;
