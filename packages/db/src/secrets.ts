/**
 * Secrets of connections and destinations (G22): cut out of the document before it is stored, encrypted under a key
 * that never is in the database, and put back only for the process that opens the wire. What stays in the document is
 * the placeholder, so the stored document *is* what an export shows, and applying an export keeps what is stored.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { ConnectionDocument, DestinationDocument } from '@inorder/shared';

/** Stands where a secret was. Applied again, it means "the one that is stored". */
export const KEPT_SECRET = '(kept secret)';

type SecretDocument = ConnectionDocument | DestinationDocument;

/** Place in the document (`password`, `tls.key`, `headers.Authorization`) → the secret. */
export type Secrets = Readonly<Record<string, string>>;

/** @throws RangeError unless INORDER_SECRET_KEY is 32 bytes, written as 64 hex digits or in base64. */
export function parseSecretKey(text: string): Uint8Array {
  const bytes = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  if (bytes.length !== 32) throw new RangeError('INORDER_SECRET_KEY must be 32 bytes as hex or base64');
  return bytes;
}

/** Cuts the secrets out. A place that already holds the placeholder is left, and is no secret. */
export function splitSecrets<T extends SecretDocument>(
  document: T,
): { readonly document: T; readonly secrets: Secrets } {
  const secrets: Record<string, string> = {};
  const shown = mapSecrets(document, (place, value) => {
    if (value !== KEPT_SECRET) secrets[place] = value;
    return KEPT_SECRET;
  });
  return { document: shown, secrets };
}

/** Puts the secrets back. @throws when a place holds the placeholder and no secret is stored for it. */
export function joinSecrets<T extends SecretDocument>(document: T, secrets: Secrets): T {
  return mapSecrets(document, (place, value) => {
    if (value !== KEPT_SECRET) return value;
    const secret = secrets[place];
    if (secret === undefined) throw new Error(`no secret is stored for ${place}`);
    return secret;
  });
}

/** Places of the document that hold the placeholder. */
export function keptPlaces(document: SecretDocument): string[] {
  const places: string[] = [];
  mapSecrets(document, (place, value) => {
    if (value === KEPT_SECRET) places.push(place);
    return value;
  });
  return places;
}

/** The one list of what is secret. */
function mapSecrets<T extends SecretDocument>(document: T, change: (place: string, value: string) => string): T {
  const copy = structuredClone(document);
  if ('password' in copy && copy.password !== undefined) copy.password = change('password', copy.password);
  if ('tls' in copy && copy.tls?.key !== undefined) copy.tls.key = change('tls.key', copy.tls.key);
  if ('headers' in copy) {
    for (const [header, value] of Object.entries(copy.headers)) {
      copy.headers[header] = change(`headers.${header}`, value);
    }
  }
  return copy;
}

const VERSION = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * AES-256-GCM: version byte, 12 bytes IV, 16 bytes tag, cipher text. `owner` is the row's id and is authenticated, so a
 * cipher text copied to another row does not open.
 * @returns null when there is nothing to keep.
 */
export function sealSecrets(secrets: Secrets, owner: string, secretKey: Uint8Array): Buffer | null {
  if (Object.keys(secrets).length === 0) return null;
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', keyOf(secretKey), iv).setAAD(Buffer.from(owner));
  const text = Buffer.concat([cipher.update(JSON.stringify(secrets), 'utf8'), cipher.final()]);
  return Buffer.concat([Buffer.from([VERSION]), iv, cipher.getAuthTag(), text]);
}

/** @throws when the key is another one, or the bytes were changed or belong to another row. */
export function openSecrets(sealed: Uint8Array | null, owner: string, secretKey: Uint8Array): Secrets {
  if (sealed === null) return {};
  const bytes = Buffer.from(sealed);
  if (bytes[0] !== VERSION || bytes.length < 1 + IV_BYTES + TAG_BYTES)
    throw new Error(`secrets of ${owner} have an unknown form`);
  const decipher = createDecipheriv('aes-256-gcm', keyOf(secretKey), bytes.subarray(1, 1 + IV_BYTES))
    .setAAD(Buffer.from(owner))
    .setAuthTag(bytes.subarray(1 + IV_BYTES, 1 + IV_BYTES + TAG_BYTES));
  try {
    const text = Buffer.concat([decipher.update(bytes.subarray(1 + IV_BYTES + TAG_BYTES)), decipher.final()]);
    // Our own writing, authenticated: the shape is what sealSecrets was given.
    return JSON.parse(text.toString('utf8')) as Secrets;
  } catch (cause) {
    throw new Error(`secrets of ${owner} do not open: INORDER_SECRET_KEY is another one, or they were changed`, {
      cause,
    });
  }
}

function keyOf(secretKey: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', secretKey, new Uint8Array(0), 'inorder wire secrets', 32));
}
