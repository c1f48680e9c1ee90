/**
 * A small AMQP 1.0 broker whose behaviour a test can script: queues in memory, outcomes on record, links, sessions and
 * connections closed or cut at will. It proves nothing about a real broker; it makes faults repeatable.
 *
 * Credit is counted by hand: rhea's `sendable()` does not fall while a tick sends.
 */
import { EventEmitter } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { AmqpError, Connection, Delivery, EventContext, Message, Sender } from 'rhea';
import rhea from 'rhea';

export interface BrokerMessage {
  readonly message: Message;
  /** Position in its queue from 1; a redelivery keeps it. */
  readonly position: number;
  deliveryCount: number;
}

export interface BrokerOutcome {
  readonly address: string;
  readonly position: number;
  readonly outcome: 'accepted' | 'released' | 'rejected' | 'modified';
  readonly condition: string | null;
  readonly description: string | null;
}

export interface BrokerAttach {
  readonly address: string;
  readonly durable: number;
  readonly senderSettleMode: number;
}

interface Queue {
  waiting: BrokerMessage[];
  nextPosition: number;
}

interface Consumer {
  readonly sender: Sender;
  readonly address: string;
  readonly queue: Queue;
  sent: number;
  ready: boolean;
  readonly unsettled: Map<Delivery, BrokerMessage>;
  unsettledMost: number;
}

export interface AmqpBrokerOptions {
  readonly username?: string;
  readonly password?: string;
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Sends everything settled. Default false. */
  readonly preSettle?: boolean;
  readonly maxFrameBytes?: number;
  /** 0 for any. */
  readonly port?: number;
}

/** Events: `outcome`, `attach`, `gone` (a consumer), `connection`. */
export class AmqpBroker extends EventEmitter {
  readonly outcomes: BrokerOutcome[] = [];
  readonly attaches: BrokerAttach[] = [];
  readonly connections = new Set<Connection>();
  /** Most deliveries that were unsettled at one consumer at one time, by address. */
  readonly unsettledMost = new Map<string, number>();
  /** Addresses whose next attaches are refused with amqp:not-found. */
  readonly refused = new Set<string>();
  readonly #options: AmqpBrokerOptions;
  readonly #queues = new Map<string, Queue>();
  readonly #consumers = new Set<Consumer>();
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor(options: AmqpBrokerOptions = {}) {
    super();
    this.#options = options;
    this.setMaxListeners(100);
  }

  get port(): number {
    const address: AddressInfo | string | null | undefined = this.#server?.address();
    if (address === null || address === undefined || typeof address === 'string')
      throw new Error('the broker is not up');
    return address.port;
  }

  get sockets(): ReadonlySet<Socket> {
    return this.#sockets;
  }

