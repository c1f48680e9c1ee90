/**
 * Published sample orders through the real path. They are others' data and are read where they lie, in INORDER_SAMPLES or
 * beside the checkout; without the folder this is reported as skipped, by name.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { siteDocumentSchema } from '@inorder/shared';
import { startLis } from '@inorder/simulator';
import { eventually } from '@inorder/testkit/eventually';
import { bytesBody, connectJms } from '@inorder/testkit/jms-client';
import { expect, test } from 'vitest';
import {
  allSettled,
  brokenNumbers,
  controlId,
  deadLettersOf,
  makeOrder,
  numbersOf,
  type Rig,
  startRig,
} from './rig.ts';

const FOLDER = path.resolve(import.meta.dirname, '../..', process.env['INORDER_SAMPLES'] ?? '../shared/samples');
const HL7 = 'LAB-0001';
const FHIR = 'LAB-0002';

interface Sample {
  readonly name: string;
  readonly code: string;
  readonly bytes: Buffer;
}

function samples(): Sample[] {
  if (!existsSync(FOLDER)) return [];
  const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).sort();
  return files
    .filter((name) => name.endsWith('.hl7') || name.endsWith('.json'))
    .map((name) => ({
      name,
      code: name.endsWith('.json') ? FHIR : HL7,
      bytes: readFileSync(path.join(FOLDER, name)),
    }));
}

const SAMPLES = samples();

/** An HL7 and a FHIR interface that take every processing id and ask nothing of a code table. */
async function sampleRig(stack: AsyncDisposableStack): Promise<Rig> {
  const rig = stack.use(await startRig());
  const http = await startLis({ endpoints: [{ name: 'LIS-HTTP', kind: 'HTTP' }] });
  stack.defer(() => http.stop());
  const [endpoint] = http.status();
  const common = {
    validate: { processingIds: ['P', 'T', 'D'] },
    enrich: [],
    delivery: { retryDelayMs: [20], passLimit: 0 },
  };
  await rig.apply(
    siteDocumentSchema.parse({
      destinations: { 'LIS-HTTP': { kind: 'HTTP', url: `http://127.0.0.1:${endpoint?.port}/orders` } },
      sources: {
        orders: { connection: 'jms', address: 'orders', interfaceProperty: 'interface', interfaces: [HL7, FHIR] },
      },
      interfaces: {
        [HL7]: { ...common, name: 'HL7 samples', route: [{ name: 'all', to: 'LIS-1' }] },
        [FHIR]: { ...common, name: 'FHIR samples', format: 'FHIR_JSON', route: [{ name: 'all', to: 'LIS-HTTP' }] },
      },
    }),
  );
  await rig.start();
  return rig;
}

const textMessage = (sample: Sample): object => ({
  application_properties: { interface: sample.code },
  body: sample.bytes.toString('utf8'),
});

const bytesMessage = (sample: Sample): object => ({
  application_properties: { interface: sample.code },
  body: bytesBody(sample.bytes),
});

/** What is wrong with the ends of the numbers after `after`; empty when each is DELIVERED or a dead letter with a place. */
async function badEnds(rig: Rig, sent: readonly Sample[], after: Readonly<Record<string, number>>): Promise<string[]> {
  const bad: string[] = [];
  for (const code of [HL7, FHIR]) {
    const mine = sent.filter((sample) => sample.code === code);
    const from = after[code] ?? 0;
    const rows = (await numbersOf(rig, code)).filter((row) => row.n > from);
    if (rows.length !== mine.length) bad.push(`${code}: ${mine.length} sent, ${rows.length} numbered`);
    const letters = new Map((await deadLettersOf(rig, code)).map((letter) => [letter.n, letter]));
    for (const [at, { n, status, settled }] of rows.entries()) {
      const letter = letters.get(n);
      const told = status === 'FAILED' && letter !== undefined && letter.path !== null && letter.path !== '';
      if (!settled || (status !== 'DELIVERED' && !told)) {
        bad.push(`${mine[at]?.name}: ${status} ${letter?.code} at ${letter?.path}: ${letter?.detail}`);
      }
    }
  }
  return bad;
}

test.skipIf(SAMPLES.length === 0)(
  'every sample, alone, ends DELIVERED or as a dead letter that names the place; none is lost, none blocks',
  async () => {
    await using stack = new AsyncDisposableStack();
    const rig = await sampleRig(stack);
    const client = await connectJms({ port: rig.amqpPort });
    for (const [at, sample] of SAMPLES.entries()) {
      expect(await client.send('orders', textMessage(sample)), sample.name).toMatchObject({ outcome: 'accepted' });
      await allSettled(rig, at + 1);
    }
    await client.close();
    expect(await badEnds(rig, SAMPLES, {})).toEqual([]);
    const ends = [...(await numbersOf(rig, HL7)), ...(await numbersOf(rig, FHIR))].map((row) => row.status);
    // Both kinds are there: the samples hold good orders and named defects.
    expect([...new Set(ends)].sort()).toEqual(['DELIVERED', 'FAILED']);
    expect(await brokenNumbers(rig)).toEqual([]);
  },
);

test.skipIf(SAMPLES.length === 0)(
  'all samples together, with good orders in between: the good ones arrive, each sample has its end',
  async () => {
    await using stack = new AsyncDisposableStack();
    const rig = await sampleRig(stack);
    const client = await connectJms({ port: rig.amqpPort });
    const first: Sample = { name: 'a good order', code: HL7, bytes: Buffer.from(makeOrder(1).body) };
    const last: Sample = { name: 'a good order behind them', code: HL7, bytes: Buffer.from(makeOrder(2).body) };
    const all = [first, ...SAMPLES, ...SAMPLES, last];
    const outcomes = await client.sendAll('orders', all.map(bytesMessage));
    expect(new Set(outcomes.map((outcome) => outcome.outcome))).toEqual(new Set(['accepted']));
    await client.close();
    await allSettled(rig, all.length);
    expect(await badEnds(rig, all, {})).toEqual([]);
    await eventually('the last good order is there', () => rig.received.at(-1) === controlId(2));
    expect(rig.received[0]).toBe(controlId(1));
    expect(await brokenNumbers(rig)).toEqual([]);
  },
);
