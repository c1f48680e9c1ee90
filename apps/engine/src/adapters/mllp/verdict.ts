/** What an acknowledgement for our message means; a table, after "Failure classes" of docs/spec/guarantees.md. */
import type { ErrorCode } from '@inorder/core';
import type { Ack } from './ack.ts';

export type Verdict =
  | { readonly ok: true; readonly byDuplicate: boolean }
  | { readonly ok: false; readonly code: ErrorCode };

/** HL7 table 0357: the message itself is at fault, sending it again cannot help. */
const CONTENT_ERRORS: readonly string[] = ['100', '101', '102', '103', '200', '201', '202', '203'];
/** HL7 table 0357: duplicate key identifier. */
const DUPLICATE_KEY = '205';

/**
 * `possibleDuplicate`: a copy may have arrived before. Only then does 205 tell that it did; on a first send the same
 * code says that another order has our number, and taking that for success would lose this one.
 */
export function judge(ack: Ack, possibleDuplicate: boolean): Verdict {
  if (ack.code === 'AA' || ack.code === 'CA') return { ok: true, byDuplicate: false };
  if (ack.errorCodes.some((code) => CONTENT_ERRORS.includes(code))) return { ok: false, code: 'MLLP_NACK_CONTENT' };
  if (possibleDuplicate && ack.errorCodes.includes(DUPLICATE_KEY)) return { ok: true, byDuplicate: true };
  return { ok: false, code: ack.code === 'AE' || ack.code === 'CE' ? 'MLLP_NACK_ERROR' : 'MLLP_NACK_REJECT' };
}
