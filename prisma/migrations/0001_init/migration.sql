-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "message_status" AS ENUM ('RECEIVED', 'VALIDATED', 'ENRICHED', 'PROCESSED', 'DELIVERED', 'FAILED', 'SKIPPED', 'FILTERED');

-- CreateEnum
CREATE TYPE "attempt_outcome" AS ENUM ('SENT', 'ACKED', 'NACKED', 'UNKNOWN', 'ENDPOINT_FAILED', 'CONFIRMED_BY_OPERATOR', 'CONFIRMED_BY_DUPLICATE');

-- CreateEnum
CREATE TYPE "attempt_kind" AS ENUM ('FIRST', 'RETRY', 'REPLAY', 'RESEND');

-- CreateEnum
CREATE TYPE "command_kind" AS ENUM ('SKIP', 'REPLAY', 'PAUSE', 'RESUME', 'RESOLVE_UNKNOWN', 'RESTAGE_FROM', 'STEP', 'RELEASE_UNTIL');

-- CreateEnum
CREATE TYPE "command_status" AS ENUM ('PENDING', 'RUNNING', 'DONE', 'REFUSED', 'EXPIRED');

-- CreateEnum
CREATE TYPE "payload_format" AS ENUM ('HL7V2', 'FHIR_JSON');

-- CreateEnum
CREATE TYPE "key_kind" AS ENUM ('PLACER', 'FILLER', 'MRN', 'CONTROL');

-- CreateEnum
CREATE TYPE "replay_state" AS ENUM ('PENDING', 'RUNNING', 'DELIVERED', 'FAILED');

-- CreateTable
CREATE TABLE "interface" (
    "interface_id" UUID NOT NULL,
    "code" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "site" TEXT NOT NULL DEFAULT '',
    "tags" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "shard" SMALLINT NOT NULL,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "interface_pkey" PRIMARY KEY ("interface_id")
);

-- CreateTable
CREATE TABLE "interface_revision" (
    "interface_id" UUID NOT NULL,
    "revision" INTEGER NOT NULL,
    "document" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "created_by" TEXT NOT NULL,

    CONSTRAINT "interface_revision_pkey" PRIMARY KEY ("interface_id","revision")
);

-- CreateTable
CREATE TABLE "jms_connection" (
    "connection_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "document" JSONB NOT NULL,
    "secrets" BYTEA,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "jms_connection_pkey" PRIMARY KEY ("connection_id")
);

-- CreateTable
CREATE TABLE "source" (
    "source_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "connection_id" UUID NOT NULL,
    "document" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "source_pkey" PRIMARY KEY ("source_id")
);

-- CreateTable
CREATE TABLE "source_interface" (
    "source_id" UUID NOT NULL,
    "interface_id" UUID NOT NULL,

    CONSTRAINT "source_interface_pkey" PRIMARY KEY ("source_id","interface_id")
);

-- CreateTable
CREATE TABLE "destination" (
    "destination_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "document" JSONB NOT NULL,
    "secrets" BYTEA,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "destination_pkey" PRIMARY KEY ("destination_id")
);

-- CreateTable
CREATE TABLE "code_table" (
    "code_table_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "target_system" TEXT NOT NULL,
    "current_version" INTEGER NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_by" TEXT NOT NULL,

    CONSTRAINT "code_table_pkey" PRIMARY KEY ("code_table_id")
);

-- CreateTable
CREATE TABLE "code_table_entry" (
    "code_table_id" UUID NOT NULL,
    "version" INTEGER NOT NULL,
    "code" TEXT NOT NULL,
    "target" TEXT NOT NULL,
    "display" TEXT NOT NULL DEFAULT '',

    CONSTRAINT "code_table_entry_pkey" PRIMARY KEY ("code_table_id","version","code")
);

-- CreateTable
CREATE TABLE "interface_sequence" (
    "interface_id" UUID NOT NULL,
    "last_sequence_no" BIGINT NOT NULL DEFAULT 0,
    "revision" INTEGER NOT NULL DEFAULT 1,
    "retained_from" BIGINT NOT NULL DEFAULT 1,

    CONSTRAINT "interface_sequence_pkey" PRIMARY KEY ("interface_id")
);

