-- What its reader last saw of a source's queue at the broker: whether it is given to one reader at a time (G3). Not in
-- source_lease, which is written every few seconds.
CREATE TABLE "source_protection" (
    "source_id" UUID NOT NULL,
    "verdict" TEXT NOT NULL,
    "detail" TEXT NOT NULL,
    "checked_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "source_protection_pkey" PRIMARY KEY ("source_id")
);

-- AddForeignKey
ALTER TABLE "source_protection" ADD CONSTRAINT "source_protection_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "source"("source_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Beyond what Prisma describes.
ALTER TABLE source_protection
  ADD CONSTRAINT source_protection_verdict CHECK (verdict IN ('PROTECTED', 'NOT_PROTECTED', 'NOT_CHECKED'));
