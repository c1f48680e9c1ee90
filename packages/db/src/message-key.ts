import { createHmac, hkdfSync } from 'node:crypto';

/** What `message_key` can be searched by. */
export type KeyKind = 'PLACER' | 'FILLER' | 'MRN' | 'CONTROL';

/**
 * Keyed hash of a business key: HMAC-SHA256 under a key derived from INORDER_SECRET_KEY, first 16 bytes. The value
 * itself is stored nowhere but in the payload (G18).
 */
export function messageKeyHasher(secretKey: Uint8Array): (kind: KeyKind, value: string) => Buffer {
  const key = Buffer.from(hkdfSync('sha256', secretKey, new Uint8Array(0), 'inorder message key', 32));
  return (kind, value) => createHmac('sha256', key).update(`${kind}:${value.trim()}`).digest().subarray(0, 16);
}