-- CreateTable
CREATE TABLE "message_tracking" (
    "message_id" UUID NOT NULL,
    "interface_id" UUID NOT NULL,
    "sequence_no" BIGINT NOT NULL,
    "status" "message_status" NOT NULL DEFAULT 'RECEIVED',
    "revision" INTEGER NOT NULL,
    "possible_twin" BOOLEAN NOT NULL DEFAULT false,
    "received_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "settled_at" TIMESTAMPTZ(3),

    CONSTRAINT "message_tracking_pkey" PRIMARY KEY ("message_id")
);

-- CreateTable
CREATE TABLE "message_payload" (
    "message_id" UUID NOT NULL,
    "format" "payload_format" NOT NULL,
    "jms_message_id" TEXT,
    "properties" JSONB,
    "raw" BYTEA NOT NULL,
    "processed" BYTEA,
    "destination_id" UUID,
    "control_id" TEXT,
    "filter_rule" TEXT,

    CONSTRAINT "message_payload_pkey" PRIMARY KEY ("message_id")
) PARTITION BY RANGE ("message_id");

-- CreateTable
CREATE TABLE "message_payload_kept" (
    "message_id" UUID NOT NULL,
    "format" "payload_format" NOT NULL,
    "jms_message_id" TEXT,
    "properties" JSONB,
    "raw" BYTEA NOT NULL,
    "processed" BYTEA,
    "destination_id" UUID,
    "control_id" TEXT,
    "filter_rule" TEXT,

    CONSTRAINT "message_payload_kept_pkey" PRIMARY KEY ("message_id")
);

-- CreateTable
CREATE TABLE "message_key" (
    "message_id" UUID NOT NULL,
    "kind" "key_kind" NOT NULL,
    "key_hash" BYTEA NOT NULL,
    "interface_id" UUID NOT NULL,
    "sequence_no" BIGINT NOT NULL,
    "order_control" TEXT,

    CONSTRAINT "message_key_pkey" PRIMARY KEY ("message_id","kind","key_hash")
);

-- CreateTable
CREATE TABLE "ingest_key" (
    "interface_id" UUID NOT NULL,
    "source_id" UUID NOT NULL,
    "id_hash" BYTEA NOT NULL,
    "body_hash" BYTEA NOT NULL,
    "message_id" UUID NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ingest_key_pkey" PRIMARY KEY ("interface_id","source_id","id_hash","body_hash")
);

-- CreateTable
CREATE TABLE "ingest_reject" (
    "ingest_reject_id" UUID NOT NULL,
    "source_id" UUID NOT NULL,
    "error_code" TEXT NOT NULL,
    "detail" TEXT NOT NULL,
    "jms_message_id" TEXT,
    "properties" JSONB,
    "body" BYTEA,
    "body_bytes" BIGINT NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ingest_reject_pkey" PRIMARY KEY ("ingest_reject_id")
);

-- CreateTable
CREATE TABLE "stage_claim" (
    "claim_id" UUID NOT NULL,
    "instance" TEXT NOT NULL,
    "message_ids" UUID[],
    "claimed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "stage_claim_pkey" PRIMARY KEY ("claim_id")
);

-- CreateTable
CREATE TABLE "message_delivery_checkpoint" (
    "interface_id" UUID NOT NULL,
    "shard" SMALLINT NOT NULL,
    "last_delivered_sequence" BIGINT NOT NULL DEFAULT 0,
    "granted_sequence" BIGINT NOT NULL DEFAULT 0,
    "failed_run" INTEGER NOT NULL DEFAULT 0,
    "failed_run_code" TEXT,
    "paused_at" TIMESTAMPTZ(3),
    "paused_by" TEXT,
    "held_for" TEXT,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "message_delivery_checkpoint_pkey" PRIMARY KEY ("interface_id")
);

