-- A chunk may wait for whoever hosts its stage: nobody has it while instance is null. What the taker needs beside the
-- payload stands in the claim, so that taking reads no tracking row.
ALTER TABLE "stage_claim" ALTER COLUMN "instance" DROP NOT NULL,
ADD COLUMN     "stage" TEXT NOT NULL DEFAULT 'VALIDATE',
ADD COLUMN     "fresh" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "interface_ids" UUID[],
ADD COLUMN     "sequence_nos" BIGINT[],
ADD COLUMN     "revisions" INTEGER[],
ADD COLUMN     "runs" SMALLINT[],
ADD COLUMN     "received_ats" TIMESTAMPTZ(3)[];

-- A repair in place begins another run through the stages: what a former one ends with, however late, is refused.
ALTER TABLE "message_tracking" ADD COLUMN     "run" SMALLINT NOT NULL DEFAULT 1;

-- What ENRICH made of a message, until ROUTE has ended it on another instance; and whether what stands here of the stages
-- is of a run before the last repair.
ALTER TABLE "message_payload" ADD COLUMN     "enriched" BYTEA,
ADD COLUMN     "superseded" BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE "message_payload_kept" ADD COLUMN     "enriched" BYTEA,
ADD COLUMN     "superseded" BOOLEAN NOT NULL DEFAULT false;

-- Beyond what Prisma describes.
ALTER TABLE stage_claim
  ADD CONSTRAINT stage_claim_stage CHECK (stage IN ('VALIDATE', 'ENRICH', 'ROUTE'));
