-- Which Postgres this data last knew itself to be on (G21). The row travels with a backup; what the server says of itself
-- does not, so the two disagree after a restore or a fail-over.
CREATE TABLE "store_identity" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "system_identifier" BIGINT,
    "timeline" INTEGER,
    "database_oid" BIGINT,
    "table_oid" BIGINT,
    "generation" INTEGER NOT NULL DEFAULT 1,
    "known_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "held_at" TIMESTAMPTZ(3),

    CONSTRAINT "store_identity_pkey" PRIMARY KEY ("id")
);

-- Beyond what Prisma describes: one row, there from the start. Nothing is known yet; the first engine learns it.
ALTER TABLE store_identity ADD CONSTRAINT store_identity_one_row CHECK (id = 1);
INSERT INTO store_identity DEFAULT VALUES;
