import { siteDocumentSchema } from '@inorder/shared';
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  atBroker,
  BY_HAND,
  demonstrationSite,
  demonstrationTraffic,
  missingFrom,
  readCatalogue,
  upstreamQueues,
} from './demonstration.ts';

const plan = {
  interfaces: 400,
  ratePerSecond: 12,
  amqpPort: 7472,
  mllpPorts: [7481, 7482, 7483],
  fhirPort: 7487,
  controlPort: 7490,
};
const catalogue = await readCatalogue();
const site = demonstrationSite(plan, catalogue);

const trafficSchema = z.object({
  lis: z.object({ endpoints: z.array(z.object({ name: z.string(), kind: z.string(), port: z.int() })) }),
  upstream: z.object({
    port: z.int(),
    interfaces: z.array(z.object({ code: z.string(), dialect: z.string().optional(), address: z.string() })),
  }),
});

test('the traffic fits the site: a source for every address, the format, and a laboratory for every destination', () => {
  const traffic = trafficSchema.parse(demonstrationTraffic(site, plan, null));
  const sources = Object.values(site.sources);
  expect(traffic.upstream.interfaces).toHaveLength(400);
  for (const { code, dialect, address } of traffic.upstream.interfaces) {
    const source = sources.find((candidate) => candidate.address === address);
    expect(source?.interfaces, code).toContain(code);
    expect(dialect === 'FHIR', code).toBe(site.interfaces[code]?.format === 'FHIR_JSON');
  }
  expect(new Set(traffic.upstream.interfaces.map(({ address }) => address)).size).toBeGreaterThan(20);
  for (const { name, kind, port } of traffic.lis.endpoints) {
    const destination = site.destinations[name];
    expect(destination?.kind, name).toBe(kind);
    const theirs = destination?.kind === 'HTTP' ? Number(new URL(destination.url).port) : undefined;
    expect(destination?.kind === 'MLLP' ? destination.port : theirs, name).toBe(port);
  }
  expect(Object.keys(site.destinations).sort()).toEqual(traffic.lis.endpoints.map(({ name }) => name).sort());
});

test('orders by hand reach every interface at an address that the simulator does not hold', () => {
  expect(site.sources[BY_HAND]).toMatchObject({ producers: 'many', interfaces: Object.keys(site.interfaces) });
});

const broker = { host: '127.0.0.1', port: 7473, username: 'inorder', password: 'made up' };

test('at a broker: every queue of the upstream is there, orders by hand still come to our listener', () => {
  const there = atBroker(site, broker);
  const { [BY_HAND]: byHand, ...others } = there.sources;
  expect(new Set(Object.values(others).map(({ connection }) => connection))).toEqual(new Set(['broker']));
  expect(Object.values(others).map(({ address }) => address)).toEqual(upstreamQueues(there));
  expect(byHand?.connection).toBe('jms');
  expect(there.connections).toMatchObject({ jms: { kind: 'LISTEN' }, broker: { kind: 'CONNECT', ...broker } });
  expect(demonstrationTraffic(there, plan, broker)).toMatchObject({ upstream: broker });
});

test('a start with a broker moves the queues there, and one without moves them back; what people moved stays', () => {
  const there = atBroker(site, broker);
  const toBroker = missingFrom(structuredClone(site), there);
  expect(toBroker.sources['orders']?.connection).toBe('broker');
  expect(toBroker.connections['broker']).toMatchObject(broker);
  const back = missingFrom(structuredClone(there), site);
  expect(back.sources['orders']?.connection).toBe('jms');
  const moved = structuredClone(there);
  const orders = moved.sources['orders'];
  if (orders !== undefined) orders.connection = 'hub';
  expect(missingFrom(moved, site).sources['orders']?.connection).toBe('hub');
  // Another start, another port and another password.
  const today = { ...broker, port: 9001, password: 'another' };
  const again = missingFrom(structuredClone(there), atBroker(site, today));
  expect(again.connections['broker']).toMatchObject(today);
});

test('a second start changes the ports and nothing that people have changed', () => {
  const stored = structuredClone(site);
  const table = stored.codeTables['local-tests'];
  table?.entries.push({ code: 'ZZ-901', target: '2345-7', display: 'added by hand' });
  const lis = stored.destinations['LIS-1'];
  if (lis !== undefined) lis.ackTimeoutMs = 99;
  const moved = { ...plan, amqpPort: 9000, mllpPorts: [9001, 9002, 9003] };
  const todo = missingFrom(stored, demonstrationSite(moved, catalogue));
  expect(todo).toMatchObject({ codeTables: {}, interfaces: {}, connections: { jms: { port: 9000 } } });
  expect(todo.destinations['LIS-1']).toMatchObject({ port: 9001, ackTimeoutMs: 99 });
});

test('more interfaces than at the last start are added, and their sources know them', () => {
  const small = demonstrationSite({ ...plan, interfaces: 10 }, catalogue);
  const todo = missingFrom(small, site);
  expect(Object.keys(todo.interfaces)).toHaveLength(390);
  expect(todo.sources['orders']?.interfaces).toEqual(expect.arrayContaining(['LAB-0001', 'LAB-0400']));
  expect(missingFrom(siteDocumentSchema.parse({}), site)).toEqual(site);
});
