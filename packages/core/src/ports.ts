/**
 * What the engine needs of the outside, as types. Adapters implement them; a vendor library is known to one adapter
 * folder only. Times: `…At` are epoch milliseconds of the wall clock for people, `…Ms` are durations.
 */
import type { ErrorCode } from './codes.ts';
import type { Epoch, InterfaceCode, InterfaceId, MessageId, SequenceNo, SourceId } from './ids.ts';
import type { PayloadFormat } from './status.ts';

/** Over which link a message came: all that a link hands over stands under the one epoch it was opened under (G3). */
export interface InboundOrigin {
  readonly sourceId: SourceId;
  /** Of the source lease. A later lease of ours opens another link. */
  readonly sourceEpoch: Epoch;
}

/** One JMS message as it came in, before it has a number. */
export interface InboundMessage extends InboundOrigin {
  /** JMS message id as a string whatever its AMQP type was; null where the sender set none. */
  readonly jmsMessageId: string | null;
  readonly redelivered: boolean;
  /** Body bytes: the text of an amqp-value string in UTF-8, or the joined data sections. */
  readonly body: Uint8Array;
  /** The body was text (a JMS TextMessage), here in UTF-8; absent or false: bytes, as the sender wrote them. */
  readonly isText?: boolean;
  readonly contentType: string | null;
  /**
   * Application properties and JMSX ones (`JMSXGroupID`, `JMSXGroupSeq`, `JMSCorrelationID`, `JMSReplyTo`, `JMSType`).
   * 64-bit values outside ±2^53 and binary ones are strings.
   */
  readonly properties: Readonly<Record<string, string | number | boolean | null>>;
  /** The sender named a place for a reply (JMSReplyTo): the disposition is to carry a receipt. Absent: it did not. */
  readonly wantsReceipt?: boolean;
}

/**
 * The words of a reply to JMSReplyTo: a hint beside the disposition, never instead of it. Carries codes, numbers and
 * sentences of ours, no patient data (G18).
 */
export interface Receipt {
  /** JMS application properties; whole numbers go out as `long`. */
  readonly properties: Readonly<Record<string, string | number>>;
  /** The body of a TextMessage. */
  readonly text: string;
}

/**
 * What the peer is told of a message. `release` = have it back, try later, with all that came behind it: the link ends and
 * is opened anew. `reject` = never send it again.
 */
export type Disposition =
  | { readonly kind: 'accept'; readonly receipt?: Receipt }
  | { readonly kind: 'release' }
  | { readonly kind: 'reject'; readonly code: ErrorCode; readonly description: string; readonly receipt?: Receipt };

/**
 * Takes one message and settles it once it is stored for good (G1). Called in the order the peer handed them over; a
 * promise that resolves later does not hold up the call for the next. Releases what it was handed behind a message that it
 * releases; nothing is handed to it after that over the same link. Never rejects.
 */
export type InboundHandler = (message: InboundMessage) => Promise<Disposition>;

/** One open way in: a queue on a broker, or an address of our own listener. */
export interface SourceStatus {
  readonly sourceId: SourceId;
  readonly state: 'CONNECTING' | 'OPEN' | 'RETRYING' | 'CLOSED';
  readonly detail: string;
}

/** One order to hand to a laboratory system. */
export interface DeliveryRequest {
  readonly interfaceId: InterfaceId;
  readonly interfaceCode: InterfaceCode;
  readonly sequenceNo: SequenceNo;
  readonly messageId: MessageId;
  readonly epoch: Epoch;
  /** From 1 over all sends of this number. */
  readonly attempt: number;
  /** A copy may have arrived already (after a crash or an unknown outcome). */
  readonly possibleDuplicate: boolean;
  /** The late replay in whose name it is sent (G14); null: a send in order. */
  readonly replayId: string | null;
  /** MSH-10 of the bytes, or the FHIR message's key; what MSA-2 must echo. */
  readonly controlId: string;
  readonly format: PayloadFormat;
  readonly payload: Uint8Array;
}

/** What came of one send. The code's class decides what the lane does. */
export type DeliveryResult =
  | {
      readonly ok: true;
      /** The destination said it had the message already. */
      readonly byDuplicate: boolean;
      /** MSA-1 or the HTTP status, for the record. */
      readonly ackCode: string;
      readonly response: Uint8Array | null;
    }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      /** One sentence without patient data: host, port, status, MSA-1, ERR-3. */
      readonly detail: string;
      readonly ackCode: string | null;
      readonly response: Uint8Array | null;
    };

/** What `deliver` needs of an AbortSignal; core knows no platform types. */
export interface CancelSignal {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** One laboratory endpoint. */
export interface DestinationConnector {
  /**
   * Sends and waits for the answer, one at a time per interface; many interfaces share at most `connectionsMax`
   * connections. `signal` aborts: the connection is *reset*, never reused, and the result is ambiguous if bytes may
   * have left. Never rejects.
   */
  deliver(request: DeliveryRequest, signal: CancelSignal): Promise<DeliveryResult>;
  /** Closes idle connections and refuses new sends. */
  close(): Promise<void>;
}

/** Monotonic and wall time, so that tests can move both. */
export interface Clock {
  /** Milliseconds that never go back; meaningless between processes. */
  monotonicMs(): number;
  /** Milliseconds since 1970; for people. */
  wallMs(): number;
  /** Calls back once after `ms`; the returned function cancels. */
  schedule(ms: number, callback: () => void): () => void;
}
