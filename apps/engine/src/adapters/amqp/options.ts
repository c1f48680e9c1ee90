/** What both ways in have in common: types that this folder shows to the engine. */
import type {
  Clock,
  Disposition,
  ErrorCode,
  InboundHandler,
  InboundOrigin,
  SourceId,
  SourceStatus,
} from '@inorder/core';

/** Pino-shaped: object first, constant message. */
export interface AmqpLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Why a message cannot become an `InboundMessage`; its id where that much could be read. */
export interface Refusal {
  readonly code: Extract<ErrorCode, 'INGEST_BODY_KIND' | 'INGEST_TOO_LARGE'>;
  /** One sentence without patient data. */
  readonly description: string;
  readonly jmsMessageId: string | null;
}

/** A message that cannot become an `InboundMessage` (G2: it is stored in `ingest_reject` before it is rejected). */
export interface RefusedMessage extends Refusal {
  readonly sourceId: SourceId;
  /** As of an `InboundMessage`: the disposition is to carry a receipt. */
  readonly wantsReceipt?: boolean;
  /** The encoded AMQP message; null where it was larger than `maxMessageBytes` and was never kept. Payload store only (G18). */
  readonly encoded: Uint8Array | null;
}

/** What a link address leads to. `refuse` is an AMQP condition, `amqp:not-found` for an address nobody knows. */
export type Resolution =
  | { readonly origin: InboundOrigin; readonly credit: number; readonly producers: 'one' | 'many' }
  | { readonly refuse: string; readonly description: string };

export interface InboundOptions {
  readonly handler: InboundHandler;
  /**
   * Called instead of `handler` for a message that cannot be read, in the same order. Its disposition is what the peer
   * is told: `reject` once stored, `release` while Postgres is away. Left out: rejected at once. Never rejects.
   */
  readonly onRefused?: (refused: RefusedMessage) => Promise<Disposition>;
  readonly onStatus?: (status: SourceStatus) => void;
  readonly log: AmqpLog;
  readonly clock: Clock;
  /** How we introduce ourselves on the wire. Default `inorder`. */
  readonly containerId?: string;
  /** Largest encoded message; announced to the peer. Default 10 MiB of body and 64 KiB of envelope. */
  readonly maxMessageBytes?: number;
  /** No new credit for a source while more than this is unsettled there. Default 64 MiB (G19). */
  readonly unsettledBytesMax?: number;
  /** The peer is told to speak at least this often, and is given up after twice as long. Default 15,000. */
  readonly idleTimeOutMs?: number;
  /** Largest frame we take. Default 65,536. */
  readonly maxFrameBytes?: number;
  /** From TCP connect to AMQP open. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** How long a stop waits for messages in hand. Default 5,000. */
  readonly drainMs?: number;
}

export const AMQP_DEFAULTS = {
  containerId: 'inorder',
  maxMessageBytes: 10 * 1024 * 1024 + 64 * 1024,
  unsettledBytesMax: 64 * 1024 * 1024,
  idleTimeOutMs: 15_000,
  maxFrameBytes: 65_536,
  connectTimeoutMs: 10_000,
  drainMs: 5_000,
} as const;

/** A session holds 2,048 deliveries in a ring that is freed from its oldest end only (amqp/rhea #452). */
export const CREDIT_MAX = 2_000;

/** Counters for people and metrics; they only grow. */
export interface AmqpCounters {
  received: number;
  accepted: number;
  released: number;
  rejected: number;
  /** Outcomes that came after their link, session or connection was gone; nobody was told (G1: the peer sends it again). */
  stale: number;
  /** Messages the peer had settled before we could store them. */
  preSettled: number;
  /** Transfers beyond the credit given. */
  overCredit: number;
  /** Replies to JMSReplyTo that were written, and those that could not be: no such address, no credit, too late. */
  replies: number;
  repliesLost: number;
}

export function newCounters(): AmqpCounters {
  return {
    received: 0,
    accepted: 0,
    released: 0,
    rejected: 0,
    stale: 0,
    preSettled: 0,
    overCredit: 0,
    replies: 0,
    repliesLost: 0,
  };
}

export type InboundSettings = Required<Omit<InboundOptions, 'onRefused' | 'onStatus'>> &
  Pick<InboundOptions, 'onRefused' | 'onStatus'>;

export function withDefaults(options: InboundOptions): InboundSettings {
  return { ...AMQP_DEFAULTS, ...options };
}
