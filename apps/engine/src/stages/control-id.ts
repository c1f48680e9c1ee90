/** Another control id for bytes that differ from what went out under the old one (G14). */
import type { PayloadFormat } from '@inorder/core';
import { parseHl7 } from '@inorder/hl7';

/** FHIR carries its key in the request, not in the bytes. Bytes that do not parse any more go out as they are. */
export function deliverWithControlId(format: PayloadFormat, payload: Uint8Array, controlId: string): Uint8Array {
  if (format !== 'HL7V2') return payload;
  const parsed = parseHl7(payload);
  if (!parsed.ok) return payload;
  parsed.message.set('MSH-10', controlId);
  return parsed.message.toBytes();
}
