/**
 * What a sender that set JMSReplyTo is told of its message. The one place that decides the words; an adapter only carries
 * them. docs/operations/jms-clients.md describes them for the people who read the reply.
 */
import type { Disposition, ErrorCode, InboundMessage, InterfaceCode, Receipt, SequenceNo } from '@inorder/core';

/** Of one copy of a message. */
export interface ReceiptLine {
  readonly interfaceCode: InterfaceCode;
  /** null: the message was known already. Its number is not looked up for a hint. */
  readonly sequenceNo: SequenceNo | null;
}

/** Accepted, with a receipt where the sender asked for one. Called after the commit only (G1). */
export function accepted(
  message: Pick<InboundMessage, 'wantsReceipt'>,
  lines: () => readonly ReceiptLine[],
): Disposition {
  return message.wantsReceipt === true ? { kind: 'accept', receipt: storedReceipt(lines()) } : { kind: 'accept' };
}

/** Rejected, likewise. `description` is without patient data. Called once the message is kept in ingest_reject. */
export function rejected(
  message: Pick<InboundMessage, 'wantsReceipt'>,
  code: ErrorCode,
  description: string,
): Disposition {
  const disposition = { kind: 'reject', code, description } as const;
  return message.wantsReceipt === true ? { ...disposition, receipt: refusedReceipt(code, description) } : disposition;
}

function storedReceipt(lines: readonly ReceiptLine[]): Receipt {
  const numbers = lines.flatMap(({ interfaceCode, sequenceNo }) =>
    sequenceNo === null ? [] : [{ interface: interfaceCode, sequenceNo }],
  );
  const known = lines.filter((line) => line.sequenceNo === null).map((line) => line.interfaceCode);
  const outcome = numbers.length > 0 ? 'STORED' : 'DUPLICATE';
  const [first] = numbers;
  return {
    properties: {
      inorderOutcome: outcome,
      inorderInterface: lines.map((line) => line.interfaceCode).join(','),
      // With several interfaces a single number would be taken for the number of all.
      ...(lines.length === 1 && first !== undefined ? { inorderSequenceNo: first.sequenceNo } : {}),
    },
    text: JSON.stringify({ outcome, numbers, alreadyKnown: known }),
  };
}

function refusedReceipt(code: ErrorCode, reason: string): Receipt {
  const outcome = 'REFUSED';
  return {
    properties: { inorderOutcome: outcome, inorderErrorCode: code, inorderReason: reason },
    text: JSON.stringify({ outcome, code, reason }),
  };
}
