/**
 * One client connection at our listener: lets links in or refuses them, and keeps the limits that rhea does not.
 * Consumers are let in for replies only (`listener-replies.ts`).
 *
 * Modes: HANDSHAKE (TLS is done; SASL and open are due within `connectTimeoutMs`) → OPEN → GONE (socket closed).
 */
import type { Socket } from 'node:net';
import type { Receiver, Sender, Session } from 'rhea';
import { within } from './deadline.ts';
import { IntakeSession } from './intake-session.ts';
import type { LinkIntake } from './link-intake.ts';
import { ListenerReplies } from './listener-replies.ts';
import type { AmqpCounters, InboundSettings, Resolution } from './options.ts';
import type { LinkError, Producer, Producers } from './producers.ts';
import {
  type AttachFrame,
  clearHeartbeats,
  type EventContext,
  type RheaConnection,
  receiverOf,
  sessionOf,
  tapAttaches,
} from './rhea-internals.ts';

const CLOSE_GRACE_MS = 1_000;
const COORDINATOR = 0x30;
const COORDINATOR_SYMBOL = 'amqp:coordinator:list';
const GIVEN_BACK: LinkError = {
  condition: 'amqp:link:detach-forced',
  description: 'A message was given back; attach again and send it and all that followed it again, in order',
};

export interface ListenerConnectionOptions {
  readonly connection: RheaConnection;
  readonly socket: Socket;
  readonly settings: InboundSettings;
  readonly counters: AmqpCounters;
  readonly producers: Producers;
  readonly resolve: (address: string) => Resolution;
  readonly sessionsMax: number;
  readonly linksMax: number;
  readonly onGone: () => void;
}

interface OpenSession {
  readonly intakes: IntakeSession;
  /** What to do when the session or the connection goes, by link. */
  readonly leave: Map<Receiver, () => void>;
  /** Names of links whose target is a transaction coordinator; rhea forgets that. */
  readonly coordinators: Set<string>;
}

export class ListenerConnection {
  readonly #o: ListenerConnectionOptions;
  readonly #peer: string;
  readonly #replies: ListenerReplies;
  readonly #sessions = new Map<Session, OpenSession>();
  #mode: 'HANDSHAKE' | 'OPEN' | 'GONE' = 'HANDSHAKE';
  #stopping = false;
  readonly #cancelDeadline: () => void;

