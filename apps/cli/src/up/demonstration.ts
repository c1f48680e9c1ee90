/**
 * The demonstration: a site of invented hospitals, and the simulator's traffic for it. The traffic is read off the site
 * document (address, format, destinations), so the two cannot disagree and nothing is rejected.
 */
import { demoSite } from '@inorder/db';
import {
  type CodeTableDocument,
  type ConnectionDocument,
  codeTableDocumentSchema,
  type SiteDocument,
  type SourceDocument,
  siteDocumentSchema,
} from '@inorder/shared';
import { CommandFailure, EXIT } from '../exit.ts';
import { runQuietly } from '../program.ts';
import type { Broker } from './broker.ts';
import { PROGRAMS } from './site.ts';

export interface DemonstrationPlan {
  readonly interfaces: number;
  /** Orders per second over all interfaces. */
  readonly ratePerSecond: number;
  /** Port of the engine's own AMQP listener. */
  readonly amqpPort: number;
  /** The laboratory systems LIS-1, LIS-2, … that speak MLLP. */
  readonly mllpPorts: readonly number[];
  /** The one that takes FHIR over HTTP. */
  readonly fhirPort: number;
  readonly controlPort: number;
}

/** Address and source for orders sent by hand: the simulator keeps the others to itself, as an order system would. */
export const BY_HAND = 'orders.by-hand';
const LISTENER = 'jms';
/** Connection of the upstream's queues where they are at a broker. Orders by hand come to our listener in any case. */
const BROKER = 'broker';
const FHIR_LIS = 'LIS-FHIR';

/** LIS-3 goes away for 40 seconds every four minutes: long enough to watch a lane wait and recover. */
const OUTAGE = { endpoint: 'LIS-3', everyMs: 240_000, forMs: 40_000 };
/** One order in a hundred asks for a test that no code table knows. */
const POISON = { unknownCode: 0.01 };

/** The codes of the simulator's orders, asked of the simulator itself. */
export async function readCatalogue(): Promise<CodeTableDocument> {
  const { code, output } = await runQuietly({ command: process.execPath, args: [PROGRAMS.simulator, 'catalogue'] });
  if (code !== 0) throw new CommandFailure(EXIT.failed, `the simulator gave no catalogue:\n${output}`);
  return codeTableDocumentSchema.parse(JSON.parse(output));
}

export function demonstrationSite(plan: DemonstrationPlan, catalogue: CodeTableDocument): SiteDocument {
  const site = demoSite({
    interfaces: plan.interfaces,
    listenPort: plan.amqpPort,
    lis: plan.mllpPorts.map((port, index) => ({ name: mllpName(index), host: '127.0.0.1', port })),
    fhir: { name: FHIR_LIS, url: `http://127.0.0.1:${plan.fhirPort}/fhir` },
    catalogue,
  });
  if (site.connections[LISTENER] === undefined) throw new Error('the demonstration site has no listener');
  const byHand = {
    connection: LISTENER,
    address: BY_HAND,
    interfaceProperty: 'interface',
    interfaces: Object.keys(site.interfaces),
    producers: 'many',
    credit: 100,
  } as const;
  return { ...site, sources: { ...site.sources, [BY_HAND]: byHand } };
}

/** The queues that the upstream sends to. */
export function upstreamQueues(site: SiteDocument): string[] {
  return Object.values(site.sources).flatMap(({ address }) => (address === BY_HAND ? [] : [address]));
}

/** The same site with every queue of the upstream at a broker. */
export function atBroker(site: SiteDocument, { host, port, username, password }: Broker): SiteDocument {
  const broker = { kind: 'CONNECT', host, port, username, password };
  const sources = Object.entries(site.sources).map(([name, source]) => [
    name,
    name === BY_HAND ? source : { ...source, connection: BROKER },
  ]);
  return siteDocumentSchema.parse({
    ...site,
    connections: { ...site.connections, [BROKER]: broker },
    sources: Object.fromEntries(sources),
  });
}

/**
 * What has to be applied to a database that may hold the demonstration from an earlier start: what is missing there,
 * today's ports, and whether its queues are at a broker today. Everything else stays as people have changed it since.
 */
export function missingFrom(stored: SiteDocument, site: SiteDocument): SiteDocument {
  return {
    connections: merged(site.connections, stored.connections, connectionToday),
    destinations: merged(site.destinations, stored.destinations, (mine, theirs) => {
      if (mine.kind === 'MLLP' && theirs.kind === 'MLLP') return { ...theirs, host: mine.host, port: mine.port };
      return mine.kind === 'HTTP' && theirs.kind === 'HTTP' ? { ...theirs, url: mine.url } : theirs;
    }),
    codeTables: absent(site.codeTables, stored.codeTables),
    sources: merged(site.sources, stored.sources, sourceToday),
    interfaces: absent(site.interfaces, stored.interfaces),
  };
}

function connectionToday(mine: ConnectionDocument, theirs: ConnectionDocument): ConnectionDocument {
  if (mine.kind === 'LISTEN' && theirs.kind === 'LISTEN') return { ...theirs, port: mine.port };
  if (mine.kind !== 'CONNECT' || theirs.kind !== 'CONNECT') return theirs;
  const { host, port, username, password } = mine;
  return { ...theirs, host, port, username, password };
}

function sourceToday(mine: SourceDocument, theirs: SourceDocument): SourceDocument {
  return {
    ...theirs,
    connection: [LISTENER, BROKER].includes(theirs.connection) ? mine.connection : theirs.connection,
    interfaces: [...new Set([...theirs.interfaces, ...mine.interfaces])],
  };
}

/**
 * What the simulator takes (`simulatorConfigSchema`).
 * @param broker where its orders go; null: straight to our listener.
 */
export function demonstrationTraffic(site: SiteDocument, plan: DemonstrationPlan, broker: Broker | null): object {
  const addresses = new Map(
    Object.values(site.sources)
      .filter((source) => source.address !== BY_HAND)
      .flatMap((source) => source.interfaces.map((code) => [code, source.address] as const)),
  );
  return {
    controlPort: plan.controlPort,
    lis: {
      endpoints: [
        ...plan.mllpPorts.map((port, index) => ({ name: mllpName(index), kind: 'MLLP', port })),
        { name: FHIR_LIS, kind: 'HTTP', port: plan.fhirPort },
      ],
      outage: OUTAGE,
      poisonMayReturn: true,
    },
    upstream: {
      ...(broker ?? { port: plan.amqpPort }),
      interfaces: Object.entries(site.interfaces).map(([code, { format }]) => ({
        code,
        ...(format === 'FHIR_JSON' ? { dialect: 'FHIR' } : {}),
        address: addresses.get(code),
      })),
      ratePerSecond: plan.ratePerSecond,
      poison: POISON,
    },
  };
}

function mllpName(index: number): string {
  return `LIS-${index + 1}`;
}

function absent<T>(wanted: Readonly<Record<string, T>>, stored: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(wanted).filter(([name]) => !Object.hasOwn(stored, name)));
}

function merged<T>(
  wanted: Readonly<Record<string, T>>,
  stored: Readonly<Record<string, T>>,
  merge: (mine: T, theirs: T) => T,
): Record<string, T> {
  return Object.fromEntries(
    Object.entries(wanted).map(([name, mine]) => {
      const theirs = stored[name];
      return [name, theirs === undefined ? mine : merge(mine, theirs)];
    }),
  );
}