-- CreateTable
CREATE TABLE "delivery_attempt" (
    "attempt_id" UUID NOT NULL,
    "interface_id" UUID NOT NULL,
    "sequence_no" BIGINT NOT NULL,
    "message_id" UUID NOT NULL,
    "attempt_no" INTEGER NOT NULL,
    "kind" "attempt_kind" NOT NULL,
    "outcome" "attempt_outcome" NOT NULL,
    "epoch" BIGINT NOT NULL,
    "instance" TEXT NOT NULL,
    "destination_id" UUID,
    "error_code" TEXT,
    "ack_code" TEXT,
    "detail" TEXT,
    "control_id" TEXT,
    "request" BYTEA,
    "response" BYTEA,
    "ended_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "duration_ms" INTEGER NOT NULL,

    CONSTRAINT "delivery_attempt_pkey" PRIMARY KEY ("attempt_id")
);

-- CreateTable
CREATE TABLE "dead_letter" (
    "message_id" UUID NOT NULL,
    "interface_id" UUID NOT NULL,
    "sequence_no" BIGINT NOT NULL,
    "stage" TEXT NOT NULL,
    "error_code" TEXT NOT NULL,
    "signature" TEXT NOT NULL,
    "path" TEXT,
    "table_name" TEXT,
    "value" TEXT,
    "detail" TEXT NOT NULL,
    "faults" JSONB,
    "attempts" INTEGER NOT NULL,
    "destination_id" UUID,
    "maybe_delivered" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "resolved_at" TIMESTAMPTZ(3),
    "resolution" TEXT,

    CONSTRAINT "dead_letter_pkey" PRIMARY KEY ("message_id")
);

-- CreateTable
CREATE TABLE "replay" (
    "replay_id" UUID NOT NULL,
    "command_id" UUID NOT NULL,
    "interface_id" UUID NOT NULL,
    "sequence_no" BIGINT NOT NULL,
    "message_id" UUID NOT NULL,
    "state" "replay_state" NOT NULL DEFAULT 'PENDING',
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "control_id" TEXT,
    "processed" BYTEA,
    "destination_id" UUID,
    "error_code" TEXT,
    "detail" TEXT,
    "actor" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "requested_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "done_at" TIMESTAMPTZ(3),

    CONSTRAINT "replay_pkey" PRIMARY KEY ("replay_id")
);

-- CreateTable
CREATE TABLE "lane_command" (
    "command_id" UUID NOT NULL,
    "interface_id" UUID NOT NULL,
    "kind" "command_kind" NOT NULL,
    "from_sequence_no" BIGINT,
    "to_sequence_no" BIGINT,
    "argument" JSONB,
    "plan_hash" TEXT,
    "reason" TEXT NOT NULL,
    "actor" TEXT NOT NULL,
    "requested_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "status" "command_status" NOT NULL DEFAULT 'PENDING',
    "refusal_code" TEXT,
    "result" JSONB,
    "done_at" TIMESTAMPTZ(3),

    CONSTRAINT "lane_command_pkey" PRIMARY KEY ("command_id")
);

-- CreateTable
CREATE TABLE "sequence_range" (
    "interface_id" UUID NOT NULL,
    "from_sequence_no" BIGINT NOT NULL,
    "to_sequence_no" BIGINT NOT NULL,
    "delivered" BIGINT NOT NULL,
    "failed" BIGINT NOT NULL,
    "skipped" BIGINT NOT NULL,
    "filtered" BIGINT NOT NULL,
    "hash" BYTEA NOT NULL,
    "removed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "sequence_range_pkey" PRIMARY KEY ("interface_id","from_sequence_no")
);

-- CreateTable
CREATE TABLE "shard_lease" (
    "shard" SMALLINT NOT NULL,
    "owner" TEXT,
    "epoch" BIGINT NOT NULL DEFAULT 0,
    "renewals" BIGINT NOT NULL DEFAULT 0,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "shard_lease_pkey" PRIMARY KEY ("shard")
);

-- CreateTable
CREATE TABLE "source_lease" (
    "source_id" UUID NOT NULL,
    "owner" TEXT,
    "epoch" BIGINT NOT NULL DEFAULT 0,
    "renewals" BIGINT NOT NULL DEFAULT 0,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "source_lease_pkey" PRIMARY KEY ("source_id")
);

-- CreateTable
CREATE TABLE "engine_instance" (
    "instance" TEXT NOT NULL,
    "roles" TEXT[],
    "admin_url" TEXT,
    "version" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "heartbeat_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "heartbeats" BIGINT NOT NULL DEFAULT 0,
    "stopped_at" TIMESTAMPTZ(3),

    CONSTRAINT "engine_instance_pkey" PRIMARY KEY ("instance")
);

