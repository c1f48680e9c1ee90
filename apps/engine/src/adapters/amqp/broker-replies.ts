/**
 * Replies to JMSReplyTo on a broker: sent over the connection that the request was read from, hence to addresses of that
 * broker only. One session of its own, so that nothing here holds up a queue; in it one link for all addresses where the
 * broker offers that (ANONYMOUS-RELAY), else one an address, the least recently used given up first.
 *
 * Modes: AWAY (no connection: replies are dropped) ⇄ READY (the session is opened with the first reply).
 * A link: OPENING → OPEN → REFUSED (its address is not tried again for a while).
 */
import type { Clock, Receipt } from '@inorder/core';
import type { EventContext, Sender, Session } from 'rhea';
import type { AmqpCounters, AmqpLog } from './options.ts';
import { ReplyQueue, type ReplyRequest, ReplyRoom, type ReplySink, replyMessage } from './replies.ts';
import type { RheaConnection } from './rhea-internals.ts';

const LINKS_MAX = 64;
const REFUSED_FOR_MS = 10_000;
/** Addresses that a warning was written for, so that each is named once. */
const WARNED_MAX = 256;
const ANONYMOUS_RELAY = 'ANONYMOUS-RELAY';

export interface BrokerRepliesOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly counters: AmqpCounters;
  readonly log: AmqpLog;
  /** Queues that we read on this broker: a reply there would come back as an order. */
  readonly isSource: (address: string) => boolean;
}

interface ReplyLink {
  /** null: the one link for all. */
  readonly address: string | null;
  readonly sender: Sender;
  readonly queue: ReplyQueue;
  refusedUntilMs: number | undefined;
}

export class BrokerReplies implements ReplySink {
  readonly #o: BrokerRepliesOptions;
  readonly #warned = new Set<string>();
  /** In the order of last use; the anonymous link's key is the empty address, which no request has. */
  readonly #links = new Map<string, ReplyLink>();
  readonly #room = new ReplyRoom();
  #connection: RheaConnection | undefined;
  #session: Session | undefined;

  constructor(options: BrokerRepliesOptions) {
    this.#o = options;
  }

  connected(connection: RheaConnection): void {
    this.#connection = connection;
  }

  disconnected(): void {
    this.#connection = undefined;
    this.#session = undefined;
    for (const link of this.#links.values()) link.queue.end();
    this.#links.clear();
  }

  offer(request: ReplyRequest, receipt: Receipt): void {
    if (this.#o.isSource(request.to)) {
      this.#lost(request.to, 'it is a queue that orders are read from');
      return;
    }
    const link = this.#linkFor(request.to);
    if (link === undefined || link.refusedUntilMs !== undefined) this.#o.counters.repliesLost += 1;
    else link.queue.offer(replyMessage(request, receipt));
  }

  #linkFor(to: string): ReplyLink | undefined {
    const connection = this.#connection;
    if (connection === undefined || connection.is_closed()) return undefined;
    const key = offersRelay(connection) ? '' : to;
    let link = this.#links.get(key);
    if (link?.refusedUntilMs !== undefined && link.refusedUntilMs <= this.#o.clock.monotonicMs()) {
      this.#links.delete(key);
      link = undefined;
    }
    link ??= this.#open(connection, key);
    this.#links.delete(key);
    this.#links.set(key, link);
    const [oldest] = this.#links.keys();
    if (this.#links.size > LINKS_MAX && oldest !== undefined) this.#giveUp(oldest);
    return link;
  }

  #open(connection: RheaConnection, key: string): ReplyLink {
    const session = this.#session ?? this.#openSession(connection);
    // An address of null, not a missing target: that is the anonymous terminus.
    const target = key === '' ? {} : { address: key };
    const sender = session.open_sender({ target, ...{ treat_modified_as_released: false } });
    const queue = new ReplyQueue({ ...this.#o, room: this.#room, settled: false });
    const link: ReplyLink = { address: key === '' ? null : key, sender, queue, refusedUntilMs: undefined };
    sender.on('sender_open', () => {
      // An attach without a target is a refusal; its reason comes with the detach that follows.
      if (sender.target !== null && sender.target !== undefined) queue.open(sender);
    });
    sender.on('sender_error', () => this.#refused(link, wordsOf(sender.error)));
    sender.on('sender_close', () => this.#refused(link, 'the broker closed the link'));
    for (const outcome of ['rejected', 'released', 'modified']) {
      sender.on(outcome, ({ delivery }: EventContext) => {
        const error: unknown = delivery?.remote_state?.['error'];
        this.#lost(link.address ?? 'an address', error === undefined ? outcome : wordsOf(error));
      });
    }
    return link;
  }

  #openSession(connection: RheaConnection): Session {
    const session = connection.create_session();
    const ended = (): void => {
      if (this.#session !== session) return;
      this.#session = undefined;
      for (const link of [...this.#links.values()]) this.#refused(link, 'the broker ended the session');
    };
    session.on('session_error', ended);
    session.on('session_close', ended);
    session.begin();
    this.#session = session;
    return session;
  }

  /** The link stands for its address until it may be tried again, so that a refusal does not cost an attach a message. */
  #refused(link: ReplyLink, reason: string): void {
    if (link.refusedUntilMs !== undefined) return;
    link.refusedUntilMs = this.#o.clock.monotonicMs() + REFUSED_FOR_MS;
    link.queue.end();
    this.#warn(link.address ?? 'any address', reason);
  }

  #giveUp(key: string): void {
    const link = this.#links.get(key);
    this.#links.delete(key);
    if (link === undefined || link.refusedUntilMs !== undefined) return;
    link.refusedUntilMs = Number.POSITIVE_INFINITY;
    link.queue.end();
    link.sender.close();
  }

  #lost(address: string, reason: string): void {
    this.#o.counters.repliesLost += 1;
    this.#warn(address, reason);
  }

  #warn(address: string, reason: string): void {
    if (this.#warned.has(address) || this.#warned.size >= WARNED_MAX) return;
    this.#warned.add(address);
    this.#o.log.warn({ replyTo: address.slice(0, 200), reason }, 'AMQP reply not delivered; said once an address');
  }
}

function offersRelay(connection: RheaConnection): boolean {
  const offered: unknown = connection.remote.open?.offered_capabilities;
  return [offered].flat().includes(ANONYMOUS_RELAY);
}

function wordsOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'no reason given';
  const { condition, description } = error as { condition?: unknown; description?: unknown };
  return [condition, description]
    .filter((word) => typeof word === 'string')
    .join(' ')
    .slice(0, 300);
}
