/**
 * What the stages say to Postgres: one round trip for a batch of outcomes, one for a batch taken up again.
 */
import {
  type DestinationId,
  type ErrorCode,
  type Fault,
  type InstanceId,
  interfaceId,
  type MessageId,
  messageId,
  type PayloadFormat,
  PIPELINE_STAGES,
  type PipelineStage,
  type StageName,
  sequenceNo,
} from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import type { StagedMessage } from '../../stages/intake.ts';
import type { OfferedChunk } from '../../stages/stage-queue.ts';
import type { Queries, Statement } from './database.ts';
import { packBytes } from './packed-bytes.ts';

/** What a run of the stages needs of a payload row. It has been through them before where it has a destination, so it may have been sent (G14). */
const STAGED_PAYLOAD = `y.format, y.raw, y.enriched, CASE WHEN y.destination_id IS NOT NULL THEN coalesce(y.processed, y.raw) END AS sent, y.control_id AS sent_control_id`;

/** Of a claim `c`: the former version wrote the ids alone. Its messages are offered anew once its instance is done with them, or not. */
const IS_WHOLE = 'cardinality(c.runs) = cardinality(c.message_ids)';

/** Of a claim `c` that names an instance; $2 is ours, $4 its lease, $5 the claims in our hands, $7 the living. */
const NOBODY_HAS_IT = `CASE WHEN c.instance = $2 THEN c.claimed_at < now() - $4 * interval '1 millisecond' AND c.claim_id <> ALL($5::uuid[])
          ELSE c.instance <> ALL($7::text[]) END`;

/** What the stages made of one message, as it is written. */
export interface OutcomeRow {
  readonly message: StagedMessage;
  /** VALIDATED and ENRICHED: the next stage runs on another instance. */
  readonly status: 'VALIDATED' | 'ENRICHED' | 'PROCESSED' | 'FAILED' | 'FILTERED';
  readonly destinationId: DestinationId | null;
  readonly controlId: string | null;
  readonly format: PayloadFormat;
  /** null = the bytes that came in. Of ENRICHED: what the next stage starts from. */
  readonly processed: Uint8Array | null;
  /** Name of the rule that wanted nothing of it; null unless FILTERED. */
  readonly filterRule: string | null;
  readonly deadLetter: DeadLetterRow | null;
  readonly keys: readonly KeyRow[];
}

export interface DeadLetterRow {
  readonly stage: StageName;
  readonly fault: Fault;
  readonly faults: readonly Fault[];
  readonly attempts: number;
}

export interface KeyRow {
  readonly kind: 'PLACER' | 'FILLER' | 'MRN' | 'CONTROL';
  readonly hash: Buffer;
  readonly orderControl: string | null;
}

/** Stage, code, path and table value: what dead letters are grouped by. Never free text. */
export function signatureOf(stage: StageName, code: ErrorCode, path: string | null, value: string | null): string {
  return [stage, code, path ?? '', value ?? ''].join('|');
}

/** One run of one message through the stages: two of them may be in one batch after a repair. */
export function runKey({ messageId: id, run }: Pick<StagedMessage, 'messageId' | 'run'>): string {
  return `${id}:${run}`;
}

/** A message that goes on to another instance, in which chunk and to which stage. */
export interface HandOver {
  readonly messageId: MessageId;
  readonly run: number;
  readonly claimId: string;
  readonly stage: PipelineStage;
  readonly fresh: boolean;
}

/**
 * Compare-and-set: only what still is in the stages, in this run and no further than this, changes, and only for that the
 * rest is written. A second go at a message (a claim that looked dead), or one from before its repair, changes nothing. Claims whose messages are all
 * done go with it, and what goes on to another instance is offered by it.
 */
