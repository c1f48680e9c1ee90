/** The demonstration site: a few hundred interfaces of invented hospitals, on our own listener. */
import { type CodeTableDocument, type SiteDocument, siteDocumentSchema } from '@inorder/shared';

export interface DemoSiteOptions {
  /** How many: LAB-0001 … */
  readonly interfaces: number;
  readonly listenPort: number;
  /** At least one MLLP laboratory system; the interfaces are shared out among them in turn. */
  readonly lis: readonly { readonly name: string; readonly host: string; readonly port: number }[];
  /** A laboratory system that takes FHIR over HTTP; without it every interface speaks HL7 v2. */
  readonly fhir?: { readonly name: string; readonly url: string };
  /** Local codes of the upstream and what they are in LOINC. */
  readonly catalogue: CodeTableDocument;
}

/** Address of the queue that most interfaces share; the message property `interface` names the one meant. */
export const DEMO_ADDRESS = 'orders';
export const DEMO_CODE_TABLE = 'local-tests';

const SITES = ['Northgate', 'Harbour', 'Hillside', 'Riverbend', 'Eastfield', 'Old Town'];
const WARDS = [
  'Emergency',
  'Intensive Care',
  'Oncology',
  'Paediatrics',
  'Surgery',
  'Outpatients',
  'Maternity',
  'Cardiology',
];

/** Every so many-th interface has something of its own. Primes, so that the peculiarities meet in all ways. */
const FHIR_EVERY = 23;
const DEDICATED_EVERY = 17;
const HOLD_EVERY = 41;
const WITH_ORDER_EVERY = 13;

/** `LAB-0042`; five digits from 10,000 on. */
export function demoCode(number: number): string {
  return `LAB-${String(number).padStart(4, '0')}`;
}

export function demoSite(options: DemoSiteOptions): SiteDocument {
  const numbers = Array.from({ length: options.interfaces }, (_, i) => i + 1);
  const dedicated = numbers.filter((n) => n % DEDICATED_EVERY === 0).map(demoCode);
  const shared = numbers.filter((n) => n % DEDICATED_EVERY !== 0).map(demoCode);
  return siteDocumentSchema.parse({
    connections: { jms: { kind: 'LISTEN', host: '127.0.0.1', port: options.listenPort } },
    destinations: {
      ...Object.fromEntries(
        options.lis.map(({ name, host, port }) => [name, { kind: 'MLLP', host, port, connectionsMax: 64 }]),
      ),
      ...(options.fhir === undefined
        ? {}
        : { [options.fhir.name]: { kind: 'HTTP', url: options.fhir.url, connectionsMax: 16 } }),
    },
    codeTables: { [DEMO_CODE_TABLE]: options.catalogue },
    sources: {
      [DEMO_ADDRESS]: {
        connection: 'jms',
        address: DEMO_ADDRESS,
        interfaceProperty: 'interface',
        interfaces: shared,
        credit: 500,
      },
      ...Object.fromEntries(
        dedicated.map((code) => [
          `${DEMO_ADDRESS}.${code}`,
          { connection: 'jms', address: `${DEMO_ADDRESS}.${code}`, interfaces: [code] },
        ]),
      ),
    },
    interfaces: Object.fromEntries(numbers.map((n) => [demoCode(n), demoInterface(n, options)])),
  });
}

function demoInterface(n: number, { lis, fhir }: DemoSiteOptions) {
  const site = SITES[n % SITES.length] ?? '';
  const ward = WARDS[Math.floor(n / SITES.length) % WARDS.length] ?? '';
  const speaksFhir = fhir !== undefined && n % FHIR_EVERY === 0;
  const to = speaksFhir ? fhir.name : lis[n % lis.length]?.name;
  if (to === undefined) throw new RangeError('a demonstration site needs at least one laboratory system');
  const hold = n % HOLD_EVERY === 0;
  const withOrder = !hold && n % WITH_ORDER_EVERY === 0;
  return {
    name: `${site} ${ward} to ${to}`,
    site,
    tags: [
      ward.toLowerCase().replace(' ', '-'),
      ...(speaksFhir ? ['fhir'] : []),
      ...(n % DEDICATED_EVERY === 0 ? ['own-queue'] : []),
      ...(hold ? ['holds'] : []),
    ],
    format: speaksFhir ? 'FHIR_JSON' : 'HL7V2',
    enrich: [{ codeTable: DEMO_CODE_TABLE, field: speaksFhir ? 'code' : 'OBR-4' }],
    route: [{ name: `all orders to ${to}`, to }],
    delivery: { onFailure: hold ? 'hold' : withOrder ? 'passWithOrder' : 'pass' },
  };
}
