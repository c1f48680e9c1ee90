/**
 * The document of one interface revision: what it accepts, how it is enriched and routed, and what its lane does when
 * delivery fails. One document, checked here, stored in `interface_revision.document`, immutable once published.
 */
import { z } from 'zod';

/** `interface.code`: unique, never changed. */
export const interfaceCodeSchema = z
  .string()
  .regex(/^[A-Z0-9][A-Z0-9-]{1,31}$/, 'must be 2 to 32 of A-Z, 0-9 and -, beginning with a letter or digit');
const name = z.string().min(1).max(120);
/** A place in a message as the field's people write it: `OBR-4.1`, `PID-3`, or a FHIR element path `code.coding.code`. */
const path = z.string().min(1).max(120);

/** One test of one place. Exactly one operator; `not` turns it round. */
export const conditionSchema = z
  .strictObject({
    path,
    equals: z.string().optional(),
    in: z.array(z.string()).min(1).max(1000).optional(),
    startsWith: z.string().min(1).optional(),
    exists: z.boolean().optional(),
    not: z.boolean().default(false),
  })
  .refine((c) => [c.equals, c.in, c.startsWith, c.exists].filter((v) => v !== undefined).length === 1, {
    message: 'needs exactly one of equals, in, startsWith, exists',
  });
export type Condition = z.infer<typeof conditionSchema>;

/** Rules are tried in order; the first whose conditions all hold decides. */
export const routeRuleSchema = z
  .strictObject({
    name,
    when: z.array(conditionSchema).max(20).default([]),
    /** Name of the destination it goes to … */
    to: name.optional(),
    /** … or true: the rule wants nothing of the message; it ends FILTERED by this rule's name. */
    filter: z.literal(true).optional(),
  })
  .refine((r) => (r.to === undefined) !== (r.filter === undefined), { message: 'needs exactly one of to, filter' });
export type RouteRule = z.infer<typeof routeRuleSchema>;

/** Looks a local code up and writes the standard one beside it. */
export const enrichRuleSchema = z.strictObject({
  /** Name of the code table. */
  codeTable: name,
  /** The field that holds the local code: `OBR-4`, every repetition of the segment; or the FHIR element `code`. */
  field: path.default('OBR-4'),
  /** What to do with a code that the table does not know. */
  onUnknown: z.enum(['fail', 'keep']).default('fail'),
});
export type EnrichRule = z.infer<typeof enrichRuleSchema>;

export const interfaceDocumentSchema = z.strictObject({
  format: z.enum(['HL7V2', 'FHIR_JSON']).default('HL7V2'),
  validate: z
    .strictObject({
      /** MSH-9.1^MSH-9.2; orders only. */
      messageTypes: z
        .array(z.string().regex(/^[A-Z0-9]{3}\^[A-Z0-9]{3}$/))
        .min(1)
        .default(['ORM^O01', 'OML^O21', 'OMG^O19']),
      /** MSH-11.1. An empty MSH-11 is an error of the header whatever stands here. */
      processingIds: z
        .array(z.enum(['P', 'T', 'D']))
        .min(1)
        .default(['P']),
      /** Fields this site requires beyond the base standard. */
      required: z.array(path).max(100).default([]),
    })
    .prefault({}),
  enrich: z.array(enrichRuleSchema).max(20).default([]),
  route: z.array(routeRuleSchema).min(1).max(200),
  delivery: z
    .strictObject({
      /** After the retries of a message are used up: pass it, hold the lane, or fail later numbers of the same order too. */
      onFailure: z.enum(['pass', 'hold', 'passWithOrder']).default('pass'),
      /** literal: every failure of every class counts as one try. */
      failurePolicy: z.enum(['classes', 'literal']).default('classes'),
      /** Bytes sent and no answer: send the same bytes again, or hold until someone says what happened. */
      onUnknown: z.enum(['resend', 'hold']).default('resend'),
      retries: z.int().min(0).max(20).default(3),
      retryDelayMs: z.array(z.int().min(0).max(3_600_000)).min(1).max(20).default([500, 1000, 2000]),
      unknownResendsMax: z.int().min(0).max(20).default(3),
      passLimit: z.int().min(0).max(10_000).default(20),
    })
    .prefault({}),
});
export type InterfaceDocument = z.infer<typeof interfaceDocumentSchema>;

const tlsSchema = z.strictObject({
  /** PEM text. */
  ca: z.string().optional(),
  cert: z.string().optional(),
  key: z.string().optional(),
  servername: z.string().optional(),
  /** false only for a test bench; shown red. */
  verify: z.boolean().default(true),
});
export type TlsDocument = z.infer<typeof tlsSchema>;

