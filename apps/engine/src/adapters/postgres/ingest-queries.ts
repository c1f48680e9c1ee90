/**
 * Everything ingest says to Postgres. One round trip a batch; the rest is for rare ways.
 */
import {
  type Epoch,
  type InstanceId,
  type InterfaceId,
  type MessageId,
  messageId,
  type PayloadFormat,
  type SequenceNo,
  type SourceId,
  sequenceNo,
} from '@inorder/core';
import type { Queries, Statement } from './database.ts';
import { packBytes } from './packed-bytes.ts';

/** Bytes of `id_hash` and of `body_hash`: the first half of a SHA-256. */
export const HASH_BYTES = 16;

/** One copy of one JMS message for one interface, in the order of hand-over. */
export interface IngestRow {
  readonly messageId: MessageId;
  readonly interfaceId: InterfaceId;
  readonly sourceId: SourceId;
  /** Of the source lease under which the peer handed it over. */
  readonly sourceEpoch: Epoch;
  /** `HASH_BYTES` of the JMS message id, or of our message id where there is none. */
  readonly idHash: Uint8Array;
  readonly bodyHash: Uint8Array;
  readonly hasId: boolean;
  readonly redelivered: boolean;
  /** An earlier row of this batch came from the same source for the same interface with the same bytes, both without id. */
  readonly bytesSeenInBatch: boolean;
  /** An earlier row of this batch has the same source, interface and id, and other bytes. */
  readonly idReusedInBatch: boolean;
  readonly format: PayloadFormat;
  readonly jmsMessageId: string | null;
  /** JSON of the application properties; null where there are none. */
  readonly propertiesJson: string | null;
  readonly body: Uint8Array;
}

/** What became of one row. */
export type IngestResult =
  | {
      readonly kind: 'stored';
      readonly sequenceNo: SequenceNo;
      readonly revision: number;
      /** Epoch milliseconds of Postgres's clock. */
      readonly receivedAt: number;
      readonly idReused: boolean;
    }
  /** Its key is known. After a repeat it may still be ours: see `readOwn`. */
  | { readonly kind: 'known' }
  /** The source lease is no longer ours at that epoch: nothing stored. */
  | { readonly kind: 'notOwner' }
  /** The interface has no counter (it was removed, or never finished): nothing stored. */
  | { readonly kind: 'noInterface' };

/**
 * The order matters (design review e6): keys first, then the survivors are counted, then numbered; numbers first would
 * burn one for each duplicate. `locked` takes the counters in id order, so that two instances never wait for each other.
 * Subqueries that must stay look-ups are scalar: an EXISTS may be answered by reading the whole table into a hash.
 * A key with an empty id_hash says "these bytes came without an id": what `possible_twin` is looked up by.
 */
