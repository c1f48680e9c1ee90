/**
 * The ways in of this instance: one listener per LISTEN connection (if it has a port here), one connection per broker,
 * each reading the sources whose lease we hold (G3).
 */
import type {
  Clock,
  Disposition,
  InboundHandler,
  InstanceId,
  ProtectionVerdict,
  SourceId,
  SourceStatus,
} from '@inorder/core';
import type { Logger } from 'pino';
import {
  AmqpListener,
  AmqpReceiver,
  type ReceiverSource,
  type RefusedMessage,
  type Resolution,
} from '../adapters/amqp/index.ts';
import type { Queries } from '../adapters/postgres/database.ts';
import type { SiteCache, SiteConnection, SiteSource } from '../site/site-cache.ts';
import { SourceLeases } from './source-leases.ts';
import { type AskBroker, type OpenQueue, SourceProtection } from './source-protection.ts';

export interface SourcesOptions {
  readonly queries: Queries;
  readonly site: SiteCache;
  readonly instance: InstanceId;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly leaseMs: number;
  readonly renewMs: number;
  readonly handler: InboundHandler;
  readonly onRefused: (refused: RefusedMessage) => Promise<Disposition>;
  /** In place of the port that a LISTEN connection names; undefined: this instance does not listen. */
  readonly listenPort: number | undefined;
  readonly payloadBytesMax: number;
  /** Whether queues are exclusive. */
  readonly askBroker: AskBroker;
}

/** Properties and headers beside the body. */
const ENVELOPE_BYTES = 65_536;

interface Listening {
  readonly listener: AmqpListener;
  readonly document: string;
  /** Sources that producers may be attached to, and what they were let in under. */
  readonly granted: Map<SourceId, string>;
}

/** A port that is still taken by the process before us comes free. */
const LISTEN_RETRY_MS = 1000;

/** What is open here, for health and metrics. */
export interface WaysIn {
  /** Listeners that configuration wants of this instance, and those that are open. */
  readonly listeners: { readonly wanted: number; readonly open: number };
  /** Queues on brokers whose lease we hold. */
  readonly queues: readonly {
    readonly name: string;
    readonly state: SourceStatus['state'];
    /** NOT_CHECKED also before anybody asked. */
    readonly protection: ProtectionVerdict;
  }[];
  /** Sources whose lease we hold, queues or addresses of our listener. */
  readonly held: number;
  /** To JMSReplyTo, over the connections open now. */
  readonly replies: { readonly sent: number; readonly lost: number };
}

interface Receiving {
  readonly receiver: AmqpReceiver;
  readonly document: string;
  readonly attached: Map<SourceId, string>;
}

export class Sources {
  readonly statuses = new Map<SourceId, SourceStatus>();
  private readonly options: SourcesOptions;
  private readonly leases: SourceLeases;
  private readonly protection: SourceProtection;
  private readonly listeners = new Map<string, Listening>();
  private readonly receivers = new Map<string, Receiving>();
  private work: Promise<void> = Promise.resolve();
  /** One for all listeners: each arrangement tries them all again. */
  private cancelRetry = (): void => undefined;
  private stopped = false;

  constructor(options: SourcesOptions) {
    this.options = options;
    this.leases = new SourceLeases({ ...options, wanted: () => this.wanted(), onChange: () => this.arrange() });
    this.protection = new SourceProtection({ ...options, ask: options.askBroker, open: () => this.openQueues() });
  }

  waysIn(): WaysIn {
    const { site, listenPort } = this.options;
    const connections = new Map(site.connections().map((c) => [c.connectionId, c.document.kind]));
    const held = site.sources().filter((s) => this.leases.epochOf(s.sourceId) !== undefined);
    const listening = listenPort === undefined ? [] : [...connections.values()].filter((kind) => kind === 'LISTEN');
    const counters = [
      ...[...this.listeners.values()].map(({ listener }) => listener.counters),
      ...[...this.receivers.values()].map(({ receiver }) => receiver.counters),
    ];
    return {
      replies: {
        sent: counters.reduce((sum, each) => sum + each.replies, 0),
        lost: counters.reduce((sum, each) => sum + each.repliesLost, 0),
      },
      listeners: { wanted: listening.length, open: this.listeners.size },
      queues: held
        .filter((s) => connections.get(s.connectionId) === 'CONNECT')
        .map((s) => ({
          name: s.name,
          state: this.statuses.get(s.sourceId)?.state ?? 'CONNECTING',
          protection: this.protection.verdictOf(s.sourceId) ?? 'NOT_CHECKED',
        })),
      held: held.length,
    };
  }

