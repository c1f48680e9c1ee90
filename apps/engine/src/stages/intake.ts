/** What ingest hands to the stages of its own instance, with the payload still at hand. */

import type { InterfaceId, MessageId, PayloadFormat, SequenceNo } from '@inorder/core';
import type { Identified } from './control-id.ts';

/** A numbered message on its way through the stages. */
export interface StagedMessage {
  readonly messageId: MessageId;
  readonly interfaceId: InterfaceId;
  readonly sequenceNo: SequenceNo;
  /** Revision of the interface it was stamped with. */
  readonly revision: number;
  readonly format: PayloadFormat;
  readonly raw: Uint8Array;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
  /** What was or may have been sent of it, where it goes through the stages once more (G14). */
  readonly before?: Identified | null;
}

export interface StageIntake {
  /** Takes messages whose `stage_claim` row `claimId` has been committed for this instance. */
  received(messages: readonly StagedMessage[], claimId: string): void;
  /** false: the backlog is full (G19). What is stored meanwhile without a claim is found by the watchdog. */
  hasRoom(): boolean;
  /** Resolves once there is room; also when the stages stop. */
  whenRoom(): Promise<void>;
}
