/** Chunks between stages: rows of `stage_claim` that are offered, taken and given back. */
import {
  type InstanceId,
  interfaceId,
  type MessageId,
  messageId,
  type PayloadFormat,
  PIPELINE_STAGES,
  type PipelineStage,
  sequenceNo,
} from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import type { StagedMessage } from '../../stages/intake.ts';
import type { OfferedChunk } from '../../stages/stage-queue.ts';
import type { Queries, Statement } from './database.ts';

/** What a run of the stages needs of a payload row. It has been through them before where it has a destination, so it may have been sent (G14). */
const STAGED_PAYLOAD = `y.format, y.raw, y.enriched, CASE WHEN y.destination_id IS NOT NULL THEN coalesce(y.processed, y.raw) END AS sent, y.control_id AS sent_control_id`;

/** Of a claim `c`: the former version wrote the ids alone. Its messages are offered anew once its instance is done with them, or not. */
const IS_WHOLE = 'cardinality(c.runs) = cardinality(c.message_ids)';

/**
 * Of a claim `c` that names an instance; $2 is ours, $4 its lease, $5 the claims in our hands, $7 the living as we have seen
 * them. One that has begun since is not dead: its heart has beaten within a lease by Postgres's clock, which wrote that time too.
 */
const NOBODY_HAS_IT = `CASE WHEN c.instance = $2 THEN c.claimed_at < now() - $4 * interval '1 millisecond' AND c.claim_id <> ALL($5::uuid[])
          ELSE c.instance <> ALL($7::text[]) AND NOT EXISTS (
            SELECT FROM engine_instance i
             WHERE i.instance = c.instance AND i.stopped_at IS NULL AND i.heartbeat_at BETWEEN now() - $4 * interval '1 millisecond' AND now())
          END`;