  constructor(options: ListenerConnectionOptions) {
    this.#o = options;
    const { connection, socket, settings } = options;
    this.#peer = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    this.#replies = new ListenerReplies({ ...settings, counters: options.counters, peer: this.#peer });
    this.#cancelDeadline = settings.clock.schedule(settings.connectTimeoutMs, () =>
      this.#cutOff('the handshake took too long'),
    );
    socket.once('close', () => this.#gone());
    connection.on('connection_open', () => this.#opened());
    connection.on('connection_close', () => this.#closeSoon());
    connection.on('session_open', (context: EventContext) => context.session && this.#sessionOpen(context.session));
    connection.on('session_close', (context: EventContext) => context.session && this.#sessionGone(context.session));
    connection.on(
      'receiver_open',
      (context: EventContext) => context.receiver && this.#producerAttach(context.receiver),
    );
    connection.on('sender_open', (context: EventContext) => context.sender && this.#consumerAttach(context.sender));
    connection.on('sender_close', (context: EventContext) => context.sender && this.#replies.linkGone(context.sender));
    connection.on(
      'receiver_close',
      (context: EventContext) => context.receiver && this.#producerGone(context.receiver),
    );
  }

  /** After rhea listens to the socket: refuses a frame larger than we announced before its bytes are gathered (G19). */
  guard(): void {
    const { socket, connection, settings } = this.#o;
    socket.on('data', () => {
      if ((connection.frame_size ?? 0) > settings.maxFrameBytes) this.#cutOff('a frame is larger than max-frame-size');
    });
  }

  /** No more credit, waits for what is in hand, closes with a reason. */
  async stop(description: string): Promise<void> {
    const { settings, connection, socket } = this.#o;
    this.#stopping = true;
    const intakes: LinkIntake[] = [...this.#sessions.values()].flatMap((session) => [...session.intakes.intakes]);
    for (const intake of intakes) intake.stop();
    await within(Promise.all(intakes.map((intake) => intake.idle())), settings.drainMs, settings.clock);
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#mode === 'GONE') return;
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    connection.close({ condition: 'amqp:connection:forced', description });
    await within(closed, CLOSE_GRACE_MS, settings.clock);
    if (!socket.destroyed) socket.destroy();
  }

  #opened(): void {
    this.#mode = 'OPEN';
    this.#cancelDeadline();
    const container = String(this.#o.connection.container_id ?? '').slice(0, 120);
    this.#o.settings.log.info({ peer: this.#peer, container }, 'AMQP client connected');
  }

  #gone(): void {
    if (this.#mode === 'GONE') return;
    this.#mode = 'GONE';
    this.#cancelDeadline();
    for (const session of [...this.#sessions.keys()]) this.#sessionGone(session);
    clearHeartbeats(this.#o.connection);
    this.#o.onGone();
  }

  #closeSoon(): void {
    const { settings, socket } = this.#o;
    for (const session of [...this.#sessions.keys()]) this.#sessionGone(session);
    settings.clock.schedule(CLOSE_GRACE_MS, () => socket.destroy());
  }

  #cutOff(reason: string): void {
    if (this.#mode === 'GONE') return;
    this.#o.settings.log.warn({ peer: this.#peer, reason }, 'AMQP client cut off');
    this.#o.socket.destroy();
  }

  #sessionOpen(session: Session): void {
    if (this.#sessions.size >= this.#o.sessionsMax) {
      this.#o.connection.close({
        condition: 'amqp:resource-limit-exceeded',
        description: 'Too many sessions on one connection',
      });
      return;
    }
    const inner = sessionOf(session);
    const open: OpenSession = {
      intakes: new IntakeSession(inner, this.#o.counters),
      leave: new Map(),
      coordinators: new Set(),
    };
    this.#sessions.set(session, open);
    tapAttaches(inner, (frame) => {
      if (isCoordinator(frame)) {
        open.coordinators.add(frame.performative.name);
        // rhea knows no coordinators and would write a warning to the console.
        frame.performative.target = null;
      }
      if (Object.keys(inner.links).length >= this.#o.linksMax) this.#cutOff('too many links on one session');
    });
  }

  #sessionGone(session: Session): void {
    const open = this.#sessions.get(session);
    if (open === undefined) return;
    this.#sessions.delete(session);
    this.#replies.sessionGone(session);
    open.intakes.end();
    for (const leave of open.leave.values()) leave();
  }

  #producerGone(receiver: Receiver): void {
    this.#replies.linkGone(receiver);
    const open = this.#sessions.get(receiver.session);
    if (open === undefined) return;
    open.leave.get(receiver)?.();
    open.leave.delete(receiver);
    open.intakes.forget(receiverOf(receiver));
  }

  #consumerAttach(sender: Sender): void {
    const refusal = this.#replies.consume(sender);
    if (refusal !== undefined) this.#refuse(sender, refusal);
  }

  #producerAttach(receiver: Receiver): void {
    const open = this.#sessions.get(receiver.session);
    if (open === undefined) return;
    const isCoordinatorLink = open.coordinators.delete(receiver.name);
    if (!isCoordinatorLink && receiver.target?.dynamic === true) {
      const refusal = this.#replies.temporary(receiver);
      if (refusal !== undefined) this.#refuse(receiver, refusal);
      return;
    }
    const admitted = this.#admit(receiver, isCoordinatorLink);
    if (!('origin' in admitted)) {
      this.#refuse(receiver, admitted);
      return;
    }
    const identity = JSON.stringify([this.#o.connection.container_id, receiver.name]);
    const producer: Producer = { peer: this.#peer, identity, close: (error) => this.#closeLink(receiver, error) };
    const { sourceId } = admitted.origin;
    const locked = this.#o.producers.admit(sourceId, admitted.producers, producer);
    if (locked !== undefined) {
      this.#refuse(receiver, locked);
      return;
    }
    const intake = open.intakes.open({
      origin: admitted.origin,
      credit: admitted.credit,
      receiver: receiverOf(receiver),
      settings: this.#o.settings,
      preSettled: 'refuse',
      renewal: 'settled',
      replies: this.#replies,
      onGivenBack: () => this.#closeLink(receiver, GIVEN_BACK),
      onViolation: (error) => this.#closeLink(receiver, error),
    });
    open.leave.set(receiver, () => {
      intake.end();
      this.#o.producers.leave(sourceId, producer);
    });
    this.#reply(receiver);
    intake.begin();
    this.#o.settings.log.info({ peer: this.#peer, sourceId }, 'AMQP producer attached');
  }

  #admit(receiver: Receiver, isCoordinatorLink: boolean): Exclude<Resolution, { refuse: string }> | LinkError {
    if (this.#stopping) {
      return { condition: 'amqp:link:detach-forced', description: 'The listener is stopping; connect again later' };
    }
    if (isCoordinatorLink) {
      return {
        condition: 'amqp:not-implemented',
        description:
          'Transactions are not supported; use an auto-acknowledge session, every message is stored before it is accepted',
      };
    }
    const address = receiver.target?.address;
    if (typeof address !== 'string' || address === '') {
      return {
        condition: 'amqp:not-implemented',
        description: 'A link without an address is not supported; create the producer for a named queue',
      };
    }
    if (receiver.snd_settle_mode === 1) {
      return {
        condition: 'amqp:not-implemented',
        description:
          'Pre-settled sending is not supported: messages are accepted only once they are stored; send them unsettled',
      };
    }
    const resolution = this.#o.resolve(address);
    if ('refuse' in resolution) return { condition: resolution.refuse, description: resolution.description };
    return resolution;
  }

  /** The attach reply names what was agreed; a reply without a target would read as a refusal. */
  #reply(receiver: Receiver): void {
    const { target, source } = receiver;
    receiver.set_target({
      address: target.address,
      durable: target.durable ?? 0,
      expiry_policy: target.expiry_policy ?? 'session-end',
    });
    receiver.set_source({ address: source?.address ?? '' });
  }

  /** As the protocol has it: an attach without a terminus of its own, then a detach that says why. */
  #refuse(link: Receiver | Sender, error: LinkError): void {
    this.#o.settings.log.warn({ peer: this.#peer, ...error }, 'AMQP link refused');
    link.close({ condition: error.condition, description: error.description });
  }

  /** We close a link that was open. Its intake stays until the client's detach and swallows what is under way. */
  #closeLink(receiver: Receiver, error: LinkError): void {
    this.#o.settings.log.warn({ peer: this.#peer, ...error }, 'AMQP link closed');
    const open = this.#sessions.get(receiver.session);
    open?.leave.get(receiver)?.();
    open?.leave.delete(receiver);
    receiver.close({ condition: error.condition, description: error.description });
  }
}

function isCoordinator(frame: AttachFrame): boolean {
  const descriptor: unknown = frame.performative.target?.descriptor?.value;
  return descriptor === COORDINATOR || descriptor === COORDINATOR_SYMBOL;
}