-- CreateTable
CREATE TABLE "incident" (
    "incident_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "scope" TEXT NOT NULL,
    "scope_name" TEXT NOT NULL,
    "detail" TEXT NOT NULL,
    "open_key" TEXT,
    "occurrences" INTEGER NOT NULL DEFAULT 1,
    "opened_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "closed_at" TIMESTAMPTZ(3),

    CONSTRAINT "incident_pkey" PRIMARY KEY ("incident_id")
);

-- CreateTable
CREATE TABLE "audit_log" (
    "audit_id" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "target" TEXT NOT NULL,
    "reason" TEXT,
    "detail" JSONB,
    "prev_hash" BYTEA NOT NULL,
    "hash" BYTEA NOT NULL,

    CONSTRAINT "audit_log_pkey" PRIMARY KEY ("audit_id")
);

-- CreateTable
CREATE TABLE "app_user" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "email_verified" BOOLEAN NOT NULL DEFAULT false,
    "image" TEXT,
    "role" TEXT NOT NULL DEFAULT 'viewer',
    "banned" BOOLEAN NOT NULL DEFAULT false,
    "ban_reason" TEXT,
    "ban_expires" TIMESTAMPTZ(3),
    "phi_reveal" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "app_user_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "app_session" (
    "id" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "token" TEXT NOT NULL,
    "ip_address" TEXT,
    "user_agent" TEXT,
    "user_id" TEXT NOT NULL,
    "impersonated_by" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "app_session_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "app_account" (
    "id" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "provider_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "access_token" TEXT,
    "refresh_token" TEXT,
    "id_token" TEXT,
    "access_token_expires_at" TIMESTAMPTZ(3),
    "refresh_token_expires_at" TIMESTAMPTZ(3),
    "scope" TEXT,
    "password" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "app_account_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "app_verification" (
    "id" TEXT NOT NULL,
    "identifier" TEXT NOT NULL,
    "value" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "app_verification_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_token" (
    "token_hash" BYTEA NOT NULL,
    "user_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_used_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_token_pkey" PRIMARY KEY ("token_hash")
);

-- CreateTable
CREATE TABLE "sign_in_link" (
    "token_hash" BYTEA NOT NULL,
    "user_id" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "used_at" TIMESTAMPTZ(3),

    CONSTRAINT "sign_in_link_pkey" PRIMARY KEY ("token_hash")
);

-- CreateIndex
CREATE INDEX "ingest_key_received_at_idx" ON "ingest_key" USING BRIN ("received_at");

-- CreateIndex
CREATE UNIQUE INDEX "interface_code_key" ON "interface"("code");

-- CreateIndex
CREATE INDEX "interface_shard_idx" ON "interface"("shard");

-- CreateIndex
CREATE UNIQUE INDEX "jms_connection_name_key" ON "jms_connection"("name");

-- CreateIndex
CREATE UNIQUE INDEX "source_name_key" ON "source"("name");

-- CreateIndex
CREATE INDEX "source_interface_interface_id_idx" ON "source_interface"("interface_id");

-- CreateIndex
CREATE UNIQUE INDEX "destination_name_key" ON "destination"("name");

-- CreateIndex
CREATE UNIQUE INDEX "code_table_name_key" ON "code_table"("name");

-- CreateIndex
CREATE UNIQUE INDEX "message_tracking_interface_id_sequence_no_key" ON "message_tracking"("interface_id", "sequence_no");

-- CreateIndex
CREATE INDEX "message_key_key_hash_interface_id_sequence_no_idx" ON "message_key"("key_hash", "interface_id", "sequence_no");

-- CreateIndex
CREATE INDEX "ingest_reject_received_at_idx" ON "ingest_reject"("received_at");

-- CreateIndex
CREATE INDEX "message_delivery_checkpoint_shard_idx" ON "message_delivery_checkpoint"("shard");

-- CreateIndex
CREATE INDEX "delivery_attempt_interface_id_sequence_no_idx" ON "delivery_attempt"("interface_id", "sequence_no");

