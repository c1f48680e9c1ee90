/**
 * Which control id bytes go out under (G14). Bytes that differ from what went out before get a new one, because a
 * laboratory that knows the old one would answer AA and do nothing; equal bytes keep theirs.
 */
import type { PayloadFormat } from '@inorder/core';
import { parseHl7 } from '@inorder/hl7';

export interface Identified {
  readonly payload: Uint8Array;
  readonly controlId: string;
}

/** `before`: what was or may have been sent of this number; null = nothing. `suffix` tells this repair or replay from others. */
export function identify(
  format: PayloadFormat,
  now: Identified,
  before: Identified | null,
  suffix: string,
): Identified {
  if (before === null) return now;
  // Both written anew, so that line ends and a missing last one make no difference.
  const then = withControlId(format, before.payload, before.controlId);
  if (Buffer.compare(withControlId(format, now.payload, before.controlId), then) === 0) return before;
  // MSH-10 holds 20 characters in the versions we send.
  const controlId = `${now.controlId.slice(0, CONTROL_ID_MAX - SUFFIX_LENGTH - 1)}R${suffix.slice(-SUFFIX_LENGTH)}`;
  return { payload: withControlId(format, now.payload, controlId), controlId };
}

const CONTROL_ID_MAX = 20;
const SUFFIX_LENGTH = 5;

/** FHIR carries its key in the request, not in the bytes. Bytes that do not parse any more go out as they are. */
function withControlId(format: PayloadFormat, payload: Uint8Array, controlId: string): Uint8Array {
  if (format !== 'HL7V2') return payload;
  const parsed = parseHl7(payload);
  if (!parsed.ok) return payload;
  parsed.message.set('MSH-10', controlId);
  return parsed.message.toBytes();
}
