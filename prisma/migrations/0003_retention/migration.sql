-- Who ran which maintenance job last. Whether a job is due is decided here, so that any number of instances and timers
-- may ask at once.
CREATE TABLE "maintenance_run" (
    "job" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "finished_at" TIMESTAMPTZ(3),
    "instance" TEXT NOT NULL,
    "outcome" TEXT,
    "counts" JSONB,

    CONSTRAINT "maintenance_run_pkey" PRIMARY KEY ("job")
);

-- Beyond what Prisma describes.
ALTER TABLE maintenance_run
  ADD CONSTRAINT maintenance_run_outcome CHECK (outcome IN ('DONE', 'UNFINISHED', 'FAILED')),
  ADD CONSTRAINT maintenance_run_ended CHECK ((finished_at IS NULL) = (outcome IS NULL));

-- Every number of a range ended in one of the four ways.
ALTER TABLE sequence_range
  ADD CONSTRAINT sequence_range_counts CHECK (
    from_sequence_no >= 1 AND delivered >= 0 AND failed >= 0 AND skipped >= 0 AND filtered >= 0
    AND delivered + failed + skipped + filtered = to_sequence_no - from_sequence_no + 1),
  ADD CONSTRAINT sequence_range_hash CHECK (length(hash) = 32);

-- Nothing above the retention floor is deleted (G13), whoever deletes. Once a statement, over the rows it took.
CREATE FUNCTION refuse_delete_above_floor() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  kept record;
BEGIN
  SELECT g.interface_id, g.sequence_no, s.retained_from INTO kept
    FROM gone g JOIN interface_sequence s ON s.interface_id = g.interface_id
   WHERE g.sequence_no >= s.retained_from OR g.settled_at IS NULL
   LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'number % of % is not below the retention floor % and settled', kept.sequence_no, kept.interface_id, kept.retained_from
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER tracking_kept_above_floor AFTER DELETE ON message_tracking
  REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete_above_floor();

-- The floor never moves back and never past a number that is not settled (G5). Ingest writes other columns of this table
-- and does not come by here.
CREATE FUNCTION refuse_floor_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.retained_from < OLD.retained_from OR NEW.retained_from > 1 + coalesce(
       (SELECT c.last_delivered_sequence FROM message_delivery_checkpoint c WHERE c.interface_id = NEW.interface_id), 0) THEN
    RAISE EXCEPTION 'retention floor of % may not move from % to %', NEW.interface_id, OLD.retained_from, NEW.retained_from
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER floor_never_back BEFORE UPDATE OF retained_from ON interface_sequence
  FOR EACH ROW WHEN (NEW.retained_from <> OLD.retained_from) EXECUTE FUNCTION refuse_floor_move();

-- A chain of SHA-256 in the order of its input; the first link starts it: sha256_chain(link ORDER BY n).
CREATE FUNCTION parts.sha256_link(chain bytea, link bytea) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  AS $$ SELECT sha256(chain || link) $$;
CREATE AGGREGATE parts.sha256_chain(bytea) (SFUNC = parts.sha256_link, STYPE = bytea);

-- A new partition waits for whoever reads payloads, and everybody behind it waits too: not for long.
ALTER FUNCTION parts.ensure_payload_partitions(date, integer) SET lock_timeout = '1s';

-- Drops the payloads of a day, but for those of `keep` and of replays that have not ended, which move first. All readers
-- and writers of payloads stand still for it, so that no statement is between the two tables: it is tried for 250 ms at
-- most, and `keep` is short. Returns how many moved, null when there is no such partition.
CREATE FUNCTION parts.drop_payload_partition(day date, keep uuid[]) RETURNS integer LANGUAGE plpgsql
  SET lock_timeout = '250ms' AS $$
DECLARE
  name text := 'message_payload_' || to_char(day, 'YYYYMMDD');
  moved integer;
BEGIN
  IF to_regclass('parts.' || name) IS NULL THEN RETURN NULL; END IF;
  LOCK TABLE ONLY message_payload IN ACCESS EXCLUSIVE MODE;
  IF to_regclass('parts.' || name) IS NULL THEN RETURN NULL; END IF;
  EXECUTE format('LOCK TABLE parts.%I IN ACCESS EXCLUSIVE MODE', name);
  EXECUTE format(
    'WITH gone AS (DELETE FROM parts.%I WHERE message_id = ANY($1) RETURNING *)
     INSERT INTO message_payload_kept SELECT * FROM gone ON CONFLICT (message_id) DO NOTHING', name)
    USING keep || ARRAY(SELECT r.message_id FROM replay r WHERE r.state IN ('PENDING', 'RUNNING'));
  GET DIAGNOSTICS moved = ROW_COUNT;
  EXECUTE format('DROP TABLE parts.%I', name);
  RETURN moved;
END $$;