export const WRITE_OUTCOMES: Statement = {
  name: 'stage_write_outcomes',
  keyed: true,
  text: `
/* message_tracking_pkey, message_payload_pkey of one partition each, message_payload_kept_pkey, dead_letter_pkey, message_key_pkey, stage_claim_pkey */
WITH given AS MATERIALIZED (
  SELECT g.message_id, g.run, g.status, g.destination_id, g.control_id, g.format, g.filter_rule, g.status IN ('VALIDATED', 'ENRICHED') AS goes_on,
         substring($8::bytea FROM g.start FOR g.length) AS processed
    FROM unnest($1::uuid[], $2::message_status[], $3::uuid[], $4::text[], $5::payload_format[], $6::integer[], $7::integer[], $26::text[], $31::smallint[])
         AS g(message_id, status, destination_id, control_id, format, start, length, filter_rule, run)
), changed AS (
  UPDATE message_tracking t
     SET status = g.status
    FROM given g
   WHERE t.message_id = g.message_id AND t.message_id = ANY($1::uuid[]) AND t.status IN ('RECEIVED', 'VALIDATED', 'ENRICHED') AND t.status < g.status AND t.run = g.run
  RETURNING t.message_id, t.interface_id, t.sequence_no, t.revision, t.run, t.received_at, g.goes_on,
            g.destination_id, g.control_id, g.format, g.filter_rule, g.processed
), ended AS (
  SELECT * FROM changed WHERE NOT goes_on
), enriched AS (
  SELECT * FROM changed WHERE goes_on AND processed IS NOT NULL
), payload AS (
  UPDATE message_payload p
     SET processed = c.processed, destination_id = c.destination_id, control_id = c.control_id, format = c.format, filter_rule = c.filter_rule,
         enriched = NULL, superseded = false
    FROM ended c
   WHERE p.message_id = c.message_id AND p.message_id = ANY($1::uuid[]) AND p.message_id BETWEEN $24 AND $25
), kept AS (
  UPDATE message_payload_kept p
     SET processed = c.processed, destination_id = c.destination_id, control_id = c.control_id, format = c.format, filter_rule = c.filter_rule,
         enriched = NULL, superseded = false
    FROM ended c
   WHERE p.message_id = c.message_id AND p.message_id = ANY($1::uuid[])
), payload_enriched AS (
  UPDATE message_payload p SET enriched = c.processed
    FROM enriched c
   WHERE p.message_id = c.message_id AND p.message_id = ANY($1::uuid[]) AND p.message_id BETWEEN $24 AND $25
), kept_enriched AS (
  UPDATE message_payload_kept p SET enriched = c.processed
    FROM enriched c
   WHERE p.message_id = c.message_id AND p.message_id = ANY($1::uuid[])
), handed AS (
  INSERT INTO stage_claim (claim_id, stage, fresh, message_ids, interface_ids, sequence_nos, revisions, runs, received_ats)
  SELECT h.claim_id, h.stage, bool_or(h.fresh), array_agg(c.message_id ORDER BY h.ord), array_agg(c.interface_id ORDER BY h.ord),
         array_agg(c.sequence_no ORDER BY h.ord), array_agg(c.revision ORDER BY h.ord), array_agg(c.run ORDER BY h.ord), array_agg(c.received_at ORDER BY h.ord)
    FROM unnest($27::uuid[], $28::uuid[], $29::text[], $30::boolean[], $33::smallint[]) WITH ORDINALITY AS h(message_id, claim_id, stage, fresh, run, ord)
    JOIN changed c ON c.message_id = h.message_id AND c.run = h.run
   GROUP BY h.claim_id, h.stage
), letter AS (
  INSERT INTO dead_letter (message_id, interface_id, sequence_no, stage, error_code, signature, path, table_name, value, detail, faults, attempts)
  SELECT c.message_id, c.interface_id, c.sequence_no, d.stage, d.error_code, d.signature, d.path, d.table_name, d.value, d.detail, d.faults::jsonb, d.attempts
    FROM unnest($9::uuid[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::integer[])
         AS d(message_id, stage, error_code, signature, path, table_name, value, detail, faults, attempts)
    JOIN changed c ON c.message_id = d.message_id
  ON CONFLICT (message_id) DO UPDATE
     SET stage = EXCLUDED.stage, error_code = EXCLUDED.error_code, signature = EXCLUDED.signature, path = EXCLUDED.path,
         table_name = EXCLUDED.table_name, value = EXCLUDED.value, detail = EXCLUDED.detail, faults = EXCLUDED.faults,
         attempts = EXCLUDED.attempts, destination_id = NULL, maybe_delivered = false, created_at = now(),
         resolved_at = NULL, resolution = NULL
), key AS (
  INSERT INTO message_key (message_id, kind, key_hash, interface_id, sequence_no, order_control)
  SELECT c.message_id, k.kind, substring($21::bytea FROM (k.ord::integer - 1) * 16 + 1 FOR 16), c.interface_id, c.sequence_no, k.order_control
    FROM unnest($19::uuid[], $20::key_kind[], $22::text[]) WITH ORDINALITY AS k(message_id, kind, order_control, ord)
    JOIN changed c ON c.message_id = k.message_id
  ON CONFLICT DO NOTHING
), claim AS (
  DELETE FROM stage_claim WHERE claim_id = ANY($23::uuid[]) AND instance = $32
)
SELECT message_id, run FROM changed`,
};

