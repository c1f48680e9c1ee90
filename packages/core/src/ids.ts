/**
 * Identifiers, branded so that one kind cannot be passed for another. They are parsed once, at the edge.
 * Source: docs/spec/names-and-numbers.md.
 */
declare const brand: unique symbol;
export type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** UUIDv7 of an interface (a configured flow from one source to the lab side). */
export type InterfaceId = Branded<string, 'InterfaceId'>;
/** What people, the CLI and URLs call an interface: `LAB-0042`. Unique, never changed. */
export type InterfaceCode = Branded<string, 'InterfaceCode'>;
/** UUIDv7 of one numbered message. */
export type MessageId = Branded<string, 'MessageId'>;
/** UUIDv7 of a JMS source (one queue on one connection). */
export type SourceId = Branded<string, 'SourceId'>;
/** UUIDv7 of a destination (one LIS endpoint). */
export type DestinationId = Branded<string, 'DestinationId'>;
/** UUIDv7 of a lane command; made by the client, so it is the idempotency key. */
export type CommandId = Branded<string, 'CommandId'>;
/** Name of one engine process, unique among those alive. */
export type InstanceId = Branded<string, 'InstanceId'>;
/** Gapless from 1 per interface, given at ingest. BIGINT in SQL; refused above 2^53 − 1. 0 means "none yet". */
export type SequenceNo = Branded<number, 'SequenceNo'>;
/** Fencing token of a shard lease; grows by one with every takeover. BIGINT in SQL. */
export type Epoch = Branded<number, 'Epoch'>;
/** 0–255, stored with the interface. */
export type Shard = Branded<number, 'Shard'>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const INTERFACE_CODE = /^[A-Z0-9][A-Z0-9-]{1,31}$/;

function uuid<T extends string>(kind: string): (text: string) => Branded<string, T> {
  return (text) => {
    const lower = text.toLowerCase();
    if (!UUID.test(lower)) throw new RangeError(`${kind} "${text.slice(0, 64)}" is not a UUID`);
    return lower as Branded<string, T>;
  };
}

export const interfaceId = uuid<'InterfaceId'>('interface_id');
export const messageId = uuid<'MessageId'>('message_id');
export const sourceId = uuid<'SourceId'>('source_id');
export const destinationId = uuid<'DestinationId'>('destination_id');
export const commandId = uuid<'CommandId'>('command id');

export function interfaceCode(text: string): InterfaceCode {
  if (!INTERFACE_CODE.test(text)) {
    throw new RangeError(`interface code "${text.slice(0, 64)}" must match ${INTERFACE_CODE.source}`);
  }
  return text as InterfaceCode;
}

export function instanceId(text: string): InstanceId {
  if (text.length === 0 || text.length > 128) throw new RangeError('instance name must be 1 to 128 characters');
  return text as InstanceId;
}

function wholeNumber<T extends number>(kind: string, min: number, max: number): (value: number | string) => T {
  return (value) => {
    const parsed = typeof value === 'string' ? Number(value) : value;
    if (!Number.isSafeInteger(parsed) || parsed < min || parsed > max) {
      throw new RangeError(`${kind} ${String(value).slice(0, 32)} must be a whole number from ${min} to ${max}`);
    }
    return parsed as T;
  };
}

/** Accepts node-postgres's text form of BIGINT as well, so that `int8` is parsed here and nowhere else. */
export const sequenceNo = wholeNumber<SequenceNo>('sequence_no', 0, Number.MAX_SAFE_INTEGER);
export const epoch = wholeNumber<Epoch>('epoch', 0, Number.MAX_SAFE_INTEGER);
export const shard = wholeNumber<Shard>('shard', 0, 255);

/** The number after `n`. */
export function nextSequenceNo(n: SequenceNo): SequenceNo {
  return sequenceNo(n + 1);
}

/** How many shards the interfaces are divided into. Never changed: the shard is stored with the interface. */
export const SHARD_COUNT = 256;

/**
 * Shard of an interface: FNV-1a over a salt of its own and the UUID's text. The salt serves nothing else, because
 * residues of one hash used twice are correlated.
 */
export function shardOf(id: InterfaceId): Shard {
  let hash = 0x811c9dc5;
  const text = `inorder-shard:${id}`;
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193) >>> 0;
  }
  // Fold the high bits in: the low byte of FNV-1a alone is weak for inputs that differ only near the end.
  return shard(((hash >>> 16) ^ hash) & 0xff);
}
