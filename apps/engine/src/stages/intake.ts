/** How ingest hands what it numbered on to the stages: to its own, with the payload still at hand, or to any others. */

import type { InterfaceId, MessageId, PayloadFormat, PipelineStage, SequenceNo } from '@inorder/core';
import type { Identified } from './control-id.ts';
import type { OfferedChunk } from './stage-queue.ts';

/** A numbered message on its way through the stages. */
export interface StagedMessage {
  readonly messageId: MessageId;
  readonly interfaceId: InterfaceId;
  readonly sequenceNo: SequenceNo;
  /** Revision of the interface it was stamped with. */
  readonly revision: number;
  readonly format: PayloadFormat;
  readonly raw: Uint8Array;
  /** What ENRICH made of it on another instance; null = `raw`. */
  readonly enriched: Uint8Array | null;
  /** The stage it comes to next. */
  readonly stage: PipelineStage;
  /** It was repaired or found again: it must see the configuration as it is now. */
  readonly fresh: boolean;
  /** Which run through the stages this is, from 1; a repair in place begins another. */
  readonly run: number;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
  /** What was or may have been sent of it, where it goes through the stages once more (G14). */
  readonly before?: Identified | null;
}

export interface StageIntake {
  /** true: this instance keeps the next batch for its own stages; else it is offered to whoever hosts the first one (G19). */
  keeps(): boolean;
  /** Takes messages whose `stage_claim` row `claimId` has been committed for this instance. */
  received(messages: readonly StagedMessage[], claimId: string): void;
  /** Tells of chunks that have been committed for nobody. */
  offered(chunks: readonly OfferedChunk[]): void;
  /** Resolves once the stages are not behind; also when they stop. At once where other instances can help. */
  whenRoom(): Promise<void>;
}