/** Bytes of a keyed hash (`messageKeyHasher`). */
const KEY_HASH_BYTES = 16;

/**
 * @param claims claims that are done with these rows.
 * @param handOvers one for each row that goes on to another instance.
 * @returns `runKey` of the messages that changed. Everything is written or, when it throws, nothing.
 */
export async function writeOutcomes(
  queries: Queries,
  rows: readonly OutcomeRow[],
  claims: readonly string[],
  handOvers: readonly HandOver[],
  instance: InstanceId,
): Promise<Set<string>> {
  // In id order, so that two writers of the same messages wait for each other and never both ways round.
  const ordered = rows.toSorted((a, b) => (a.message.messageId < b.message.messageId ? -1 : 1));
  const processed = packBytes(ordered.map((row) => row.processed));
  const letters = ordered.flatMap((row) =>
    row.deadLetter === null ? [] : [{ id: row.message.messageId, ...row.deadLetter }],
  );
  const keys = ordered.flatMap((row) => row.keys.map((key) => ({ id: row.message.messageId, ...key })));
  const changed = await queries.query<{ message_id: string; run: number }>(WRITE_OUTCOMES, [
    ordered.map((row) => row.message.messageId),
    ordered.map((row) => row.status),
    ordered.map((row) => row.destinationId),
    ordered.map((row) => row.controlId),
    ordered.map((row) => row.format),
    processed.starts,
    processed.lengths,
    processed.bytes,
    letters.map((each) => each.id),
    letters.map((each) => each.stage),
    letters.map((each) => each.fault.code),
    letters.map((each) => signatureOf(each.stage, each.fault.code, each.fault.path, each.fault.value)),
    letters.map((each) => each.fault.path),
    letters.map((each) => each.fault.table),
    letters.map((each) => each.fault.value),
    letters.map((each) => each.fault.detail),
    letters.map((each) => JSON.stringify(each.faults)),
    letters.map((each) => each.attempts),
    keys.map((each) => each.id),
    keys.map((each) => each.kind),
    Buffer.concat(keys.map((each) => each.hash.subarray(0, KEY_HASH_BYTES))),
    keys.map((each) => each.orderControl),
    claims,
    // From and to: what decides which partitions are looked at.
    ordered[0]?.message.messageId,
    ordered.at(-1)?.message.messageId,
    ordered.map((row) => row.filterRule),
    handOvers.map((each) => each.messageId),
    handOvers.map((each) => each.claimId),
    handOvers.map((each) => each.stage),
    handOvers.map((each) => each.fresh),
    ordered.map((row) => row.message.run),
    instance,
    handOvers.map((each) => each.run),
  ]);
  return new Set(changed.map((row) => runKey({ messageId: messageId(row.message_id), run: row.run })));
}

/** After a repeat: what stands written for messages that did not change any more. */
export const READ_OUTCOMES: Statement = {
  name: 'stage_read_outcomes',
  keyed: true,
  text: `
/* message_tracking_pkey, message_payload_pkey, message_payload_kept_pkey */
SELECT t.message_id, t.run, t.status, coalesce(p.destination_id, k.destination_id) AS destination_id, coalesce(p.control_id, k.control_id) AS control_id
  FROM message_tracking t
  LEFT JOIN message_payload p ON p.message_id = t.message_id AND p.message_id = ANY($1::uuid[])
  LEFT JOIN message_payload_kept k ON k.message_id = t.message_id AND k.message_id = ANY($1::uuid[])
 WHERE t.message_id = ANY($1::uuid[])`,
};

/** `runKey` of the `rows` whose outcome stands as we wrote it, with the same destination and control id. */
export async function readOwnOutcomes(queries: Queries, rows: readonly OutcomeRow[]): Promise<Set<string>> {
  const found = await queries.query<{
    message_id: string;
    run: number;
    status: string;
    destination_id: string | null;
    control_id: string | null;
  }>(READ_OUTCOMES, [rows.map((row) => row.message.messageId)]);
  const byId = new Map(found.map((row) => [row.message_id, row]));
  return new Set(
    rows.flatMap(({ message, status, destinationId, controlId }) => {
      const stands = byId.get(message.messageId);
      const same =
        stands?.run === message.run &&
        stands.status === status &&
        stands.destination_id === destinationId &&
        stands.control_id === controlId;
      return same ? [runKey(message)] : [];
    }),
  );
}

