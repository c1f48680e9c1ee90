-- A chunk that its processes do not outlive is taken apart, and what is left of it goes alone (ADR 18).
ALTER TABLE "stage_claim" ADD COLUMN     "deaths" SMALLINT NOT NULL DEFAULT 0;

-- Open chunks, the oldest first, and chunks in somebody's hands: looked for every second, also while a million messages wait.
CREATE INDEX "stage_claim_stage_claimed_at_idx" ON "stage_claim"("stage", "claimed_at");
CREATE INDEX "stage_claim_instance_idx" ON "stage_claim"("instance");
