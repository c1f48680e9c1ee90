/**
 * What ingest and the stages tell the lanes. Always after the commit that made it true: a lost call is found again by
 * the watchdog, an early one never.
 */
import type { DestinationId, ErrorCode, InterfaceId, MessageId, PayloadFormat, SequenceNo } from '@inorder/core';

/** A number was given and stored. */
export interface Numbered {
  readonly interfaceId: InterfaceId;
  readonly messageId: MessageId;
  readonly sequenceNo: SequenceNo;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
}

/** What the stages made of a message. */
export type StageEnd = {
  readonly interfaceId: InterfaceId;
  readonly messageId: MessageId;
  readonly sequenceNo: SequenceNo;
  /** Hex of the keyed hashes of its placer order numbers; for onFailure passWithOrder. */
  readonly placerKeys: readonly string[];
} & (
  | {
      readonly status: 'PROCESSED';
      readonly destinationId: DestinationId;
      readonly controlId: string;
      readonly format: PayloadFormat;
      /** The bytes to send; null = not at hand here, read them from message_payload when their turn comes. */
      readonly payload: Uint8Array | null;
    }
  | { readonly status: 'FAILED'; readonly code: ErrorCode }
  | { readonly status: 'FILTERED' }
);

export interface LaneInbox {
  /** In order per interface. */
  numbered(numbers: readonly Numbered[]): void;
  stageEnded(ends: readonly StageEnd[]): void;
}