/**
 * Takes chunks that are offered, or whose instance died, and reads their payloads in one go: of no more than `$6` bytes
 * (one at least), the rest without. Nothing of `message_tracking` is read: what is needed stands in the claim. Not
 * `keyed`: payloads are looked up one by one, each in its one partition. A claim that names us and that we do not know of
 * was taken by a COMMIT whose answer was lost.
 */
export const TAKE_CLAIMS: Statement = {
  name: 'stage_take_claims',
  text: `
/* stage_claim_pkey, message_payload_pkey of one partition each, message_payload_kept_pkey */
WITH open AS MATERIALIZED (
  SELECT c.claim_id
    FROM stage_claim c
   WHERE c.claim_id = ANY($1::uuid[]) AND c.stage = ANY($3::text[]) AND ${IS_WHOLE}
     AND (c.instance IS NULL OR ${NOBODY_HAS_IT})
     FOR UPDATE SKIP LOCKED
), taken AS (
  UPDATE stage_claim c SET instance = $2, claimed_at = now()
    FROM open o
   WHERE c.claim_id = o.claim_id
  RETURNING c.claim_id, c.stage, c.fresh, c.message_ids, c.interface_ids, c.sequence_nos, c.revisions, c.runs, c.received_ats
), found AS (
  SELECT t.claim_id, t.stage, t.fresh, m.*, p.format, p.raw, p.enriched, p.sent, p.sent_control_id,
         sum(coalesce(octet_length(p.raw), 0)) OVER (ORDER BY m.message_id) - coalesce(octet_length(p.raw), 0) AS before
    FROM taken t
   CROSS JOIN LATERAL unnest(t.message_ids, t.interface_ids, t.sequence_nos, t.revisions, t.runs, t.received_ats)
         AS m(message_id, interface_id, sequence_no, revision, run, received_at)
    LEFT JOIN LATERAL (
     SELECT ${STAGED_PAYLOAD} FROM message_payload y WHERE y.message_id = m.message_id
     UNION ALL
     SELECT ${STAGED_PAYLOAD} FROM message_payload_kept y WHERE y.message_id = m.message_id
     LIMIT 1
   ) p ON true
)
SELECT claim_id, stage, fresh, message_id, interface_id, sequence_no, revision, run, format, format IS NULL AS gone,
       CASE WHEN before < $6 THEN raw END AS raw, CASE WHEN before < $6 THEN enriched END AS enriched, CASE WHEN before < $6 THEN sent END AS sent,
       sent_control_id, (extract(epoch FROM received_at) * 1000)::float8 AS received_at
  FROM found
 ORDER BY claim_id, message_id`,
};

interface TakenRow extends StagedRow {
  readonly claim_id: string;
  readonly gone: boolean;
}

/** A chunk that is ours now. */
export interface TakenChunk {
  readonly claimId: string;
  readonly messages: readonly StagedMessage[];
  /** Messages whose payload is not in the store: nothing can be made of them. */
  readonly gone: readonly MessageId[];
}

export interface ClaimTaker {
  readonly instance: InstanceId;
  readonly hosts: readonly PipelineStage[];
  /** A claim that names us, and that we do not know of, is ours to take again after this. */
  readonly leaseMs: number;
  /** Names of the instances that live; chunks of others are anybody's. */
  readonly living: readonly string[];
  /** Claims this instance has in its hands. */
  readonly known: readonly string[];
}

/**
 * @returns the chunks that are ours now, whole; those that others had taken before are left out. Payloads beyond
 * `bytesMax` are read after the others, a part at a time. @throws what `classify` understands.
 */
export async function takeClaims(
  queries: Queries,
  claimIds: readonly string[],
  taker: ClaimTaker,
  bytesMax: number,
): Promise<TakenChunk[]> {
  const { instance, hosts, leaseMs, known, living } = taker;
  const values = [claimIds, instance, hosts, leaseMs, known, bytesMax, living];
  const rows = await queries.query<TakenRow>(TAKE_CLAIMS, values);
  const chunks: TakenChunk[] = [];
  const tooMuch: string[] = [];
  for (const [claimId, own] of Map.groupBy(rows, (row) => row.claim_id)) {
    // Others may have room for it; one that is too large for anybody is read a message at a time.
    if (chunks.length > 0 && own.some((row) => row.raw === null && !row.gone)) {
      tooMuch.push(claimId);
      continue;
    }
    const messages: StagedMessage[] = [];
    const gone: MessageId[] = [];
    for (const row of own) {
      if (row.gone) gone.push(messageId(row.message_id));
      else if (row.raw !== null) messages.push(stagedOf(row, row.raw));
      else
        messages.push(
          ...(await readStaged(queries, [messageId(row.message_id)])).map((m) => ({ ...m, stage: row.stage })),
        );
    }
    chunks.push({ claimId, messages, gone });
  }
  if (tooMuch.length > 0) await queries.query(RELEASE_CLAIMS, [tooMuch, instance]);
  return chunks;
}