export const STORE_BATCH: Statement = {
  name: 'ingest_store_batch',
  keyed: true,
  text: `
/* source_lease_pkey, interface_sequence_pkey, ingest_key_pkey, interface_pkey, incident_open_key_key */
WITH own AS MATERIALIZED (
  SELECT l.source_id, l.epoch
    FROM source_lease l
    JOIN unnest($1::uuid[], $2::bigint[]) AS o(source_id, epoch) ON l.source_id = o.source_id AND l.epoch = o.epoch
   WHERE l.owner = $3 AND l.source_id = ANY($1::uuid[])
   ORDER BY l.source_id
     FOR SHARE OF l
), given AS MATERIALIZED (
  SELECT g.ord, g.message_id, g.interface_id, g.source_id, g.has_id, g.redelivered, g.bytes_seen, g.id_reused,
         substring($4::bytea FROM (g.ord::integer - 1) * 32 + 1 FOR 16) AS id_hash,
         substring($4::bytea FROM (g.ord::integer - 1) * 32 + 17 FOR 16) AS body_hash,
         own.source_id IS NOT NULL AS owned,
         (SELECT true FROM interface_sequence s WHERE s.interface_id = g.interface_id) IS NOT NULL AS counted
    FROM unnest($5::uuid[], $6::uuid[], $7::uuid[], $8::bigint[], $9::boolean[], $10::boolean[], $11::boolean[], $12::boolean[])
         WITH ORDINALITY AS g(message_id, interface_id, source_id, epoch, has_id, redelivered, bytes_seen, id_reused, ord)
    LEFT JOIN own ON own.source_id = g.source_id AND own.epoch = g.epoch
), key AS (
  INSERT INTO ingest_key (interface_id, source_id, id_hash, body_hash, message_id)
  SELECT interface_id, source_id, id_hash, body_hash, message_id
    FROM given
   WHERE owned AND counted
   ORDER BY interface_id, source_id, id_hash, body_hash, ord
  ON CONFLICT DO NOTHING
  RETURNING message_id, interface_id
), counted AS MATERIALIZED (
  SELECT interface_id, count(*) AS n FROM key GROUP BY interface_id
), locked AS MATERIALIZED (
  SELECT s.interface_id, c.n
    FROM counted c
    JOIN interface_sequence s ON s.interface_id = c.interface_id AND s.interface_id = ANY($6::uuid[])
   ORDER BY s.interface_id
     FOR NO KEY UPDATE OF s
), sequence AS (
  UPDATE interface_sequence s
     SET last_sequence_no = s.last_sequence_no + l.n
    FROM locked l
   WHERE s.interface_id = l.interface_id AND s.interface_id = ANY($6::uuid[])
  RETURNING s.interface_id, s.last_sequence_no - l.n AS before, s.revision
), numbered AS MATERIALIZED (
  SELECT g.ord, g.message_id, g.interface_id, s.revision,
         s.before + row_number() OVER (PARTITION BY g.interface_id ORDER BY g.ord) AS sequence_no,
         NOT g.has_id AND g.redelivered AND (g.bytes_seen OR (
           SELECT true FROM ingest_key e
            WHERE e.interface_id = g.interface_id AND e.source_id = g.source_id AND e.id_hash = '' AND e.body_hash = g.body_hash
            LIMIT 1
         ) IS NOT NULL) AS possible_twin,
         g.has_id AND (g.id_reused OR (
           SELECT true FROM ingest_key e
            WHERE e.interface_id = g.interface_id AND e.source_id = g.source_id AND e.id_hash = g.id_hash AND e.body_hash <> g.body_hash
            LIMIT 1
         ) IS NOT NULL) AS reused
    FROM given g
    JOIN key k ON k.message_id = g.message_id
    JOIN sequence s ON s.interface_id = g.interface_id
), seen AS (
  INSERT INTO ingest_key (interface_id, source_id, id_hash, body_hash, message_id)
  SELECT g.interface_id, g.source_id, '', g.body_hash, g.message_id
    FROM given g
    JOIN numbered n ON n.message_id = g.message_id
   WHERE NOT g.has_id
   ORDER BY g.interface_id, g.source_id, g.body_hash, g.ord
  ON CONFLICT DO NOTHING
), tracking AS (
  INSERT INTO message_tracking (message_id, interface_id, sequence_no, revision, possible_twin)
  SELECT message_id, interface_id, sequence_no, revision, possible_twin FROM numbered ORDER BY ord
), payload AS (
  INSERT INTO message_payload (message_id, format, jms_message_id, properties, raw)
  SELECT p.message_id, p.format, p.jms_message_id, p.properties::jsonb, substring($16::bytea FROM p.start FOR p.length)
    FROM unnest($5::uuid[], $13::payload_format[], $14::text[], $15::text[], $17::integer[], $18::integer[])
         AS p(message_id, format, jms_message_id, properties, start, length)
    JOIN numbered n ON n.message_id = p.message_id
), chunked AS (
  SELECT n.*, ($19::uuid[])[((row_number() OVER (ORDER BY n.ord) - 1) / $20::integer + 1)::integer] AS claim_id FROM numbered n
), claim AS (
  INSERT INTO stage_claim (claim_id, instance, message_ids, interface_ids, sequence_nos, revisions, runs, received_ats)
  SELECT claim_id, CASE WHEN $21 THEN $3 END, array_agg(message_id ORDER BY ord), array_agg(interface_id ORDER BY ord),
         array_agg(sequence_no ORDER BY ord), array_agg(revision ORDER BY ord), array_agg(1::smallint), array_agg(now()::timestamptz(3) ORDER BY ord)
    FROM chunked
   GROUP BY claim_id
), reused AS (
  INSERT INTO incident (incident_id, kind, scope, scope_name, detail, open_key, occurrences)
  SELECT (array_agg(n.message_id ORDER BY n.ord))[1], 'INGEST_MESSAGE_ID_REUSED', 'INTERFACE', i.code,
         'One JMS message id came with different bytes; each was numbered. First seen at number ' || min(n.sequence_no),
         'INGEST_MESSAGE_ID_REUSED:INTERFACE:' || i.code, count(*)
    FROM numbered n
    JOIN interface i ON i.interface_id = n.interface_id AND i.interface_id = ANY($6::uuid[])
   WHERE n.reused
   GROUP BY i.code
   ORDER BY i.code
  ON CONFLICT (open_key) DO UPDATE SET occurrences = incident.occurrences + EXCLUDED.occurrences, last_at = now()
)
SELECT g.owned, g.counted, n.sequence_no, n.revision, n.reused,
       (extract(epoch FROM now()::timestamptz(3)) * 1000)::float8 AS received_at
  FROM given g
  LEFT JOIN numbered n ON n.message_id = g.message_id
 ORDER BY g.ord`,
};

interface StoreBatchRow {
  readonly owned: boolean;
  readonly counted: boolean;
  readonly sequence_no: string | null;
  readonly revision: number | null;
  readonly reused: boolean | null;
  readonly received_at: number;
}

