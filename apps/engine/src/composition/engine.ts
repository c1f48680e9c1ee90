/**
 * One engine, put together from its configuration: which parts an instance has follows from its roles. Order of life:
 * lock → Postgres → configuration → heartbeat → lanes → stages → ingest → sources; and back again.
 */
import { checkExclusive } from '@inorder/brokers/check-exclusive';
import { type Clock, type InterfaceId, instanceId } from '@inorder/core';
import { joinSecrets, messageKeyHasher, openSecrets } from '@inorder/db';
import { COMMANDS_CHANNEL, type ConnectionDocument, type DestinationDocument } from '@inorder/shared';
import type { Logger } from 'pino';
import { errorCodeOf } from '../adapters/postgres/database.ts';
import { lockInstance } from '../admin/instance-lock.ts';
import { openOperations } from '../admin/operations.ts';
import { startAdmin } from '../admin/server.ts';
import { type EngineConfig, hostedStages } from '../config.ts';
import { createDelivery, type Delivery, type DeliveryOptions } from '../delivery/delivery.ts';
import { elsewhere } from '../delivery/elsewhere.ts';
import { Incidents } from '../delivery/incidents.ts';
import { DELIVERY_DEFAULTS, type DeliverySettings } from '../delivery/settings.ts';
import { createIngest, INGEST_LIMITS } from '../ingest/ingest.ts';
import { keepRefused } from '../ingest/refused.ts';
import { Sources } from '../ingest/sources.ts';
import { Presence } from '../presence/presence.ts';
import { openSiteCache } from '../site/postgres-site-cache.ts';
import type { SiteCache } from '../site/site-cache.ts';
import { MessageOffers } from '../stages/offer-messages.ts';
import type { Stages } from '../stages/stages.ts';
import { createStages } from '../stages/worker-stages.ts';
import { Maintenance, maintenanceJobs } from '../watchdog/maintenance.ts';
import { openHints } from './hints.ts';
import { openStore } from './store.ts';

export const VERSION = '0.1.0';

/**
 * Where other instances can take chunks as well: ingest keeps fewer messages for its own stages, and hints from elsewhere
 * get the time they need.
 */
const SHARED_STAGES = { stageBacklogMax: 1000, hintGraceMs: 200 };
/** Interfaces whose documents are read at once, and how many at most before they are needed. */
const DOCUMENTS_PER_READ = 1000;
const DOCUMENTS_MAX = 100_000;

export interface Engine {
  /** Resolves when it serves. */
  start(): Promise<void>;
  /** In the reverse order; a part that does not end cleanly is told and does not keep the others. */
  stop(): Promise<void>;
}