/** Chunks that nobody has, or whose instance died; the oldest first. stage_claim is small: one row a chunk under way. */
export const OPEN_CLAIMS: Statement = {
  name: 'stage_open_claims',
  text: `
/* a few rows */
SELECT c.claim_id
  FROM stage_claim c
 WHERE c.stage = ANY($3::text[]) AND c.claim_id <> ALL($1::uuid[])
   AND ${IS_WHOLE}
   AND CASE WHEN c.instance IS NULL THEN c.claimed_at <= now() - $8 * interval '1 millisecond' ELSE ${NOBODY_HAS_IT} END
 ORDER BY c.claimed_at
 LIMIT $6`,
};

/**
 * @param except claims that are being taken already.
 * @param hintGraceMs a chunk that was offered later may still have its hint under way, and others wait for that.
 * @returns at most `max` claim ids.
 */
export async function readOpenClaims(
  queries: Queries,
  taker: ClaimTaker,
  except: readonly string[],
  max: number,
  hintGraceMs: number,
): Promise<string[]> {
  const { instance, hosts, leaseMs, known, living } = taker;
  const values = [except, instance, hosts, leaseMs, known, max, living, hintGraceMs];
  const rows = await queries.query<{ claim_id: string }>(OPEN_CLAIMS, values);
  return rows.map((row) => row.claim_id);
}

/**
 * Offers messages that are in the stages and in no chunk: found again by the watchdog, or repaired. One that sits in a
 * chunk for longer than `$4` is offered once more.
 */
export const OFFER_MESSAGES: Statement = {
  name: 'stage_offer_messages',
  keyed: true,
  text: `
/* message_tracking_pkey; stage_claim is small */
WITH held AS MATERIALIZED (
  SELECT DISTINCT unnest(c.message_ids) AS message_id, unnest(c.runs) AS run
    FROM stage_claim c
   WHERE ${IS_WHOLE} AND (c.instance IS NULL OR c.claimed_at > now() - $4 * interval '1 millisecond')
), open AS (
  SELECT t.*, CASE t.status WHEN 'RECEIVED' THEN 'VALIDATE' WHEN 'VALIDATED' THEN 'ENRICH' ELSE 'ROUTE' END AS stage
    FROM message_tracking t
    LEFT JOIN held h ON h.message_id = t.message_id AND h.run = t.run
   WHERE t.message_id = ANY($1::uuid[]) AND t.status IN ('RECEIVED', 'VALIDATED', 'ENRICHED') AND h.message_id IS NULL
), chunked AS (
  SELECT o.*, (row_number() OVER (PARTITION BY stage ORDER BY message_id) - 1) / $3::integer AS part FROM open o
), named AS (
  SELECT c.*, ($2::uuid[])[dense_rank() OVER (ORDER BY stage, part)::integer] AS claim_id FROM chunked c
)
INSERT INTO stage_claim (claim_id, stage, fresh, message_ids, interface_ids, sequence_nos, revisions, runs, received_ats)
SELECT claim_id, stage, true, array_agg(message_id ORDER BY message_id), array_agg(interface_id ORDER BY message_id),
       array_agg(sequence_no ORDER BY message_id), array_agg(revision ORDER BY message_id), array_agg(run ORDER BY message_id), array_agg(received_at ORDER BY message_id)
  FROM named
 GROUP BY claim_id, stage
RETURNING claim_id, stage, cardinality(message_ids) AS messages`,
};

/** @param chunkSize messages in one chunk. @returns the chunks offered, by stage; what is held or has left the stages is in none. */
export async function offerMessages(
  queries: Queries,
  ids: readonly MessageId[],
  chunkSize: number,
  stageStuckMs: number,
): Promise<Map<PipelineStage, OfferedChunk[]>> {
  // One part-filled chunk a stage at most.
  const claimIds = Array.from({ length: Math.ceil(ids.length / chunkSize) + PIPELINE_STAGES.length }, () => uuidv7());
  const rows = await queries.query<{ claim_id: string; stage: PipelineStage; messages: number }>(OFFER_MESSAGES, [
    ids,
    claimIds,
    chunkSize,
    stageStuckMs,
  ]);
  const offered = new Map<PipelineStage, OfferedChunk[]>();
  for (const [stage, own] of Map.groupBy(rows, (row) => row.stage))
    offered.set(
      stage,
      own.map((row) => ({ claimId: row.claim_id, messages: row.messages })),
    );
  return offered;
}

