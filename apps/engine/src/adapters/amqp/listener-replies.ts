/**
 * Replies to JMSReplyTo at our own listener. A client may consume two kinds of address, both of its own connection and
 * nobody else's: one that we make up for it (a JMS temporary queue, or a dynamic source), and one that begins with
 * `replies/`. Nothing but replies to what that connection sent ever comes out of them.
 *
 * A box: WAITING (no consumer: replies are kept for a temporary address, dropped for a named one, which then has no box)
 * ⇄ READ (its one consumer gives credit). It ends with the link that made it.
 */
import { randomBytes } from 'node:crypto';
import type { Clock, Receipt } from '@inorder/core';
import type { Receiver, Sender, Session } from 'rhea';
import type { AmqpCounters, AmqpLog } from './options.ts';
import type { LinkError } from './producers.ts';
import { ReplyQueue, type ReplyRequest, ReplyRoom, type ReplySink, replyMessage } from './replies.ts';
import { senderOf } from './rhea-internals.ts';

/** What the name of a reply address begins with, temporary ones too. */
const REPLY_ADDRESS_PREFIX = 'replies/';
const BOXES_MAX = 64;
const SETTLED = 1;

export interface ListenerRepliesOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly counters: AmqpCounters;
  readonly log: AmqpLog;
  readonly peer: string;
}

interface Box {
  readonly address: string;
  /** The link whose end is the end of the box: a temporary queue's own, else the consumer's. */
  readonly owner: Receiver | Sender;
  readonly queue: ReplyQueue;
  consumer: Sender | undefined;
}

export class ListenerReplies implements ReplySink {
  readonly #o: ListenerRepliesOptions;
  readonly #boxes = new Map<string, Box>();
  readonly #room = new ReplyRoom();
  #warned = false;

  constructor(options: ListenerRepliesOptions) {
    this.#o = options;
  }

  offer(request: ReplyRequest, receipt: Receipt): void {
    const box = this.#boxes.get(request.to);
    if (box !== undefined) {
      box.queue.offer(replyMessage(request, receipt));
      return;
    }
    this.#o.counters.repliesLost += 1;
    if (this.#warned) return;
    this.#warned = true;
    this.#o.log.warn(
      { peer: this.#o.peer, replyTo: request.to.slice(0, 200) },
      'AMQP reply not delivered: nobody on this connection reads its address; said once a connection',
    );
  }

  /** A link with a dynamic target: how a JMS client makes a temporary queue. It carries nothing. @returns why not. */
  temporary(receiver: Receiver): LinkError | undefined {
    const made = this.#make(newAddress(), receiver);
    if ('condition' in made) return made;
    const { expiry_policy } = receiver.target;
    receiver.set_target({
      address: made.address,
      dynamic: true,
      durable: 0,
      expiry_policy: expiry_policy ?? 'link-detach',
    });
    receiver.set_source({ address: receiver.source?.address ?? '' });
    return undefined;
  }

  /** A consumer. @returns why not. */
  consume(sender: Sender): LinkError | undefined {
    const { address, dynamic, distribution_mode } = sender.source ?? {};
    if (distribution_mode === 'copy') {
      return {
        condition: 'amqp:not-implemented',
        description: 'Browsing is not supported; there are only replies here',
      };
    }
    const wanted = dynamic === true ? newAddress() : String(address ?? '');
    const known = this.#boxes.get(wanted);
    if (known === undefined && !wanted.startsWith(REPLY_ADDRESS_PREFIX)) {
      return {
        condition: 'amqp:not-allowed',
        description: `This listener only takes messages in; what can be consumed here is replies to what this connection sends: from a temporary queue, or from an address that begins with "${REPLY_ADDRESS_PREFIX}"`,
      };
    }
    if (known?.consumer !== undefined) {
      return { condition: 'amqp:resource-locked', description: 'This reply address has a consumer already' };
    }
    const box = known ?? this.#make(wanted, sender);
    if ('condition' in box) return box;
    box.consumer = sender;
    senderOf(sender).local.attach.snd_settle_mode = SETTLED;
    sender.set_source({ address: wanted, durable: 0, ...(dynamic === true ? { dynamic } : {}) });
    sender.set_target({ address: sender.target?.address ?? '' });
    box.queue.open(sender);
    return undefined;
  }

  /** A link of the client's is gone. */
  linkGone(link: Receiver | Sender): void {
    for (const box of this.#boxes.values()) {
      if (box.consumer === link) {
        box.queue.close();
        box.consumer = undefined;
      }
      if (box.owner === link) this.#end(box);
    }
  }

  sessionGone(session: Session): void {
    for (const box of this.#boxes.values()) {
      for (const link of [box.consumer, box.owner]) if (link?.session === session) this.linkGone(link);
    }
  }

  #make(address: string, owner: Receiver | Sender): Box | LinkError {
    if (this.#boxes.size >= BOXES_MAX) {
      return {
        condition: 'amqp:resource-limit-exceeded',
        description: `A connection has at most ${BOXES_MAX} reply addresses`,
      };
    }
    const { clock, counters } = this.#o;
    const box: Box = {
      address,
      owner,
      queue: new ReplyQueue({ room: this.#room, clock, counters, settled: true }),
      consumer: undefined,
    };
    this.#boxes.set(address, box);
    return box;
  }

  #end(box: Box): void {
    this.#boxes.delete(box.address);
    box.queue.end();
    box.consumer?.close({ condition: 'amqp:resource-deleted', description: 'The temporary queue was deleted' });
  }
}

/** Not to be guessed, though nobody but its connection could read it. */
function newAddress(): string {
  return `${REPLY_ADDRESS_PREFIX}${randomBytes(16).toString('hex')}`;
}