/** How the numbered messages of a batch go out to the stages: one `stage_claim` row per chunk, in the order of the batch. */
export interface Chunking {
  /** UUIDv7; enough for every row to be numbered. */
  readonly claimIds: readonly string[];
  /** Messages in a chunk. */
  readonly size: number;
  /** For this instance's own stages; else offered to whoever hosts the first stage. */
  readonly kept: boolean;
}

/** @returns one result per row, in the order given. Everything is stored or, when it throws, nothing. */
export async function storeBatch(
  queries: Queries,
  rows: readonly IngestRow[],
  instance: InstanceId,
  chunking: Chunking,
): Promise<IngestResult[]> {
  const leases = new Map(rows.map((row) => [`${row.sourceId} ${row.sourceEpoch}`, row]));
  const hashes = Buffer.concat(rows.flatMap((row) => [row.idHash, row.bodyHash]));
  const bodies = packBytes(rows.map((row) => row.body));
  const result = await queries.query<StoreBatchRow>(STORE_BATCH, [
    [...leases.values()].map((row) => row.sourceId),
    [...leases.values()].map((row) => row.sourceEpoch),
    instance,
    hashes,
    rows.map((row) => row.messageId),
    rows.map((row) => row.interfaceId),
    rows.map((row) => row.sourceId),
    rows.map((row) => row.sourceEpoch),
    rows.map((row) => row.hasId),
    rows.map((row) => row.redelivered),
    rows.map((row) => row.bytesSeenInBatch),
    rows.map((row) => row.idReusedInBatch),
    rows.map((row) => row.format),
    rows.map((row) => row.jmsMessageId),
    rows.map((row) => row.propertiesJson),
    bodies.bytes,
    bodies.starts,
    bodies.lengths,
    chunking.claimIds,
    chunking.size,
    chunking.kept,
  ]);
  return result.map((row) => {
    if (!row.owned) return { kind: 'notOwner' };
    if (!row.counted) return { kind: 'noInterface' };
    if (row.sequence_no === null || row.revision === null) return { kind: 'known' };
    return {
      kind: 'stored',
      sequenceNo: sequenceNo(row.sequence_no),
      revision: row.revision,
      receivedAt: row.received_at,
      idReused: row.reused === true,
    };
  });
}

/** After a COMMIT whose answer was lost: which of these ids did we store after all? */
export const READ_OWN: Statement = {
  name: 'ingest_read_own',
  text: `
/* message_tracking_pkey */
SELECT message_id, sequence_no, revision, (extract(epoch FROM received_at) * 1000)::float8 AS received_at
  FROM message_tracking
 WHERE message_id = ANY($1::uuid[])`,
};

export async function readOwn(
  queries: Queries,
  ids: readonly MessageId[],
): Promise<Map<MessageId, Extract<IngestResult, { kind: 'stored' }>>> {
  const rows = await queries.query<{ message_id: string; sequence_no: string; revision: number; received_at: number }>(
    READ_OWN,
    [ids],
  );
  return new Map(
    rows.map((row) => [
      messageId(row.message_id),
      {
        kind: 'stored',
        sequenceNo: sequenceNo(row.sequence_no),
        revision: row.revision,
        receivedAt: row.received_at,
        idReused: false,
      },
    ]),
  );
}

/** An envelope that gets no number, kept for the console before the peer is told `rejected`. */
export interface RejectRow {
  readonly rejectId: string;
  readonly sourceId: SourceId;
  readonly errorCode: string;
  readonly detail: string;
  readonly jmsMessageId: string | null;
  readonly propertiesJson: string | null;
  /** What is kept of the body; `bodyBytes` is how long it was. */
  readonly body: Uint8Array;
  readonly bodyBytes: number;
}

export const STORE_REJECTS: Statement = {
  name: 'ingest_store_rejects',
  text: `
/* ingest_reject_pkey; the id is ours, so a repeat after a lost answer changes nothing */
INSERT INTO ingest_reject (ingest_reject_id, source_id, error_code, detail, jms_message_id, properties, body, body_bytes)
SELECT r.id, r.source_id, r.error_code, r.detail, r.jms_message_id, r.properties::jsonb,
       substring($7::bytea FROM r.start FOR r.length), r.body_bytes
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $8::integer[], $9::integer[], $10::bigint[])
       AS r(id, source_id, error_code, detail, jms_message_id, properties, start, length, body_bytes)
ON CONFLICT (ingest_reject_id) DO NOTHING`,
};

export async function storeRejects(queries: Queries, rows: readonly RejectRow[]): Promise<void> {
  const bodies = packBytes(rows.map((row) => row.body));
  await queries.query(STORE_REJECTS, [
    rows.map((row) => row.rejectId),
    rows.map((row) => row.sourceId),
    rows.map((row) => row.errorCode),
    rows.map((row) => row.detail),
    rows.map((row) => row.jmsMessageId),
    rows.map((row) => row.propertiesJson),
    bodies.bytes,
    bodies.starts,
    bodies.lengths,
    rows.map((row) => row.bodyBytes),
  ]);
}