/** Whatever their status, without a claim: for a run that touches no tracking row. */
export const READ_STAGED: Statement = {
  name: 'stage_read_messages',
  text: `
/* message_tracking_pkey, message_payload_pkey of one partition each, message_payload_kept_pkey */
SELECT 'VALIDATE' AS stage, true AS fresh, t.message_id, t.interface_id, t.sequence_no, t.revision, t.run, p.format, p.raw, p.enriched, p.sent, p.sent_control_id,
       (extract(epoch FROM t.received_at) * 1000)::float8 AS received_at
  FROM message_tracking t
 CROSS JOIN LATERAL (
   SELECT ${STAGED_PAYLOAD} FROM message_payload y WHERE y.message_id = t.message_id
   UNION ALL
   SELECT ${STAGED_PAYLOAD} FROM message_payload_kept y WHERE y.message_id = t.message_id
   LIMIT 1
 ) p
 WHERE t.message_id = ANY($1::uuid[])`,
};

interface StagedRow {
  readonly stage: PipelineStage;
  readonly fresh: boolean;
  readonly message_id: string;
  readonly interface_id: string;
  readonly sequence_no: string;
  readonly revision: number;
  readonly run: number;
  readonly format: PayloadFormat;
  readonly raw: Buffer | null;
  readonly enriched: Buffer | null;
  readonly sent: Buffer | null;
  readonly sent_control_id: string | null;
  readonly received_at: number;
}

/** As they are stored, to be staged from the first stage on. @throws what `classify` understands. */
export async function readStaged(queries: Queries, ids: readonly MessageId[]): Promise<StagedMessage[]> {
  const rows = await queries.query<StagedRow>(READ_STAGED, [ids]);
  return rows.flatMap((row) => (row.raw === null ? [] : [stagedOf(row, row.raw)]));
}

function stagedOf(row: StagedRow, raw: Buffer): StagedMessage {
  return {
    messageId: messageId(row.message_id),
    interfaceId: interfaceId(row.interface_id),
    sequenceNo: sequenceNo(row.sequence_no),
    revision: row.revision,
    format: row.format,
    raw,
    enriched: row.enriched,
    stage: row.stage,
    fresh: row.fresh,
    run: row.run,
    receivedAt: row.received_at,
    before:
      row.sent === null || row.sent_control_id === null ? null : { payload: row.sent, controlId: row.sent_control_id },
  };
}

/** A claim whose messages take long for a reason we know: others leave it alone for another `stageStuckMs`. */
export const TOUCH_CLAIMS: Statement = {
  name: 'stage_touch_claims',
  text: '/* stage_claim_pkey */ UPDATE stage_claim SET claimed_at = now() WHERE claim_id = ANY($1::uuid[]) AND instance = $2',
};

/** For chunks of which nothing can be made. */
export const DROP_CLAIMS: Statement = {
  name: 'stage_drop_claims',
  text: '/* stage_claim_pkey */ DELETE FROM stage_claim WHERE claim_id = ANY($1::uuid[])',
};

/** Gives chunks back: they are open to whoever hosts their stage. */
export const RELEASE_CLAIMS: Statement = {
  name: 'stage_release_claims',
  text: '/* stage_claim_pkey */ UPDATE stage_claim SET instance = NULL, claimed_at = now() WHERE claim_id = ANY($1::uuid[]) AND instance = $2',
};

/**
 * At start, under the instance lock: the process that had these is dead, but its name beats again and would keep them
 * from everybody for `stageStuckMs`.
 */
const RELEASE_OWN_CLAIMS: Statement = {
  name: 'stage_release_own_claims',
  text: `
WITH former AS (
  DELETE FROM stage_claim c WHERE c.instance = $1 AND (${IS_WHOLE}) IS NOT TRUE
)
UPDATE stage_claim c SET instance = NULL, claimed_at = now() WHERE c.instance = $1 AND ${IS_WHOLE}`,
};

export async function releaseOwnClaims(queries: Queries, instance: InstanceId): Promise<void> {
  await queries.query(RELEASE_OWN_CLAIMS, [instance]);
}
