/** Delivery put together: ownership, lanes, settle loop, commands, replays, watchdog, feed. One object with a life. */
import { type Clock, type DestinationId, destinationId, type InstanceId, type MessageId } from '@inorder/core';
import type { Logger } from 'pino';
import { openDestination } from '../adapters/destination.ts';
import { type Database, errorCodeOf, type Queries } from '../adapters/postgres/database.ts';
import { readPayloads } from '../adapters/postgres/lane-queries.ts';
import type { PlanSnapshots } from '../adapters/postgres/plan-snapshots.ts';
import type { Presence } from '../presence/presence.ts';
import type { SiteCache } from '../site/site-cache.ts';
import type { MessageOffers } from '../stages/offer-messages.ts';
import type { Stages } from '../stages/stages.ts';
import { LaneInvariants } from '../watchdog/lane-invariants.ts';
import { Reconcile } from '../watchdog/reconcile.ts';
import { Commands } from './commands.ts';
import { Destinations } from './destinations.ts';
import type { LaneInbox, StageEnd } from './inbox.ts';
import { Incidents } from './incidents.ts';
import type { Lane } from './lane.ts';
import { Lanes } from './lanes.ts';
import { type LaneSite, lanePolicy, lookUp, type OpenLanesOptions, openShards, reopenLane } from './open-lanes.ts';
import { OutboundPayloads } from './outbound-payloads.ts';
import { Ownership } from './ownership.ts';
import { Replays } from './replays.ts';
import type { DeliverySettings } from './settings.ts';
import { SettleLoop, type SettleLoopOptions } from './settle-loop.ts';
import type { ShardHold } from './shard-hold.ts';
import { StatusFeed } from './status-feed.ts';

export interface DeliveryOptions {
  /** Its statement time-out is below `leaseSendMarginMs`. */
  readonly database: Database;
  /** For leases, on connections that nothing else uses. */
  readonly leases: Queries;
  readonly snapshots: PlanSnapshots;
  readonly site: SiteCache;
  readonly presence: Presence;
  readonly instance: InstanceId;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: DeliverySettings;
  /** Of lanes that are not ours. */
  readonly elsewhere: LaneInbox;
  /** Offers messages that are in the stages, and in nobody's hands, to whoever hosts them. */
  readonly offers: Pick<MessageOffers, 'repaired' | 'missed'>;
  /** For late replays, which run through the stages here and write nothing. */
  readonly stages: () => Pick<Stages, 'runDetached'>;
  /** For metrics, as SettleLoop's `onCommitted`. */
  readonly onSettled?: SettleLoopOptions['onCommitted'];
}

export interface Delivery {
  readonly inbox: LaneInbox;
  readonly lanes: Lanes;
  readonly feed: StatusFeed;
  readonly destinations: Pick<Destinations<Lane>, 'states'>;
  /** Reads are counted for the measure of ARCHITECTURE.md. */
  counters(): object;
  start(): Promise<void>;
  /** Outcomes of our lanes that were committed elsewhere. */
  woken(ends: readonly StageEnd[]): void;
  wakeCommands(): void;
  stop(): Promise<void>;
}

const READ_RETRY_MS = 1000;

export function createDelivery(options: DeliveryOptions): Delivery {
  return new Assembled(options);
}

class Assembled implements Delivery {
  readonly lanes: Lanes;
  readonly feed: StatusFeed;
  private readonly options: DeliveryOptions;
  private readonly settleLoop: SettleLoop;
  readonly destinations: Destinations<Lane>;
  private readonly payloads: OutboundPayloads;
  private readonly ownership: Ownership;
  private readonly commands: Commands;
  private readonly replays: Replays;
  private readonly reconcile: Reconcile;
  private readonly invariants: LaneInvariants;
  private stopped = false;