/** Of a claim `c`: the process that had it is dead. One that names us is the one whose taking we never heard of. */
const DEATHS = 'c.deaths + CASE WHEN c.instance <> $2 THEN 1 ELSE 0 END';

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
  SELECT c.claim_id, ${DEATHS} AS deaths
    FROM stage_claim c
   WHERE c.claim_id = ANY($1::uuid[]) AND c.stage = ANY($3::text[]) AND ${IS_WHOLE}
     AND (c.instance IS NULL OR ${NOBODY_HAS_IT})
     FOR UPDATE SKIP LOCKED
), taken AS (
  UPDATE stage_claim c SET instance = $2, claimed_at = now(), deaths = o.deaths
    FROM open o
   WHERE c.claim_id = o.claim_id
  RETURNING c.claim_id, c.stage, c.fresh, c.deaths, c.message_ids, c.interface_ids, c.sequence_nos, c.revisions, c.runs, c.received_ats
), found AS (
  SELECT t.claim_id, t.stage, t.fresh, t.deaths, m.*, p.format, p.raw, p.enriched, p.sent, p.sent_control_id,
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
SELECT claim_id, stage, fresh, deaths, message_id, interface_id, sequence_no, revision, run, format, format IS NULL AS gone,
       CASE WHEN before < $6 THEN raw END AS raw, CASE WHEN before < $6 THEN enriched END AS enriched, CASE WHEN before < $6 THEN sent END AS sent,
       sent_control_id, (extract(epoch FROM received_at) * 1000)::float8 AS received_at
  FROM found
 ORDER BY claim_id, message_id`,
};

interface TakenRow extends StagedRow {
  readonly claim_id: string;
  readonly deaths: number;
  readonly gone: boolean;
}

/** A chunk that is ours now. */
export interface TakenChunk {
  readonly claimId: string;
  /** Processes that ended while they had it. */
  readonly deaths: number;
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
    chunks.push({ claimId, deaths: own[0]?.deaths ?? 0, messages, gone });
  }
  if (tooMuch.length > 0) await queries.query(RELEASE_CLAIMS, [tooMuch, instance]);
  return chunks;
}

/**
 * Chunks that nobody has, or whose instance died; the oldest first. However many wait: of each stage no more rows are read
 * than are wanted, and those in somebody's hands are few (`array_position` keeps them from being looked up by their stage,
 * which is that of all). Those that `$9` or more processes did not outlive are left out.
 */
export const OPEN_CLAIMS: Statement = {
  name: 'stage_open_claims',
  text: `
/* stage_claim_stage_claimed_at_idx, stage_claim_instance_idx */
WITH offered AS (
  SELECT w.claim_id, w.claimed_at, w.deaths
    FROM unnest($3::text[]) AS s(stage)
   CROSS JOIN LATERAL (
     SELECT c.claim_id, c.claimed_at, c.deaths
       FROM stage_claim c
      WHERE c.stage = s.stage AND c.instance IS NULL AND c.claimed_at <= now() - $8 * interval '1 millisecond'
        AND c.claim_id <> ALL($1::uuid[]) AND ${IS_WHOLE} AND c.deaths < $9
      ORDER BY c.claimed_at
      LIMIT $6
   ) w
), orphaned AS (
  SELECT c.claim_id, c.claimed_at, ${DEATHS} AS deaths
    FROM stage_claim c
   WHERE c.instance IS NOT NULL AND array_position($3::text[], c.stage) IS NOT NULL AND c.claim_id <> ALL($1::uuid[])
     AND ${IS_WHOLE} AND ${NOBODY_HAS_IT} AND ${DEATHS} < $9
   ORDER BY c.claimed_at
   LIMIT $6
)
SELECT claim_id, deaths
  FROM (SELECT * FROM offered UNION ALL SELECT * FROM orphaned) o
 ORDER BY claimed_at
 LIMIT $6`,
};

/** What one look asks for. */
export interface OpenClaimsWanted {
  /** Claims that are being taken already. */
  readonly except: readonly string[];
  readonly max: number;
  /** A chunk that was offered later may still have its hint under way, and others wait for that. */
  readonly hintGraceMs: number;
  /** Only chunks that fewer processes did not outlive. */
  readonly deathsBelow: number;
}

/** @returns at most `max` claims, the oldest first. @throws what `classify` understands. */
export async function readOpenClaims(
  queries: Queries,
  taker: ClaimTaker,
  { except, max, hintGraceMs, deathsBelow }: OpenClaimsWanted,
): Promise<{ readonly claimId: string; readonly deaths: number }[]> {
  const { instance, hosts, leaseMs, known, living } = taker;
  const values = [except, instance, hosts, leaseMs, known, max, living, hintGraceMs, deathsBelow];
  const rows = await queries.query<{ claim_id: string; deaths: number }>(OPEN_CLAIMS, values);
  return rows.map((row) => ({ claimId: row.claim_id, deaths: row.deaths }));
}

/** Takes chunks of ours apart, into parts of `$4` messages that wait for whoever has room for them. */
export const SPLIT_CLAIMS: Statement = {
  name: 'stage_split_claims',
  text: `
/* stage_claim_pkey */
WITH whole AS (
  DELETE FROM stage_claim c WHERE c.claim_id = ANY($1::uuid[]) AND c.instance = $2
  RETURNING c.*
), part AS (
  SELECT w.claim_id, w.stage, w.fresh, w.deaths, w.claimed_at, (m.ord - 1) / $4::int AS part, array_agg(m.message_id ORDER BY m.ord) AS message_ids,
         array_agg(m.interface_id ORDER BY m.ord) AS interface_ids, array_agg(m.sequence_no ORDER BY m.ord) AS sequence_nos,
         array_agg(m.revision ORDER BY m.ord) AS revisions, array_agg(m.run ORDER BY m.ord) AS runs, array_agg(m.received_at ORDER BY m.ord) AS received_ats
    FROM whole w
   CROSS JOIN LATERAL unnest(w.message_ids, w.interface_ids, w.sequence_nos, w.revisions, w.runs, w.received_ats) WITH ORDINALITY
         AS m(message_id, interface_id, sequence_no, revision, run, received_at, ord)
   GROUP BY w.claim_id, w.stage, w.fresh, w.deaths, w.claimed_at, (m.ord - 1) / $4::int
)
INSERT INTO stage_claim (claim_id, stage, fresh, deaths, claimed_at, message_ids, interface_ids, sequence_nos, revisions, runs, received_ats)
SELECT ($3::uuid[])[row_number() OVER ()], stage, fresh, deaths, claimed_at, message_ids, interface_ids, sequence_nos, revisions, runs, received_ats
  FROM part`,
};

/** @param size messages in a part. @throws what `classify` understands. */
export async function splitClaims(
  queries: Queries,
  chunks: readonly TakenChunk[],
  instance: InstanceId,
  size: number,
): Promise<void> {
  if (chunks.length === 0) return;
  const messages = chunks.reduce((sum, chunk) => sum + chunk.messages.length + chunk.gone.length, 0);
  const ids = Array.from({ length: messages }, () => uuidv7());
  await queries.query(SPLIT_CLAIMS, [chunks.map((chunk) => chunk.claimId), instance, ids, size]);
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
WITH given AS MATERIALIZED (
  SELECT unnest($1::uuid[]) AS message_id
), claimed AS (
  SELECT unnest(c.message_ids) AS message_id, unnest(c.runs) AS run, c.deaths,
         c.instance IS NULL OR c.claimed_at > now() - $4 * interval '1 millisecond' AS lives
    FROM stage_claim c
   WHERE ${IS_WHOLE}
), held AS MATERIALIZED (
  SELECT message_id, run, bool_or(lives) AS lives, max(deaths) AS deaths FROM claimed JOIN given USING (message_id) GROUP BY message_id, run
), open AS (
  SELECT t.*, coalesce(h.deaths, 0) AS deaths, CASE t.status WHEN 'RECEIVED' THEN 'VALIDATE' WHEN 'VALIDATED' THEN 'ENRICH' ELSE 'ROUTE' END AS stage
    FROM message_tracking t
    LEFT JOIN held h ON h.message_id = t.message_id AND h.run = t.run
   WHERE t.message_id = ANY($1::uuid[]) AND t.status IN ('RECEIVED', 'VALIDATED', 'ENRICHED') AND h.lives IS NOT TRUE
), chunked AS (
  SELECT o.*, (row_number() OVER (PARTITION BY stage ORDER BY message_id) - 1) / $3::integer AS part FROM open o
), named AS (
  SELECT c.*, ($2::uuid[])[dense_rank() OVER (ORDER BY stage, part)::integer] AS claim_id FROM chunked c
)
INSERT INTO stage_claim (claim_id, stage, fresh, deaths, message_ids, interface_ids, sequence_nos, revisions, runs, received_ats)
SELECT claim_id, stage, true, max(deaths), array_agg(message_id ORDER BY message_id), array_agg(interface_id ORDER BY message_id),
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
UPDATE stage_claim c SET instance = NULL, claimed_at = now(), deaths = c.deaths + 1 WHERE c.instance = $1 AND ${IS_WHOLE}`,
};

export async function releaseOwnClaims(queries: Queries, instance: InstanceId): Promise<void> {
  await queries.query(RELEASE_OWN_CLAIMS, [instance]);
}