-- CreateIndex
CREATE INDEX "dead_letter_signature_created_at_idx" ON "dead_letter"("signature", "created_at");

-- CreateIndex
CREATE INDEX "dead_letter_interface_id_sequence_no_idx" ON "dead_letter"("interface_id", "sequence_no");

-- CreateIndex
CREATE INDEX "dead_letter_created_at_idx" ON "dead_letter"("created_at");

-- CreateIndex
CREATE INDEX "replay_interface_id_sequence_no_idx" ON "replay"("interface_id", "sequence_no");

-- CreateIndex
CREATE INDEX "replay_state_idx" ON "replay"("state");

-- CreateIndex
CREATE INDEX "lane_command_status_requested_at_idx" ON "lane_command"("status", "requested_at");

-- CreateIndex
CREATE INDEX "lane_command_interface_id_requested_at_idx" ON "lane_command"("interface_id", "requested_at");

-- CreateIndex
CREATE UNIQUE INDEX "incident_open_key_key" ON "incident"("open_key");

-- CreateIndex
CREATE INDEX "incident_opened_at_idx" ON "incident"("opened_at");

-- CreateIndex
CREATE INDEX "audit_log_at_idx" ON "audit_log"("at");

-- CreateIndex
CREATE INDEX "audit_log_target_idx" ON "audit_log"("target");

-- CreateIndex
CREATE UNIQUE INDEX "app_user_email_key" ON "app_user"("email");

-- CreateIndex
CREATE UNIQUE INDEX "app_session_token_key" ON "app_session"("token");

-- CreateIndex
CREATE INDEX "app_session_user_id_idx" ON "app_session"("user_id");

-- CreateIndex
CREATE INDEX "app_account_user_id_idx" ON "app_account"("user_id");

-- CreateIndex
CREATE INDEX "app_verification_identifier_idx" ON "app_verification"("identifier");

