/** HL7 v2 and FHIR as the stages, the destinations, the console and the simulator need them. Never throws for bytes. */
export * from './ack.ts';
export type { Charset } from './charset.ts';
export { decodeText, encodeText } from './charset.ts';
export * from './display.ts';
export type { Delimiters } from './escape.ts';
export * from './fhir.ts';
export { joinSegments, splitSegments, unframe } from './framing.ts';
export { isObject, type JsonObject, type JsonValue } from './json.ts';
export { fieldName, SEGMENT_NAMES } from './names.ts';
export * from './orders.ts';
export * from './parse.ts';
export * from './path.ts';
export { messageType, type OrderRules, validateOrder } from './validate.ts';
