/** What the stage steps share: the message they work on, and the outcomes they may give it. */
import type { Fault, PipelineStage, StageName } from '@inorder/core';
import type { FhirDocument, Hl7Document, OrderKey } from '@inorder/hl7';
import type { InterfaceDocument } from '@inorder/shared';

export interface StageInput {
  readonly messageId: string;
  readonly interfaceId: string;
  readonly sequenceNo: number;
  /** What the first of `stages` starts from. */
  readonly raw: Uint8Array;
  readonly document: InterfaceDocument;
  /** The stages to run here, in their order. */
  readonly stages: readonly PipelineStage[];
}

export interface CodeTarget {
  readonly target: string;
  readonly display: string;
  /** As table 0396 names it (`LN`), or a URI. */
  readonly targetSystem: string;
}

/** Look-ups without waiting: the caller has loaded the tables of the message's revision before. */
export interface CodeTables {
  /** undefined: the table does not know the code. */
  lookup(table: string, code: string): CodeTarget | undefined | 'TABLE_MISSING';
}

export type StageOutcome =
  | {
      readonly kind: 'PROCESSED';
      /** Name of the destination. */
      readonly destination: string;
      /** null: the bytes that came in are the bytes to deliver. */
      readonly processed: Uint8Array | null;
      readonly controlId: string;
      readonly keys: readonly OrderKey[];
    }
  | {
      readonly kind: 'FAILED';
      readonly stage: StageName;
      /** The dead letter's; the first of `faults`. */
      readonly fault: Fault;
      readonly faults: readonly Fault[];
      readonly controlId: string | null;
      readonly keys: readonly OrderKey[];
    }
  | {
      readonly kind: 'FILTERED';
      /** Name of the rule. */
      readonly rule: string;
      readonly controlId: string | null;
      readonly keys: readonly OrderKey[];
    };

/** What a run of some stages gives: an outcome, or the message as the next stage, which runs elsewhere, needs it. */
export type StageResult =
  | StageOutcome
  | {
      readonly kind: 'HANDED_ON';
      readonly next: PipelineStage;
      /** null: the bytes that the run started from. */
      readonly processed: Uint8Array | null;
    };

export type OrderDocument =
  | { readonly format: 'HL7V2'; readonly doc: Hl7Document }
  | { readonly format: 'FHIR_JSON'; readonly doc: FhirDocument };

/** A message on its way through the stages. `order` is null until it has been parsed. */
export interface StageContext {
  readonly input: StageInput;
  readonly tables: CodeTables;
  readonly order: OrderDocument | null;
  readonly controlId: string | null;
  readonly keys: readonly OrderKey[];
  /** Once it is there, later stages leave the message alone. */
  readonly outcome: StageOutcome | null;
}

export interface StageStep {
  readonly name: PipelineStage;
  run(context: StageContext): StageContext;
}

/** The context, ended FAILED. `faults` is not empty. */
export function failed(context: StageContext, stage: StageName, fault: Fault, faults = [fault]): StageContext {
  const { controlId, keys } = context;
  return { ...context, outcome: { kind: 'FAILED', stage, fault, faults, controlId, keys } };
}

/** The order as bytes; null where they are those it came in. */
export function changedBytes(order: OrderDocument, input: StageInput): Uint8Array | null {
  const bytes = order.doc.toBytes();
  return bytes.length === input.raw.length && Buffer.compare(bytes, input.raw) === 0 ? null : bytes;
}