const destinationTimes = {
  ackTimeoutMs: z.int().min(10).max(600_000).default(10_000),
  connectTimeoutMs: z.int().min(10).max(600_000).default(5000),
  connectionsMax: z.int().min(1).max(256).default(4),
  idleCloseMs: z.int().min(100).max(3_600_000).default(30_000),
};
const ackBytesMax = z.int().min(100).max(10_485_760).default(1_048_576);

export const destinationDocumentSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('MLLP'),
    host: z.string().min(1).max(255),
    port: z.int().min(1).max(65_535),
    tls: tlsSchema.optional(),
    /** application: AA delivers. commit: CA delivers too. none: sent is delivered, and the screen says so. */
    ackMode: z.enum(['application', 'commit', 'none']).default('application'),
    ackBytesMax,
    ...destinationTimes,
  }),
  z.strictObject({
    kind: z.literal('HTTP'),
    url: z.url({ protocol: /^https?$/ }),
    headers: z.record(z.string(), z.string()).default({}),
    tls: tlsSchema.optional(),
    ackBytesMax,
    ...destinationTimes,
  }),
  z.strictObject({
    kind: z.literal('JMS'),
    /** Name of a CONNECT connection of the site: host, credentials and TLS are its. */
    connection: name,
    /** The queue's name as the broker knows it. */
    address: z.string().min(1).max(255),
    /**
     * text: a TextMessage of the characters that MSH-18 makes of the bytes; bytes that are no text go out as a
     * BytesMessage. bytes: always a BytesMessage.
     */
    body: z.enum(['text', 'bytes']).default('text'),
    ...destinationTimes,
  }),
]);
export type DestinationDocument = z.infer<typeof destinationDocumentSchema>;

export const connectionDocumentSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    /** JMS clients connect to us. */
    kind: z.literal('LISTEN'),
    host: z.string().default('127.0.0.1'),
    port: z.int().min(0).max(65_535),
    /** Empty: SASL ANONYMOUS is accepted. Else PLAIN with these. */
    username: z.string().optional(),
    password: z.string().optional(),
    tls: tlsSchema.optional(),
  }),
  z.strictObject({
    /** We connect to a broker. */
    kind: z.literal('CONNECT'),
    host: z.string().min(1),
    port: z.int().min(1).max(65_535),
    username: z.string().optional(),
    password: z.string().optional(),
    tls: tlsSchema.optional(),
    reconnectDelayMs: z.int().min(10).default(250),
    reconnectDelayMsMax: z.int().min(10).default(15_000),
  }),
]);
export type ConnectionDocument = z.infer<typeof connectionDocumentSchema>;

export const sourceDocumentSchema = z.strictObject({
  connection: name,
  /** AMQP address: the queue's name as the broker knows it, or the address a client of our listener sends to. */
  address: z.string().min(1).max(255),
  /** On a shared queue: the message property whose value is the interface code. Without it the queue feeds each interface listed. */
  interfaceProperty: z.string().min(1).max(120).optional(),
  /** Interface codes it may feed. Without interfaceProperty every one of them gets its copy. */
  interfaces: z.array(interfaceCodeSchema).max(100_000).default([]),
  /** At our own listener: how many links may produce at once. */
  producers: z.enum(['one', 'many']).default('one'),
  credit: z.int().min(1).max(2000).default(100),
});
export type SourceDocument = z.infer<typeof sourceDocumentSchema>;

export const codeTableDocumentSchema = z.strictObject({
  /** Coding system of the target, as HL7 table 0396 names it (`LN` for LOINC). */
  targetSystem: z.string().min(1).max(20).default('LN'),
  entries: z
    .array(
      z.strictObject({
        code: z.string().min(1).max(80),
        target: z.string().min(1).max(80),
        display: z.string().max(200).default(''),
      }),
    )
    .max(200_000),
});
export type CodeTableDocument = z.infer<typeof codeTableDocumentSchema>;

/** What `./inorder interface apply FILE.yaml` takes: any part may be left out. */
export const siteDocumentSchema = z.strictObject({
  connections: z.record(name, connectionDocumentSchema).default({}),
  destinations: z.record(name, destinationDocumentSchema).default({}),
  codeTables: z.record(name, codeTableDocumentSchema).default({}),
  sources: z.record(name, sourceDocumentSchema).default({}),
  interfaces: z
    .record(
      interfaceCodeSchema,
      interfaceDocumentSchema.extend({
        name,
        site: z.string().max(120).default(''),
        tags: z.array(z.string().max(60)).max(50).default([]),
        enabled: z.boolean().default(true),
      }),
    )
    .default({}),
});
export type SiteDocument = z.infer<typeof siteDocumentSchema>;