  async start(): Promise<void> {
    const { username, password, tls, maxFrameBytes, port } = this.#options;
    const container = rhea.create_container({ id: 'scripted-broker' });
    if (username === undefined) container.sasl_server_mechanisms.enable_anonymous();
    else {
      container.sasl_server_mechanisms.enable_plain(
        (u: string | null, p: string | null) => u === username && p === password,
      );
    }
    for (const name of [
      'connection_error',
      'session_error',
      'sender_error',
      'receiver_error',
      'error',
      'protocol_error',
    ]) {
      container.on(name, () => {});
    }
    container.on('connection_open', (context: EventContext) => {
      this.connections.add(context.connection);
      this.emit('connection');
    });
    container.on('connection_close', (context: EventContext) => this.#connectionGone(context.connection));
    container.on('disconnected', (context: EventContext) => this.#connectionGone(context.connection));
    container.on('session_close', (context: EventContext) => this.#gone((c) => c.sender.session === context.session));
    container.on('sender_open', (context: EventContext) => context.sender && this.#consumerOpen(context.sender));
    container.on('sender_close', (context: EventContext) => this.#gone((c) => c.sender === context.sender));
    container.on('sender_flow', (context: EventContext) => this.#pumpSoon(context.sender));
    for (const outcome of ['accepted', 'released', 'rejected', 'modified'] as const) {
      container.on(outcome, (context: EventContext) => this.#outcome(outcome, context));
    }
    const common = {
      host: '127.0.0.1',
      port: port ?? 0,
      max_frame_size: maxFrameBytes ?? 65_536,
      ...{ tcp_no_delay: true, autoaccept: false, credit_window: 0, treat_modified_as_released: false },
      ...{ require_sasl: username !== undefined },
    };
    const server: Server =
      tls === undefined ? container.listen(common) : container.listen({ ...common, transport: 'tls', ...tls });
    this.#server = server;
    server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        // rhea says nothing of a socket that we destroyed ourselves.
        for (const connection of this.connections) {
          if (connection['socket'] === socket) this.#connectionGone(connection);
        }
      });
    });
    await new Promise<void>((resolve, reject) => server.once('listening', resolve).once('error', reject));
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise((resolve) => server.close(resolve));
    this.cutConnections();
    await closed;
  }

  /** Puts messages at the end of a queue and sends what credit allows. */
  publish(address: string, ...messages: Message[]): void {
    const queue = this.#queue(address);
    for (const message of messages) {
      queue.waiting.push({ message, position: queue.nextPosition++, deliveryCount: 0 });
    }
    for (const consumer of this.#consumers) if (consumer.address === address) this.#pumpSoon(consumer.sender);
  }

  /** Messages of a queue that no consumer holds. */
  waiting(address: string): number {
    return this.#queue(address).waiting.length;
  }

  unsettled(address: string): number {
    return [...this.#consumers].filter((c) => c.address === address).reduce((sum, c) => sum + c.unsettled.size, 0);
  }

  /** Credit that consumers of an address have left. */
  credit(address: string): number {
    return [...this.#consumers].filter((c) => c.address === address).reduce((sum, c) => sum + creditLeft(c), 0);
  }

  closeLinks(address: string, error?: AmqpError): void {
    for (const consumer of this.#consumers) if (consumer.address === address) consumer.sender.close(error);
  }

  closeSessions(address: string, error?: AmqpError): void {
    for (const consumer of this.#consumers) if (consumer.address === address) consumer.sender.session.close(error);
  }

  closeConnections(error?: AmqpError): void {
    for (const connection of this.connections) connection.close(error);
  }

  /** Without a word, as a pulled cable does. */
  cutConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Resolves once `holds()`; asked again after each event. */
  async until(holds: () => boolean): Promise<void> {
    if (holds()) return;
    await new Promise<void>((resolve) => {
      const check = (): void => {
        if (!holds()) return;
        this.off('change', check);
        resolve();
      };
      this.on('change', check);
    });
  }

  override emit(name: string, ...values: unknown[]): boolean {
    if (name !== 'change') super.emit('change');
    return super.emit(name, ...values);
  }

  #queue(address: string): Queue {
    let queue = this.#queues.get(address);
    if (queue === undefined) {
      queue = { waiting: [], nextPosition: 1 };
      this.#queues.set(address, queue);
    }
    return queue;
  }

  #consumerOpen(sender: Sender): void {
    const { address, durable } = sender.source;
    this.attaches.push({ address, durable: durable ?? 0, senderSettleMode: sender.snd_settle_mode });
    if (this.refused.has(address)) {
      sender.close({ condition: 'amqp:not-found', description: 'no such queue' });
      this.emit('attach');
      return;
    }
    sender.set_source({ address, durable: durable ?? 0 });
    const queue = this.#queue(address);
    const consumer: Consumer = {
      sender,
      address,
      queue,
      sent: 0,
      ready: false,
      unsettled: new Map(),
      unsettledMost: 0,
    };
    this.#consumers.add(consumer);
    // A transfer written in the tick of the attach would leave ahead of it.
    setImmediate(() => {
      consumer.ready = true;
      this.emit('attach');
      this.#pump(consumer);
    });
  }

  #pumpSoon(sender: Sender | undefined): void {
    this.emit('flow');
    for (const consumer of this.#consumers) {
      if (consumer.sender === sender && consumer.ready) setImmediate(() => this.#pump(consumer));
    }
  }

  #pump(consumer: Consumer): void {
    const { queue, sender } = consumer;
    while (this.#consumers.has(consumer) && creditLeft(consumer) > 0) {
      const next = queue.waiting.shift();
      if (next === undefined) break;
      consumer.sent += 1;
      const delivery = sender.send({ ...next.message, delivery_count: next.deliveryCount });
      if (this.#options.preSettle === true) {
        delivery.update(true);
        continue;
      }
      consumer.unsettled.set(delivery, next);
      const most = Math.max(this.unsettledMost.get(consumer.address) ?? 0, consumer.unsettled.size);
      this.unsettledMost.set(consumer.address, most);
    }
    this.emit('sent');
  }

  #outcome(outcome: BrokerOutcome['outcome'], context: EventContext): void {
    const { sender, delivery } = context;
    const consumer = [...this.#consumers].find((c) => c.sender === sender);
    const held = delivery && consumer?.unsettled.get(delivery);
    if (consumer === undefined || delivery === undefined || held === undefined) return;
    consumer.unsettled.delete(delivery);
    const error: AmqpError | undefined = outcome === 'rejected' ? delivery.remote_state?.['error'] : undefined;
    this.outcomes.push({
      address: consumer.address,
      position: held.position,
      outcome,
      condition: error?.condition ?? null,
      description: error?.description ?? null,
    });
    if (outcome === 'released' || outcome === 'modified') {
      held.deliveryCount += 1;
      requeue(consumer.queue, [held]);
      this.#pumpSoon(sender);
    }
    this.emit('outcome');
  }

  #connectionGone(connection: Connection): void {
    this.connections.delete(connection);
    this.#gone((c) => c.sender.connection === connection);
  }

  /** What a consumer that is gone had in hand goes back to its place, unless its outcome came in the same read. */
  #gone(isGone: (consumer: Consumer) => boolean): void {
    for (const consumer of [...this.#consumers]) {
      if (!isGone(consumer)) continue;
      this.#consumers.delete(consumer);
      const back: BrokerMessage[] = [];
      for (const [delivery, held] of consumer.unsettled) {
        if (outcomeOf(delivery) === 'accepted') {
          this.outcomes.push({
            address: consumer.address,
            position: held.position,
            outcome: 'accepted',
            condition: null,
            description: null,
          });
          continue;
        }
        held.deliveryCount += 1;
        back.push(held);
      }
      requeue(consumer.queue, back);
      for (const other of this.#consumers) if (other.queue === consumer.queue) this.#pumpSoon(other.sender);
    }
    this.emit('gone');
  }
}

/** rhea lowers `credit` as it writes; what it has taken but not written is counted here. */
function creditLeft(consumer: Consumer): number {
  // Both are plain fields of rhea's sender that its typings leave out.
  const { credit, delivery_count } = consumer.sender as Sender & { credit: number; delivery_count: number };
  return credit - (consumer.sent - delivery_count);
}

function requeue(queue: Queue, messages: readonly BrokerMessage[]): void {
  queue.waiting = [...messages, ...queue.waiting].sort((a, b) => a.position - b.position);
}

/** What the peer said of a delivery whose event may still be under way; rhea keeps it as an object of the outcome's class. */
function outcomeOf(delivery: Delivery): string | undefined {
  const state: unknown = delivery.remote_state?.constructor;
  return state === undefined ? undefined : (state as { composite_type?: string }).composite_type;
}