  constructor(options: DeliveryOptions) {
    this.options = options;
    const { database, clock, logger, settings, site } = options;
    const incidents = new Incidents(database, logger);
    this.payloads = new OutboundPayloads({
      bytesMax: settings.outboundCacheBytesMax,
      read: (ids) => readPayloads(database, ids),
    });
    this.settleLoop = new SettleLoop({
      database,
      owner: options.instance,
      batchMax: settings.settleBatchMax,
      clock,
      logger,
      onLost: (hold) => this.ownership.lose(hold),
      onCommitted: options.onSettled,
    });
    this.destinations = new Destinations<Lane>({
      clock,
      logger,
      settings,
      incidents,
      find: (id) => site.destination(id),
      refresh: () => site.refresh(),
      open: (wire) => openDestination(wire, clock, logger),
      wake: (lane, id) => {
        lane.tell({ kind: 'ENDPOINT_TRY', nowAt: clock.wallMs() });
        const { phase } = lane.state;
        return !lane.isDead && phase.name === 'SENDING' && phase.send.order.destinationId === id;
      },
    });
    this.lanes = new Lanes({
      clock,
      logger,
      settings,
      settleLoop: this.settleLoop,
      destinations: this.destinations,
      payloads: this.payloads,
      incidents,
      elsewhere: options.elsewhere,
      lookAgain: (ids) => this.reconcile.hint(ids),
      reopen: (lane) => this.reopen(lane),
      lookUp: (lane, from) => this.inBackground(lane, () => lookUp(this.openOptions(), lane, from)),
      runCommand: (lane, effect) => void this.commands.run(lane, effect.command.commandId),
      sendReplay: (lane, effect) => void this.replays.run(lane, effect.replay),
    });
    this.commands = new Commands({
      database,
      snapshots: options.snapshots,
      owner: options.instance,
      lanes: this.lanes,
      clock,
      logger,
      settings,
      settled: (item) => this.lanes.count(item),
      freed: (id) => this.destinations.get(id).forgetFailed(),
      restage: (ids) => {
        this.lanes.repaired(ids);
        this.forget(ids);
        options.offers.repaired(ids);
      },
      reopen: (lane) => this.reopen(lane),
    });
    this.replays = new Replays({
      database,
      owner: options.instance,
      clock,
      logger,
      settings,
      destinations: this.destinations,
      stage: (message) => options.stages().runDetached({ ...message, receivedAt: clock.wallMs() }),
      destinationByName: (name) => this.destinationByName(name),
    });
    this.reconcile = new Reconcile({
      database,
      lanes: this.lanes,
      shards: () => this.ownership.shards,
      incidents,
      clock,
      logger,
      settings,
      restage: (ids) => {
        this.forget(ids);
        options.offers.missed(ids);
      },
    });
    this.invariants = new LaneInvariants({ database, lanes: this.lanes, incidents, clock, logger });
    this.ownership = new Ownership({
      queries: options.leases,
      presence: options.presence,
      instance: options.instance,
      clock,
      logger,
      settings,
      open: async (holds) => {
        await openShards(this.openOptions(), holds);
        this.commands.wake();
      },
      close: (hold) => this.lanes.closeShard(hold.shard),
      drain: (holds) => this.drain(holds),
    });
    this.feed = new StatusFeed({
      lanes: this.lanes,
      instance: options.instance,
      clock,
      destinationName: (id) => this.destinations.name(id),
    });
  }

  get inbox(): LaneInbox {
    return this.lanes;
  }

  counters(): object {
    const ownership = { shards: this.ownership.shards.length, shardsLost: this.ownership.lost };
    const { lookUps, batchChecks } = this.reconcile;
    return { ...this.lanes.counters, payloadReads: this.payloads.reads, lookUps, batchChecks, ...ownership };
  }

  async start(): Promise<void> {
    this.feed.start();
    await this.ownership.start();
    this.commands.start();
    this.reconcile.start();
    this.invariants.start();
    this.options.site.onChange(() => this.configured());
  }

  woken(ends: readonly StageEnd[]): void {
    this.lanes.told(ends);
  }

  wakeCommands(): void {
    this.commands.wake();
  }