  async start(): Promise<void> {
    await this.leases.start();
    this.arrange();
    await this.work;
    this.protection.start();
    this.options.site.onChange(() => {
      void this.leases.look().then(() => this.arrange());
    });
  }

  /** Stops the ways in; what is in hand is settled first. Then the leases go back. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.leases.stop();
    await this.work;
    this.cancelRetry();
    await Promise.all([
      this.protection.stop(),
      ...[...this.listeners.values()].map((l) => l.listener.stop()),
      ...[...this.receivers.values()].map((r) => r.receiver.stop()),
    ]);
    await this.leases.giveBack();
  }

  private wanted(): ReadonlySet<SourceId> {
    const { site, listenPort } = this.options;
    const readable = new Set(
      site
        .connections()
        .filter((c) => c.document.kind === 'CONNECT' || listenPort !== undefined)
        .map((c) => c.connectionId),
    );
    return new Set(
      site
        .sources()
        .filter((s) => readable.has(s.connectionId))
        .map((s) => s.sourceId),
    );
  }

  private openQueues(): OpenQueue[] {
    const { site } = this.options;
    const connections = new Map(site.connections().map((c) => [c.connectionId, c]));
    return site.sources().flatMap(({ sourceId, name, connectionId, document: { address } }) => {
      const connection = connections.get(connectionId);
      const epoch = this.leases.epochOf(sourceId);
      if (connection?.document.kind !== 'CONNECT' || epoch === undefined) return [];
      if (this.statuses.get(sourceId)?.state !== 'OPEN') return [];
      const { document } = connection;
      return [{ sourceId, name, address, epoch, connection: { connectionId, name: connection.name, document } }];
    });
  }

  /** Brings what is open in line with configuration and leases; one arrangement after the other. */
  private arrange(): void {
    this.work = this.work
      .then(() => this.arrangeNow())
      .catch((error: unknown) => this.options.logger.error({ reason: String(error) }, 'sources not arranged'));
  }

  private async arrangeNow(): Promise<void> {
    if (this.stopped) return;
    this.cancelRetry();
    const { site } = this.options;
    const connections = site.connections();
    for (const [id, open] of [...this.listeners, ...this.receivers]) {
      const now = connections.find((c) => c.connectionId === id);
      if (now === undefined || JSON.stringify(now.document) !== open.document) await this.close(id);
    }
    for (const connection of connections) {
      if (connection.document.kind === 'LISTEN') await this.listen(connection);
      else
        await this.receive(
          connection,
          site.sources().filter((s) => s.connectionId === connection.connectionId),
        );
    }
  }

  private async close(id: string): Promise<void> {
    await this.listeners.get(id)?.listener.stop();
    const receiving = this.receivers.get(id);
    await receiving?.receiver.stop();
    for (const source of receiving?.attached.keys() ?? []) this.protection.forget(source);
    this.listeners.delete(id);
    this.receivers.delete(id);
  }

  private common(): Pick<
    ConstructorParameters<typeof AmqpListener>[0],
    'handler' | 'onRefused' | 'onStatus' | 'log' | 'clock' | 'containerId' | 'maxMessageBytes'
  > {
    const { handler, onRefused, logger, clock, instance, payloadBytesMax } = this.options;
    const onStatus = (status: SourceStatus): void => {
      this.statuses.set(status.sourceId, status);
      if (status.state === 'OPEN') this.protection.opened(status.sourceId);
    };
    return {
      handler,
      onRefused,
      onStatus,
      log: logger,
      clock,
      containerId: `inorder-${instance}`,
      maxMessageBytes: payloadBytesMax + ENVELOPE_BYTES,
    };
  }

