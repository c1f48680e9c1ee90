/**
 * Every error Inorder can name. The class decides what happens; nothing ever looks at a message text.
 * `AREA_WHAT`, stable: screens, dead letters, dashboards and runbooks refer to them.
 * Source: docs/spec/guarantees.md, "Failure classes".
 */

/**
 * - permanent: dead-letter at once, pass.
 * - transient: 3 retries with back-off, then dead-letter, pass.
 * - endpoint: the lane waits, the breaker probes, no retry used.
 * - ambiguous: bytes may have arrived; unknown outcome (G8).
 * - infrastructure: wait, never counted.
 * - internal: a bug; as transient, then dead-letter, and someone is told.
 */
export type ErrorClass = 'permanent' | 'transient' | 'endpoint' | 'ambiguous' | 'infrastructure' | 'internal';

export interface ErrorCodeEntry {
  readonly class: ErrorClass;
  /** What happened, in the words of a lab integration analyst. No full stop. */
  readonly title: string;
  /** What the operator does about it. */
  readonly action: string;
}

export const ERROR_CODES = {
  // Ingest: an envelope that cannot be attributed or stored. Such messages are kept in ingest_reject.
  INGEST_NO_INTERFACE: {
    class: 'permanent',
    title: 'The message names no interface',
    action: 'Set the interface property on the message, or bind the queue to one interface',
  },
  INGEST_UNKNOWN_INTERFACE: {
    class: 'permanent',
    title: 'The message names an interface that does not exist',
    action: 'Create the interface or correct the property at the sender',
  },
  INGEST_INTERFACE_NOT_ALLOWED: {
    class: 'permanent',
    title: 'This source may not feed the interface the message names',
    action: 'Add the interface to the source, or correct the property at the sender',
  },
  INGEST_TOO_LARGE: {
    class: 'permanent',
    title: 'The message is larger than payloadBytesMax',
    action: 'Raise the limit or split the message at the sender',
  },
  INGEST_EMPTY: {
    class: 'permanent',
    title: 'The message has no body',
    action: 'Ask the sender; nothing can be delivered of it',
  },
  INGEST_BODY_KIND: {
    class: 'permanent',
    title: 'The body is neither text nor bytes',
    action: 'Send a JMS TextMessage or BytesMessage',
  },
  INGEST_MESSAGE_ID_REUSED: {
    class: 'permanent',
    title: 'One JMS message id came twice with different bytes',
    action: 'Both were numbered; ask the sender why ids repeat',
  },

  // HL7 v2
  HL7_NOT_PARSEABLE: {
    class: 'permanent',
    title: 'The text is not an HL7 v2 message',
    action: 'Look at the first bytes; correct it at the sender and replay',
  },
  HL7_MSH_FIELD_MISSING: {
    class: 'permanent',
    title: 'A header field that HL7 requires is empty',
    action: 'Correct MSH at the sender and replay',
  },
  HL7_ENCODING_CHARACTERS: {
    class: 'permanent',
    title: 'MSH-2 does not hold usable encoding characters',
    action: 'Correct MSH-2 at the sender and replay',
  },
  HL7_CHARSET: {
    class: 'permanent',
    title: 'The bytes do not fit the character set that MSH-18 names',
    action: 'Correct MSH-18 or the encoding at the sender',
  },
  HL7_MESSAGE_TYPE: {
    class: 'permanent',
    title: 'This message type is not an order that the interface accepts',
    action: 'Send it elsewhere, or add the type to the interface',
  },
  HL7_VERSION: {
    class: 'permanent',
    title: 'MSH-12 names a version that the interface does not accept',
    action: 'Correct MSH-12 or add the version to the interface',
  },
  HL7_PROCESSING_ID: {
    class: 'permanent',
    title: 'MSH-11 is not accepted here',
    action: 'Only production orders are accepted by default; set processingIds to accept others',
  },
  HL7_STRUCTURE: {
    class: 'permanent',
    title: 'A segment is missing, out of place or run together with another',
    action: 'Look at the segment named; correct it at the sender and replay',
  },
  HL7_FIELD_MISSING: {
    class: 'permanent',
    title: 'A required field is empty',
    action: 'Correct the field at the sender and replay',
  },
  HL7_FIELD_TABLE: {
    class: 'permanent',
    title: 'A field holds a value that its HL7 table does not know',
    action: 'Correct the value at the sender and replay',
  },
  HL7_BATCH: {
    class: 'permanent',
    title: 'A batch (FHS or BHS) came as one message',
    action: 'Send one order per message',
  },

  // FHIR
  FHIR_NOT_PARSEABLE: {
    class: 'permanent',
    title: 'The text is not a FHIR resource in JSON',
    action: 'Correct it at the sender and replay',
  },
  FHIR_RESOURCE_TYPE: {
    class: 'permanent',
    title: 'This resource is not an order that the interface accepts',
    action: 'Send a ServiceRequest, or a Bundle that holds one',
  },
  FHIR_ELEMENT_MISSING: {
    class: 'permanent',
    title: 'A required element is missing',
    action: 'Correct the element at the sender and replay',
  },
  FHIR_VALUE: {
    class: 'permanent',
    title: 'An element holds a value that its value set does not know',
    action: 'Correct the value at the sender and replay',
  },

  // Enrichment
  ENRICH_CODE_UNKNOWN: {
    class: 'permanent',
    title: 'The code table does not know this code',
    action: 'Add the code to the table, then replay',
  },
  ENRICH_TABLE_MISSING: {
    class: 'permanent',
    title: 'The interface names a code table that does not exist',
    action: 'Create the code table or correct the interface, then replay',
  },
  ENRICH_LOOKUP_DOWN: {
    class: 'endpoint',
    title: 'The look-up service does not answer',
    action: 'Nothing is lost; the message waits for the service',
  },

  // Routing
  ROUTE_NONE: {
    class: 'permanent',
    title: 'No routing rule fits the message',
    action: 'Add a rule or a filter, then replay',
  },
  ROUTE_DESTINATION_MISSING: {
    class: 'permanent',
    title: 'The routing rule names a destination that does not exist',
    action: 'Create the destination or correct the rule, then replay',
  },

  // Stages as such
  STAGE_TIME_LIMIT: {
    class: 'internal',
    title: 'The message took longer than stageTimeLimitMs in a stage',
    action: 'Replay it; if it happens again, report it with the message',
  },
  STAGE_CRASHED: {
    class: 'internal',
    title: 'The message stopped the worker that handled it',
    action: 'Replay it; if it happens again, report it with the message',
  },
  STAGE_PROCESS_DIED: {
    class: 'internal',
    title: 'Processes died, one after the other, while they had the message alone',
    action: 'Report it with the message; replay it only when the cause is known, for it may end the next process',
  },
  STAGE_FAILED: {
    class: 'internal',
    title: 'A stage failed in a way it does not know',
    action: 'Report it with the detail shown',
  },

  // Lane
  LANE_DEPENDS_ON: {
    class: 'permanent',
    title: 'An earlier message of the same placer order failed',
    action: 'Repair the earlier one and replay both in order',
  },
  LANE_NO_ANSWER_SUSPECT: {
    class: 'permanent',
    title: 'The destination answers others but never this message; it may have been delivered',
    action: 'Ask the laboratory whether it arrived before you replay it',
  },
  LANE_DEAD_LETTERED_BY_OPERATOR: {
    class: 'permanent',
    title: 'An operator gave the message up; it may have been delivered',
    action: 'See the reason in the audit',
  },
  LANE_SKIPPED: { class: 'permanent', title: 'An operator skipped the message', action: 'See the reason in the audit' },

  // MLLP
  MLLP_CONNECT: {
    class: 'endpoint',
    title: 'Could not connect to the laboratory system',
    action: 'Nothing is lost; check host, port and the system itself',
  },
  MLLP_DNS: {
    class: 'endpoint',
    title: 'The host name of the laboratory system is not known',
    action: 'Correct the host name; nothing is lost',
  },
  MLLP_TLS: {
    class: 'endpoint',
    title: 'The TLS handshake with the laboratory system failed',
    action: 'Check certificates on both sides; nothing is lost',
  },
  MLLP_ACK_TIMEOUT: {
    class: 'ambiguous',
    title: 'No acknowledgement within ackTimeoutMs',
    action: 'It is sent again with the same control id; ask the laboratory if it goes on',
  },
  MLLP_CONNECTION_LOST: {
    class: 'ambiguous',
    title: 'The connection broke after the message was sent',
    action: 'It is sent again with the same control id',
  },
  MLLP_ACK_MISMATCH: {
    class: 'ambiguous',
    title: 'The acknowledgement is for another message (MSA-2)',
    action: 'It is sent again; ask the laboratory to check its acknowledgements',
  },
  MLLP_ACK_JUNK: {
    class: 'ambiguous',
    title: 'The answer is not an acknowledgement',
    action: 'It is sent again; look at the bytes that came back',
  },
  MLLP_ACK_TOO_LARGE: {
    class: 'ambiguous',
    title: 'The answer is longer than ackBytesMax',
    action: 'Look at the bytes that came back',
  },
  MLLP_NACK_ERROR: {
    class: 'transient',
    title: 'The laboratory system answered AE or CE',
    action: 'Look at ERR and MSA-3 in the answer; correct and replay',
  },
  MLLP_NACK_REJECT: {
    class: 'transient',
    title: 'The laboratory system answered AR or CR',
    action: 'Look at ERR and MSA-3 in the answer; correct and replay',
  },
  MLLP_NACK_CONTENT: {
    class: 'permanent',
    title: 'The laboratory system refuses the content (ERR-3)',
    action: 'Correct the field that ERR names and replay',
  },

  // HTTP
  HTTP_CONNECT: {
    class: 'endpoint',
    title: 'Could not connect to the laboratory system',
    action: 'Nothing is lost; check address and the system itself',
  },
  HTTP_DNS: {
    class: 'endpoint',
    title: 'The host name of the laboratory system is not known',
    action: 'Correct the address; nothing is lost',
  },
  HTTP_TLS: {
    class: 'endpoint',
    title: 'The TLS handshake with the laboratory system failed',
    action: 'Check certificates on both sides; nothing is lost',
  },
  HTTP_UNAVAILABLE: {
    class: 'endpoint',
    title: 'The laboratory system cannot take orders now (401, 403, 404, 405, 407, 502, 503)',
    action: 'Nothing is lost; check credentials, path and the system itself',
  },
  HTTP_REFUSED: {
    class: 'permanent',
    title: 'The laboratory system refuses the content (400, 413, 415, 422)',
    action: 'Look at the answer; correct and replay',
  },
  HTTP_RETRY: {
    class: 'transient',
    title: 'The laboratory system asks to try again (409, 425, 429)',
    action: 'Look at the answer; replay when it is ready',
  },
  HTTP_AMBIGUOUS: {
    class: 'ambiguous',
    title: 'The laboratory system failed while it handled the message (408, 500, 504)',
    action: 'It is sent again with the same key',
  },
  HTTP_NO_ANSWER: {
    class: 'ambiguous',
    title: 'No answer within ackTimeoutMs, or the connection broke',
    action: 'It is sent again with the same key',
  },
  HTTP_UNEXPECTED: {
    class: 'transient',
    title: 'The laboratory system gave an answer that is not agreed',
    action: 'Look at the answer and the destination settings',
  },

  // JMS, as a destination
  JMS_CONNECT: {
    class: 'endpoint',
    title: 'Could not connect to the JMS broker',
    action: 'Nothing is lost; check host, port and the broker itself',
  },
  JMS_DNS: {
    class: 'endpoint',
    title: 'The host name of the JMS broker is not known',
    action: 'Correct the host name; nothing is lost',
  },
  JMS_TLS: {
    class: 'endpoint',
    title: 'The TLS handshake with the JMS broker failed',
    action: 'Check certificates on both sides; nothing is lost',
  },
  JMS_REFUSED: {
    class: 'endpoint',
    title: 'The JMS broker refused the login or the queue',
    action: 'Check credentials, rights and the name of the queue; nothing is lost',
  },
  JMS_FULL: {
    class: 'endpoint',
    title: 'The JMS broker takes no more messages for the queue now',
    action: 'Nothing is lost; see whether the queue is read, and the limits of the broker',
  },
  JMS_REJECTED: {
    class: 'permanent',
    title: 'The JMS broker rejected the message',
    action: 'Look at the condition it named; correct and replay',
  },
  JMS_RETRY: {
    class: 'transient',
    title: 'The JMS broker gave the message back or failed while it took it',
    action: 'Look at the condition it named and at the broker; replay when it is ready',
  },
  JMS_NO_ANSWER: {
    class: 'ambiguous',
    title: 'No outcome from the JMS broker within ackTimeoutMs, or the connection broke',
    action: 'It is sent again under the same message id; ask whoever runs the broker if it goes on',
  },

  // Configuration and access
  CONFIG_INVALID: {
    class: 'permanent',
    title: 'The configuration is not valid',
    action: 'Correct the places named and apply it again',
  },
  AUTH_REFUSED: { class: 'permanent', title: 'Sign-in or a right is missing', action: 'Ask an administrator' },

  // Store
  STORE_DATA_REFUSED: {
    class: 'permanent',
    title: 'Postgres refuses the data of this message',
    action: 'Look at the detail (often a NUL character); correct at the sender and replay',
  },
  STORE_UNAVAILABLE: {
    class: 'infrastructure',
    title: 'Postgres cannot be reached',
    action: 'Nothing is lost; check Postgres',
  },
} as const satisfies Record<string, ErrorCodeEntry>;

export type ErrorCode = keyof typeof ERROR_CODES;

export function errorClass(code: ErrorCode): ErrorClass {
  return ERROR_CODES[code].class;
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CODES, text);
}

/**
 * What was wrong with one message: a value, not an exception.
 * `path` names the place as the field's people do (`OBR-4.1`, `PID[1]-3`, `ServiceRequest.code`); `table` an HL7 or
 * code table; `value` only where it is a code from a table, never free text (G18).
 */
export interface Fault {
  readonly code: ErrorCode;
  readonly path: string | null;
  readonly table: string | null;
  readonly value: string | null;
  /** One sentence for people, without patient data. */
  readonly detail: string;
}

export function fault(
  code: ErrorCode,
  detail: string,
  where: Partial<Pick<Fault, 'path' | 'table' | 'value'>> = {},
): Fault {
  return { code, detail, path: where.path ?? null, table: where.table ?? null, value: where.value ?? null };
}
