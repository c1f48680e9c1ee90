import { siteDocumentSchema } from '@inorder/shared';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { BY_HAND, demonstrationSite, demonstrationTraffic, missingFrom, readCatalogue } from './demonstration.ts';

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
    expect(destination?.kind === 'MLLP' ? destination.port : new URL(destination?.url ?? '').port, name).toEqual(
      destination?.kind === 'MLLP' ? port : `${port}`,
    );
  }
  expect(Object.keys(site.destinations).sort()).toEqual(traffic.lis.endpoints.map(({ name }) => name).sort());
});

test('orders by hand reach every interface at an address that the simulator does not hold', () => {
  expect(site.sources[BY_HAND]).toMatchObject({ producers: 'many', interfaces: Object.keys(site.interfaces) });
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
