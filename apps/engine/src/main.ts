/**
 * The engine's composition root: the only file that reads the environment and constructs adapters.
 * Order of life: lock → Postgres → configuration → lanes → stages → ingest → sources; and back again at SIGTERM.
 */
import { type InterfaceId, instanceId } from '@inorder/core';
import { joinSecrets, messageKeyHasher, openSecrets } from '@inorder/db';
import { COMMANDS_CHANNEL, type ConnectionDocument, type DestinationDocument } from '@inorder/shared';
import { pino } from 'pino';
import { systemClock } from './adapters/clock/system-clock.ts';
import { MemoryStageExchange } from './adapters/memory/stage-queue.ts';
import { createDatabase, errorCodeOf } from './adapters/postgres/database.ts';
import { openPlanSnapshots } from './adapters/postgres/plan-snapshots.ts';
import { releaseOwnClaims } from './adapters/postgres/stage-queries.ts';
import { checkStore, ping } from './adapters/postgres/store-check.ts';
import { BullQueues } from './adapters/redis/bull-queues.ts';
import { RedisHints } from './adapters/redis/redis.ts';
import { RedisStageQueue } from './adapters/redis/stage-queue.ts';
import { lockInstance } from './admin/instance-lock.ts';
import { startAdmin } from './admin/server.ts';
import { type EngineConfig, hostedStages, readConfig, shown } from './config.ts';
import { cachedWindow } from './delivery/cached-window.ts';
import { createDelivery } from './delivery/delivery.ts';
import { elsewhere } from './delivery/elsewhere.ts';
import { DELIVERY_DEFAULTS } from './delivery/settings.ts';
import { createIngest, INGEST_LIMITS } from './ingest/ingest.ts';
import { keepRefused } from './ingest/refused.ts';
import { Sources } from './ingest/sources.ts';
import { Presence } from './presence/presence.ts';
import { openSiteCache } from './site/site-cache.ts';
import { offerToStages } from './stages/offer-messages.ts';
import type { StageQueue } from './stages/stage-queue.ts';
import { createStages } from './stages/stages.ts';

const VERSION = '0.1.0';
/** A stop that lasts longer helps nobody: whoever asked for it kills next. */
const STOP_MS_MAX = 30_000;
/** Messages that ingest hands to its own stages where other instances could take them as well. */
const SHARED_BACKLOG_MAX = 1000;