  private async listen(connection: SiteConnection): Promise<void> {
    const { listenPort, logger } = this.options;
    if (connection.document.kind !== 'LISTEN' || listenPort === undefined) return;
    const open = this.listeners.get(connection.connectionId);
    if (open !== undefined) {
      this.revoke(connection, open);
      return;
    }
    const port = listenPort === 0 ? connection.document.port : listenPort;
    const listener = new AmqpListener({
      ...this.common(),
      connection: { ...connection.document, port },
      resolve: (address) => this.resolve(connection, address),
    });
    try {
      const opened = await listener.start();
      const granted = this.grants(connection);
      this.listeners.set(connection.connectionId, { listener, document: JSON.stringify(connection.document), granted });
      logger.info({ connection: connection.name, host: connection.document.host, port: opened }, 'amqp listener open');
    } catch (error) {
      logger.error(
        { connection: connection.name, port, reason: error instanceof Error ? error.message : String(error) },
        'amqp listener not opened',
      );
      this.cancelRetry();
      this.cancelRetry = this.options.clock.schedule(LISTEN_RETRY_MS, () => this.arrange());
    }
  }

  /** Sources of this connection that we may take from, each with all that its producers were let in under. */
  private grants(connection: SiteConnection): Map<SourceId, string> {
    const grants = new Map<SourceId, string>();
    for (const { sourceId, connectionId, document } of this.options.site.sources()) {
      const epoch = this.leases.epochOf(sourceId);
      if (connectionId === connection.connectionId && epoch !== undefined)
        grants.set(sourceId, `${epoch} ${document.address} ${document.credit} ${document.producers}`);
    }
    return grants;
  }

  /** Producers of a source that is no longer ours, or no longer what it was, are told to attach again (G3). */
  private revoke(connection: SiteConnection, open: Listening): void {
    const now = this.grants(connection);
    for (const [id, key] of open.granted) {
      if (now.get(id) === key) continue;
      const gone = now.get(id) === undefined;
      open.listener.revoke(
        id,
        gone ? 'Another engine instance reads this source now; attach there' : 'The source was changed; attach again',
      );
      open.granted.delete(id);
    }
    for (const [id, key] of now) open.granted.set(id, key);
  }

  private resolve(connection: SiteConnection, address: string): Resolution {
    const source = this.options.site
      .sources()
      .find((s) => s.connectionId === connection.connectionId && s.document.address === address);
    if (source === undefined)
      return {
        refuse: 'amqp:not-found',
        description: `no source has the address "${address.slice(0, 200)}" on connection ${connection.name}`,
      };
    const sourceEpoch = this.leases.epochOf(source.sourceId);
    if (sourceEpoch === undefined) {
      return {
        refuse: 'amqp:resource-locked',
        description: `another engine instance reads ${source.name}; connect there or try again`,
      };
    }
    const { sourceId, document } = source;
    return { origin: { sourceId, sourceEpoch }, credit: document.credit, producers: document.producers };
  }

  private async receive(connection: SiteConnection, sources: readonly SiteSource[]): Promise<void> {
    if (connection.document.kind !== 'CONNECT') return;
    const ours = new Map<SourceId, { readonly source: ReceiverSource; readonly key: string }>();
    for (const { sourceId, document } of sources) {
      const sourceEpoch = this.leases.epochOf(sourceId);
      if (sourceEpoch === undefined) continue;
      const { address, credit } = document;
      ours.set(sourceId, {
        source: { origin: { sourceId, sourceEpoch }, address, credit },
        key: `${sourceEpoch} ${address} ${credit}`,
      });
    }
    let open = this.receivers.get(connection.connectionId);
    if (open === undefined) {
      if (ours.size === 0) return;
      open = {
        receiver: new AmqpReceiver({ ...this.common(), connection: connection.document }),
        document: JSON.stringify(connection.document),
        attached: new Map(),
      };
      this.receivers.set(connection.connectionId, open);
      open.receiver.start();
    }
    for (const [id, key] of open.attached) {
      if (ours.get(id)?.key === key) continue;
      await open.receiver.detach(id);
      open.attached.delete(id);
      this.protection.forget(id);
    }
    for (const [id, { source, key }] of ours) {
      if (open.attached.has(id)) continue;
      open.receiver.attach(source);
      open.attached.set(id, key);
    }
  }
}
