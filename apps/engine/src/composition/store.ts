/** The pools to Postgres of one engine, and what is asked of it before anything else. */
import { type Clock, type InstanceId, instanceId } from '@inorder/core';
import type { Logger } from 'pino';
import { releaseOwnClaims } from '../adapters/postgres/claim-queries.ts';
import { createDatabase, type Database, errorCodeOf, type Queries } from '../adapters/postgres/database.ts';
import { openPlanSnapshots, type PlanSnapshots } from '../adapters/postgres/plan-snapshots.ts';
import { checkStore } from '../adapters/postgres/store-check.ts';
import { StoreIdentity } from '../adapters/postgres/store-identity.ts';
import type { EngineConfig } from '../config.ts';

export interface Store {
  readonly database: Database;
  /** Of lanes: a settlement that hangs ends before the lease does. */
  readonly laneDatabase: Database;
  /**
   * Of heartbeats and leases, which wait behind nothing: thousands of lanes may ask for their next page at once, and an
   * instance that lost its shards over that would only read them all again.
   */
  readonly leaseDatabase: Database;
  readonly snapshots: PlanSnapshots;
  /** Notices another Postgres (G21), on each new connection of the two above and wherever it is asked. */
  readonly identity: StoreIdentity;
  close(): Promise<void>;
}

/** @throws where Postgres is away, or may forget a commit and nobody said that this is well. */
export async function openStore(config: EngineConfig, clock: Clock, logger: Logger): Promise<Store> {
  const onIdleError = (error: Error): void => logger.warn({ code: errorCodeOf(error) }, 'postgres connection lost');
  const named = (what: string): string => `inorder ${config.instance}${what}`;
  const identity = new StoreIdentity({ url: config.databaseUrl, applicationName: named(' identity'), logger });
  const common = {
    url: config.databaseUrl,
    clock,
    onIdleError,
    admit: (queries: Queries): Promise<void> => identity.check(queries),
  };
  const database = createDatabase({
    ...common,
    statementTimeoutMs: 10_000,
    connectionsMax: 8,
    applicationName: named(''),
  });
  const statementTimeoutMs = Math.max(500, config.leaseSendMarginMs - 500);
  const laneDatabase = createDatabase({
    ...common,
    statementTimeoutMs,
    connectionsMax: 6,
    applicationName: named(' lanes'),
  });
  const leaseDatabase = createDatabase({
    ...common,
    statementTimeoutMs,
    connectionsMax: 2,
    applicationName: named(' leases'),
  });
  const snapshots = openPlanSnapshots(config.databaseUrl, named(' plans'), onIdleError);
  const instance: InstanceId = instanceId(config.instance);
  await checkStore(database, logger, config.unsafe);
  await releaseOwnClaims(database, instance);
  return {
    database,
    laneDatabase,
    leaseDatabase,
    snapshots,
    identity,
    async close() {
      await Promise.all([leaseDatabase.close(), laneDatabase.close(), database.close(), snapshots.close()]);
    },
  };
}