async function run(config: EngineConfig): Promise<void> {
  const logger = pino({ level: config.logLevel, base: { instance: config.instance } });
  logger.info(shown(config), 'engine starts');
  const clock = systemClock;
  const instance = instanceId(config.instance);
  const settings = {
    ...DELIVERY_DEFAULTS,
    leaseMs: config.leaseMs,
    leaseRenewMs: config.leaseRenewMs,
    leaseSendMarginMs: config.leaseSendMarginMs,
    leaseCloseMarginMs: config.leaseCloseMarginMs,
    reconcileIntervalMs: config.reconcileIntervalMs,
  };
  const lock = await lockInstance(config.dataDir, config.instance);
  const onIdleError = (error: Error): void => logger.warn({ code: errorCodeOf(error) }, 'postgres connection lost');
  const common = { url: config.databaseUrl, clock, onIdleError };
  const database = createDatabase({
    ...common,
    statementTimeoutMs: 10_000,
    connectionsMax: 8,
    applicationName: `inorder ${config.instance}`,
  });
  // A settlement that hangs must end before the lease does.
  const settleTimeoutMs = Math.max(500, config.leaseSendMarginMs - 500);
  const laneDatabase = createDatabase({
    ...common,
    statementTimeoutMs: settleTimeoutMs,
    connectionsMax: 6,
    applicationName: `inorder ${config.instance} lanes`,
  });
  const snapshots = openPlanSnapshots(config.databaseUrl, `inorder ${config.instance} plans`, onIdleError);
  await checkStore(database, logger, config.unsafe);
  await releaseOwnClaims(database, instance);

  const site = await openSiteCache({
    database,
    clock,
    logger,
    // The stored document and its sealed secrets are our own writing; zod checks the document after this.
    openDocument: (document, sealed, ownerId) =>
      joinSecrets(document as ConnectionDocument | DestinationDocument, openSecrets(sealed, ownerId, config.secretKey)),
  });
  let serving = false;
  const admin = await startAdmin({
    port: config.adminPort,
    secret: config.adminSecret,
    dependencies: [{ name: 'postgres', check: () => ping(database) }],
    isServing: () => serving,
    lanes: {
      snapshot: () => delivery?.feed.snapshot() ?? [],
      onChanged: (listener) => delivery?.feed.onChanged(listener) ?? (() => undefined),
    },
    counters: () => ({
      delivery: delivery?.counters() ?? null,
      stages: stages.counters(),
      ingest: ingest.counters(),
      redisLost: hints?.lost ?? null,
      queueLost: queue.lost,
    }),
  });
  const presence = new Presence({
    queries: laneDatabase,
    card: { instance, roles: [...config.roles], adminUrl: admin.url, version: VERSION },
    clock,
    logger,
    instanceHeartbeatMs: settings.instanceHeartbeatMs,
    leaseMs: settings.leaseMs,
  });
  const hints =
    config.redisUrl === undefined
      ? null
      : new RedisHints({
          url: config.redisUrl,
          instance,
          logger,
          onWake: (ends) => delivery?.woken(ends),
          onCommand: () => delivery?.wakeCommands(),
          onConfig: () =>
            void site
              .refresh()
              .catch((error: unknown) => logger.warn({ code: errorCodeOf(error) }, 'configuration not read yet')),
        });
  const ownerOf = (id: InterfaceId): string | null => {
    const shard = site.interfaceById(id)?.shard;
    return shard === undefined ? null : presence.ownerOf(shard);
  };
  const others = elsewhere(hints?.wakeUps(ownerOf) ?? { send: () => undefined });
  const queue: StageQueue =
    config.redisUrl === undefined
      ? new MemoryStageExchange().open()
      : new RedisStageQueue({ queues: new BullQueues({ url: config.redisUrl, logger }) });
  const stageStuckMs = settings.stageStuckMs;
  const delivery = config.roles.has('deliver')
    ? createDelivery({
        database: laneDatabase,
        snapshots,
        site,
        presence,
        instance,
        clock,
        logger,
        settings,
        elsewhere: others,
        offerToStages: (ids) => offerToStages({ queries: database, queue, stageStuckMs }, ids),
        stages: () => stages,
      })
    : null;
  const lanes = delivery?.inbox ?? others;
  const stages = createStages({
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
    reconcileIntervalMs: settings.reconcileIntervalMs,
    hashKey: messageKeyHasher(config.secretKey),
    limits: config.redisUrl === undefined ? {} : { stageBacklogMax: SHARED_BACKLOG_MAX },
  });
  const ingest = createIngest({
    database,
    site,
    sourceEpoch: (id) => sources.epochOf(id),
    lanes,
    stages,
    clock,
    logger,
    instance,
  });
  const sources = new Sources({
    queries: database,
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
  });
  if (delivery !== null && hints !== null) {
    delivery.feed.onChanged((changed) =>
      hints.publishLanes(
        changed,
        changed.flatMap((status) => cachedWindow(delivery.lanes.get(status.interfaceId)) ?? []),
      ),
    );
  }
  const unlisten = database.listen(COMMANDS_CHANNEL, () => delivery?.wakeCommands());

  await presence.start();
  await delivery?.start();
  stages.start();
  if (config.roles.has('ingest')) await sources.start();
  serving = true;
  logger.info({ admin: admin.url, roles: [...config.roles] }, 'engine serves');

  await stopSignal();
  logger.info({}, 'engine stops');
  serving = false;
  // Postgres may be away or frozen: what is not given back is taken over after its lease.
  clock.schedule(STOP_MS_MAX, () => {
    logger.error({}, 'engine did not stop in time and ends');
    process.exit(1);
  });
  const parts: readonly (readonly [string, () => Promise<unknown> | undefined])[] = [
    ['sources', () => sources.stop()],
    ['ingest', () => ingest.stop()],
    ['stages', () => stages.stop()],
    ['stage queue', () => queue.close()],
    ['delivery', () => delivery?.stop()],
    ['presence', () => presence.stop()],
    ['command wake', unlisten],
    ['redis', () => hints?.close()],
    ['admin', () => admin.close()],
    ['site', () => site.close()],
    ['postgres', () => Promise.all([laneDatabase.close(), database.close(), snapshots.close()])],
    ['lock', () => lock.release()],
  ];
  for (const [part, stop] of parts) {
    try {
      await stop();
    } catch (error) {
      logger.warn({ part, code: errorCodeOf(error) }, 'part not stopped cleanly');
    }
  }
  logger.info({}, 'engine stopped');
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
}

const read = readConfig(process.env);
if (read.ok) {
  try {
    await run(read.config);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`engine cannot run: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
} else {
  process.stderr.write(`engine configuration is not valid:\n${read.problems.map((p) => `  ${p}`).join('\n')}\n`);
  process.exit(2);
}