/** Everything is there and nothing moves yet. @throws where Postgres is away or the instance runs already. */
export async function assembleEngine(config: EngineConfig, clock: Clock, logger: Logger): Promise<Engine> {
  const instance = instanceId(config.instance);
  const settings = deliverySettings(config);
  const lock = await lockInstance(config.dataDir, config.instance);
  const store = await openStore(config, clock, logger);
  const { database, laneDatabase, leaseDatabase } = store;
  const site = await openSiteCache({
    database,
    clock,
    logger,
    // The stored document and its sealed secrets are our own writing; zod checks the document after this.
    openDocument: (document, sealed, ownerId) =>
      joinSecrets(document as ConnectionDocument | DestinationDocument, openSecrets(sealed, ownerId, config.secretKey)),
  });
  let serving = false;
  const operations = openOperations({
    version: VERSION,
    instance: config.instance,
    leaseMs: settings.leaseMs,
    database,
    clock,
    isServing: () => serving,
    hasRedis: config.redisUrl !== undefined,
    takesIn: config.roles.has('ingest'),
    interfaces: config.metricsInterfaces,
  });
  const { metrics } = operations;
  const hints = openHints({
    redisUrl: config.redisUrl,
    instance: config.instance,
    secretKey: config.secretKey,
    clock,
    logger,
    onWake: (ends) => delivery?.woken(ends),
    onCommand: () => delivery?.wakeCommands(),
    onConfig: () =>
      void site
        .refresh()
        .catch((error: unknown) => logger.warn({ code: errorCodeOf(error) }, 'configuration not read yet')),
  });
  const { queue } = hints;
  const admin = await startAdmin({
    host: config.adminHost,
    port: config.adminPort,
    secret: config.adminSecret,
    dependencies: operations.dependencies,
    isServing: () => serving,
    lanes: {
      snapshot: () => delivery?.feed.snapshot() ?? [],
      onChanged: (listener) => delivery?.feed.onChanged(listener) ?? (() => undefined),
    },
    counters: () => ({
      delivery: delivery?.counters() ?? null,
      stages: stages.counters(),
      ingest: ingest.counters(),
      redisLost: hints.redis?.lost ?? null,
      wakeUpsDropped: hints.redis?.dropped ?? null,
      stageHintsLost: queue.lost,
    }),
    metrics,
    queueBoard: hints.board,
  });
  const presence = new Presence({
    queries: leaseDatabase,
    card: { instance, roles: [...config.roles], adminUrl: admin.url, version: VERSION },
    clock,
    logger,
    instanceHeartbeatMs: settings.instanceHeartbeatMs,
    leaseMs: settings.leaseMs,
    checkIdentity: (queries) => store.identity.check(queries),
  });
  // Revisions and versions given after a backup are given again, with other content.
  store.identity.onOther(() => {
    site.forget();
    void site
      .refresh()
      .catch((error: unknown) => logger.warn({ code: errorCodeOf(error) }, 'configuration not read yet'));
  });
  const ownerOf = (id: InterfaceId): string | null => {
    const shard = site.interfaceById(id)?.shard;
    return shard === undefined ? null : presence.ownerOf(shard);
  };
  const others = elsewhere(hints.wakeUps(ownerOf));
  const { stageStuckMs } = settings;
  const offers = new MessageOffers({ queries: database, queue, stageStuckMs, clock, logger });
  const deliveryOptions: DeliveryOptions = {
    database: laneDatabase,
    leases: leaseDatabase,
    snapshots: store.snapshots,
    site,
    presence,
    instance,
    clock,
    logger,
    settings,
    elsewhere: others,
    offers,
    stages: () => stages,
    onSettled: metrics.settled,
  };
  const delivery: Delivery | null = config.roles.has('deliver') ? createDelivery(deliveryOptions) : null;
  const lanes = operations.watch(delivery?.inbox ?? others);
  const stages: Stages = createStages({
    database,
    site,
    lanes,
    clock,
    logger,
    instance,
    hosts: hostedStages(config.roles),
    queue,
    othersHelp: () => presence.alive('validate').some((name) => name !== config.instance),
    leaseMs: settings.leaseMs,
    living: () => presence.living(),
    reconcileIntervalMs: settings.reconcileIntervalMs,
    hashKey: messageKeyHasher(config.secretKey),
    limits: config.redisUrl === undefined ? {} : SHARED_STAGES,
  });
  const ingest = createIngest({
    database,
    site,
    lanes,
    stages,
    clock,
    logger,
    instance,
    onCommitted: metrics.stored,
  });
  const sources = new Sources({
    queries: leaseDatabase,
    site,
    instance,
    clock,
    logger,
    leaseMs: config.leaseMs,
    renewMs: config.leaseRenewMs,
    handler: ingest.handle,
    onRefused: keepRefused(database, logger),
    listenPort: config.amqpPort,
    payloadBytesMax: INGEST_LIMITS.payloadBytesMax,
    askBroker: checkExclusive,
  });
  const maintenance = new Maintenance({
    database,
    scheduler: hints.scheduler,
    jobs: config.roles.has('watchdog')
      ? maintenanceJobs({
          database,
          incidents: new Incidents(database, logger),
          settings: { ...config, stageStuckMs: settings.stageStuckMs },
        })
      : [],
    instance,
    clock,
    logger,
    leaseMs: settings.leaseMs,
  });
  operations.attach({ delivery, stages, ingest, sources, redis: hints.redis, stageQueue: queue });
  let unlisten = async (): Promise<void> => undefined;

  return {
    async start() {
      unlisten = database.listen(COMMANDS_CHANNEL, () => delivery?.wakeCommands());
      await presence.start();
      await delivery?.start();
      if (delivery !== null) hints.show(delivery);
      stages.start();
      if (hostedStages(config.roles).length > 0) void readDocumentsAhead(site, logger);
      maintenance.start();
      if (config.roles.has('ingest')) await sources.start();
      serving = true;
      logger.info({ admin: admin.url, roles: [...config.roles] }, 'engine serves');
    },
    async stop() {
      serving = false;
      const parts: readonly (readonly [string, () => Promise<unknown> | undefined])[] = [
        ['sources', () => sources.stop()],
        ['ingest', () => ingest.stop()],
        ['maintenance', () => maintenance.stop()],
        // Before the stages: a late replay under way needs them.
        ['delivery', () => delivery?.stop()],
        ['offers', () => offers.stop()],
        ['stage queue', () => queue.close()],
        ['stages', () => stages.stop()],
        ['presence', () => presence.stop()],
        ['command wake', () => unlisten()],
        ['hints', () => hints.close()],
        ['admin', () => admin.close()],
        ['site', () => site.close()],
        ['postgres', () => store.close()],
        ['lock', () => lock.release()],
      ];
      for (const [part, stop] of parts) {
        try {
          await stop();
        } catch (error) {
          logger.warn({ part, code: errorCodeOf(error) }, 'part not stopped cleanly');
        }
      }
    },
  };
}

/** So that no message waits for the document of its interface. What is not read now is read when it is needed. */
async function readDocumentsAhead(site: SiteCache, logger: Logger): Promise<void> {
  const all = site.interfaces().slice(0, DOCUMENTS_MAX);
  try {
    for (let i = 0; i < all.length; i += DOCUMENTS_PER_READ)
      await site.loadDocuments(
        all.slice(i, i + DOCUMENTS_PER_READ).map(({ interfaceId, revision }) => ({ interfaceId, revision })),
      );
  } catch (error) {
    logger.warn({ code: errorCodeOf(error) }, 'documents are read when they are needed');
  }
}

function deliverySettings(config: EngineConfig): DeliverySettings {
  const { leaseMs, leaseRenewMs, leaseSendMarginMs, leaseCloseMarginMs, reconcileIntervalMs } = config;
  return {
    ...DELIVERY_DEFAULTS,
    leaseMs,
    leaseRenewMs,
    leaseSendMarginMs,
    leaseCloseMarginMs,
    reconcileIntervalMs,
  };
}
