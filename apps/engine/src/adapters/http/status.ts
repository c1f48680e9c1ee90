/** What an HTTP status means for our message; a table, after "Failure classes" of docs/spec/guarantees.md. */
import type { ErrorCode } from '@inorder/core';

export type StatusVerdict =
  | { readonly ok: true; readonly byDuplicate: boolean }
  | { readonly ok: false; readonly code: ErrorCode };

const CODES: ReadonlyMap<number, ErrorCode> = new Map([
  ...[400, 413, 415, 422].map((status) => [status, 'HTTP_REFUSED'] as const),
  ...[401, 403, 404, 405, 407, 502, 503].map((status) => [status, 'HTTP_UNAVAILABLE'] as const),
  ...[408, 500, 504].map((status) => [status, 'HTTP_AMBIGUOUS'] as const),
  ...[409, 425, 429].map((status) => [status, 'HTTP_RETRY'] as const),
]);

/**
 * `possibleDuplicate`: a copy may have arrived before. Only then do 409 and 412 say that our key is known already; on a
 * first send they speak of something else.
 */
export function judgeStatus(status: number, possibleDuplicate: boolean): StatusVerdict {
  if (status >= 200 && status < 300) return { ok: true, byDuplicate: false };
  if (possibleDuplicate && (status === 409 || status === 412)) return { ok: true, byDuplicate: true };
  return { ok: false, code: CODES.get(status) ?? 'HTTP_UNEXPECTED' };
}