-- AddForeignKey
ALTER TABLE "interface_revision" ADD CONSTRAINT "interface_revision_interface_id_fkey" FOREIGN KEY ("interface_id") REFERENCES "interface"("interface_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "source" ADD CONSTRAINT "source_connection_id_fkey" FOREIGN KEY ("connection_id") REFERENCES "jms_connection"("connection_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "source_interface" ADD CONSTRAINT "source_interface_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "source"("source_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "source_interface" ADD CONSTRAINT "source_interface_interface_id_fkey" FOREIGN KEY ("interface_id") REFERENCES "interface"("interface_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "code_table_entry" ADD CONSTRAINT "code_table_entry_code_table_id_fkey" FOREIGN KEY ("code_table_id") REFERENCES "code_table"("code_table_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "interface_sequence" ADD CONSTRAINT "interface_sequence_interface_id_fkey" FOREIGN KEY ("interface_id") REFERENCES "interface"("interface_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "message_delivery_checkpoint" ADD CONSTRAINT "message_delivery_checkpoint_interface_id_fkey" FOREIGN KEY ("interface_id") REFERENCES "interface"("interface_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "lane_command" ADD CONSTRAINT "lane_command_interface_id_fkey" FOREIGN KEY ("interface_id") REFERENCES "interface"("interface_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "source_lease" ADD CONSTRAINT "source_lease_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "source"("source_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "app_session" ADD CONSTRAINT "app_session_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "app_user"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "app_account" ADD CONSTRAINT "app_account_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "app_user"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_token" ADD CONSTRAINT "api_token_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "app_user"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "sign_in_link" ADD CONSTRAINT "sign_in_link_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "app_user"("id") ON DELETE CASCADE ON UPDATE CASCADE;



-- =====================================================================================================================
-- From here on by hand: what Prisma cannot say. `./inorder check` proves that schema.prisma and the part above agree.

-- Payload partitions, a day each, live in a schema of their own that Prisma does not manage. The id is a UUIDv7, so its
-- first 48 bits are milliseconds since 1970 and a range of ids is a range of time.
CREATE SCHEMA IF NOT EXISTS parts;
CREATE TABLE parts.message_payload_default PARTITION OF message_payload DEFAULT;

-- Smallest UUIDv7 of an instant.
CREATE FUNCTION parts.uuid_from(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid
$$;

-- Makes the partitions of `days` days from `first_day` on. Those that stand are left alone. Returns how many were made.
CREATE FUNCTION parts.ensure_payload_partitions(first_day date, days integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  made integer := 0;
  day date;
  name text;
BEGIN
  FOR i IN 0 .. days - 1 LOOP
    day := first_day + i;
    name := 'message_payload_' || to_char(day, 'YYYYMMDD');
    IF to_regclass('parts.' || name) IS NULL THEN
      EXECUTE format(
        'CREATE TABLE parts.%I PARTITION OF message_payload FOR VALUES FROM (%L) TO (%L)',
        name, parts.uuid_from(day::timestamp AT TIME ZONE 'UTC'), parts.uuid_from((day + 1)::timestamp AT TIME ZONE 'UTC'));
      made := made + 1;
    END IF;
  END LOOP;
  RETURN made;
END $$;

SELECT parts.ensure_payload_partitions((now() AT TIME ZONE 'UTC')::date - 1, 9);

-- Room for heap-only updates: no indexed column of these changes, so an update stays on its page.
ALTER TABLE message_tracking SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE message_delivery_checkpoint SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE interface_sequence SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE shard_lease SET (fillfactor = 50);
ALTER TABLE source_lease SET (fillfactor = 50);
ALTER TABLE engine_instance SET (fillfactor = 50);
ALTER TABLE stage_claim SET (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);

-- The spec, restated where a CHECK can.
ALTER TABLE interface
  ADD CONSTRAINT interface_code_form CHECK (code ~ '^[A-Z0-9][A-Z0-9-]{1,31}$'),
  ADD CONSTRAINT interface_shard_range CHECK (shard BETWEEN 0 AND 255);
ALTER TABLE shard_lease ADD CONSTRAINT shard_lease_range CHECK (shard BETWEEN 0 AND 255);
ALTER TABLE message_tracking
  ADD CONSTRAINT message_tracking_number CHECK (sequence_no >= 1);
ALTER TABLE interface_sequence
  ADD CONSTRAINT interface_sequence_number CHECK (last_sequence_no >= 0 AND retained_from >= 1);
ALTER TABLE message_delivery_checkpoint
  ADD CONSTRAINT checkpoint_number CHECK (last_delivered_sequence >= 0 AND granted_sequence >= 0),
  ADD CONSTRAINT checkpoint_held_for CHECK (held_for IN ('PASS_LIMIT', 'ON_FAILURE', 'UNKNOWN_OUTCOME', 'RESTORED'));
ALTER TABLE lane_command
  ADD CONSTRAINT lane_command_range CHECK (from_sequence_no <= to_sequence_no),
  ADD CONSTRAINT lane_command_reason CHECK (length(btrim(reason)) > 0),
  ADD CONSTRAINT lane_command_done CHECK ((status IN ('DONE', 'REFUSED', 'EXPIRED')) = (done_at IS NOT NULL));

-- The checkpoint never moves back (G5), whoever writes it.
CREATE FUNCTION refuse_checkpoint_regress() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'checkpoint of % may not move back from % to %', OLD.interface_id, OLD.last_delivered_sequence, NEW.last_delivered_sequence
    USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER checkpoint_never_back BEFORE UPDATE ON message_delivery_checkpoint
  FOR EACH ROW WHEN (NEW.last_delivered_sequence < OLD.last_delivered_sequence) EXECUTE FUNCTION refuse_checkpoint_regress();

-- The audit is append-only (G17).
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
  FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();

-- Kept for people and for the design we started from: the head of every lane that is ready. Nothing polls it.
CREATE VIEW ready_for_delivery AS
  SELECT t.message_id, t.interface_id, t.sequence_no
    FROM message_tracking t
    JOIN message_delivery_checkpoint c USING (interface_id)
   WHERE t.status = 'PROCESSED' AND t.sequence_no = c.last_delivered_sequence + 1;

-- One lease row per shard, there from the start: a takeover is an UPDATE and never an INSERT race.
INSERT INTO shard_lease (shard, expires_at) SELECT s, '-infinity' FROM generate_series(0, 255) s;