  /** No new work, what is under way ends, the shards go back. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.commands.stop();
    await this.reconcile.stop();
    await this.invariants.stop();
    await this.ownership.stop();
    await this.settleLoop.drained();
    this.feed.stop();
    await this.destinations.close();
  }

  private openOptions(): OpenLanesOptions {
    const { database, clock, logger, settings } = this.options;
    return {
      queries: database,
      site: this.laneSite,
      lanes: this.lanes,
      settings,
      clock,
      logger,
      loadDocuments: (wanted) => this.options.site.loadDocuments(wanted),
    };
  }

  private readonly laneSite: LaneSite = {
    delivery: (id) => {
      const configured = this.options.site.interfaceById(id);
      const document =
        configured === undefined ? undefined : this.options.site.document(id, configured.revision)?.document;
      return configured === undefined || document === undefined
        ? undefined
        : { code: configured.code, document, enabled: configured.enabled };
    },
    revision: (id) => this.options.site.interfaceById(id)?.revision,
  };

  private destinationByName(name: string): DestinationId | undefined {
    const found = this.options.site.destination(name);
    return found === undefined ? undefined : destinationId(found.destinationId);
  }

  /** What the stages make of them now is what is sent, wherever they run. */
  private forget(ids: readonly MessageId[]): void {
    for (const id of ids) this.payloads.drop(id);
  }

  /** Only for a lane that waits for it: nothing of it may be on the wire, for its successor would send that again. */
  private reopen(lane: Lane): void {
    this.inBackground(lane, () => reopenLane(this.openOptions(), lane.hold, lane.state.interfaceId, lane));
  }

  /** Reads that a lane waits for. They fail only with Postgres, and are tried until it answers or the lane is gone. */
  private inBackground(lane: Lane, read: () => Promise<unknown>): void {
    read().catch((error: unknown) => {
      this.options.logger.warn({ interface: lane.code, code: errorCodeOf(error) }, 'lane not read yet');
      this.options.clock.schedule(READ_RETRY_MS, () => {
        if (!lane.isDead) this.inBackground(lane, read);
      });
    });
  }

  /** Nothing new is sent; what is out may come back within the lease; then what it led to is committed. */
  private async drain(holds: readonly ShardHold[]): Promise<void> {
    const shards = new Set(holds.map((h) => h.shard));
    const ours = (): Lane[] => [...this.lanes.all()].filter((lane) => shards.has(lane.hold.shard) && !lane.isDead);
    const busy = (): Lane[] => {
      const lanes = ours();
      // Each time: one that is read again meanwhile is a new one.
      for (const lane of lanes) lane.drain();
      return lanes.filter((lane) => lane.isBusy);
    };
    const untilMs = this.options.clock.monotonicMs() + this.options.settings.leaseMs / 2;
    while (busy().length > 0 && this.options.clock.monotonicMs() < untilMs) {
      await new Promise<void>((resolve) => {
        const detach = this.lanes.onChange((lane) => {
          if (!shards.has(lane.hold.shard) || lane.isBusy) return;
          detach();
          cancel();
          resolve();
        });
        const cancel = this.options.clock.schedule(250, () => {
          detach();
          resolve();
        });
      });
    }
    // What is still out is reset: its successor must treat the head as one that may have arrived.
    for (const lane of ours()) if (lane.isBusy || lane.knowsMoreThanPostgres) lane.hold.lose();
  }

  /** Policies, switches, new interfaces, addresses. */
  private configured(): void {
    this.destinations.configured();
    const follow = (): void => {
      if (this.stopped) return;
      this.follow().catch((error: unknown) => {
        this.options.logger.warn({ code: errorCodeOf(error) }, 'configuration not followed yet');
        this.options.clock.schedule(READ_RETRY_MS, follow);
      });
    };
    follow();
  }

  private async follow(): Promise<void> {
    const { site, settings } = this.options;
    const ours = site.interfaces().filter((i) => this.ownership.hold(i.shard) !== undefined);
    await site.loadDocuments(ours.map((i) => ({ interfaceId: i.interfaceId, revision: i.revision })));
    for (const configured of ours) {
      const hold = this.ownership.hold(configured.shard);
      const document = site.document(configured.interfaceId, configured.revision)?.document;
      if (hold === undefined || document === undefined) continue;
      if (this.lanes.get(configured.interfaceId) === undefined)
        await reopenLane(this.openOptions(), hold, configured.interfaceId);
      else this.lanes.configured(configured.interfaceId, lanePolicy(document, settings), configured.enabled);
    }
  }
}
