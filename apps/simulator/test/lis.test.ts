import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type LisHandle, startLis } from '../src/lis/lis.ts';
import type { FaultRule } from '../src/lis/switches.ts';
import { LisClient, msa, order } from './lis-client.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function laboratory(): Promise<{ lis: LisHandle; mllp: number; url: string }> {
  const lis = await startLis({
    endpoints: [
      { name: 'LIS-1', kind: 'MLLP' },
      { name: 'LIS-2', kind: 'HTTP' },
    ],
    idempotency: true,
  });
  stops.push(() => lis.stop());
  const [first, second] = lis.status();
  return { lis, mllp: first?.port ?? 0, url: `http://127.0.0.1:${second?.port ?? 0}/orders` };
}

const id = (counter: number) => `LAB-0042.00000${counter}`;
const once1 = (fault: FaultRule['fault']): FaultRule => ({ id: 'f', times: 1, fault });

test('orders are answered AA with their own control id and judged', async () => {
  const { lis, mllp } = await laboratory();
  const client = await LisClient.open(mllp);
  expect(msa(await client.ask(order(id(1))))).toBe(`AA|${id(1)}`);
  expect(msa(await client.ask(order(id(2))))).toBe(`AA|${id(2)}`);
  expect(lis.judge.report()).toMatchObject({ received: 2, distinct: 2, missing: 0, notTaken: 0, orderViolations: 0 });
  expect(lis.judge.received('LAB-0042')).toEqual([id(1), id(2)]);
});

test('two orders in one packet are answered in order, and the overlap is counted', async () => {
  const { lis, mllp } = await laboratory();
  const client = await LisClient.open(mllp);
  client.socket.write(`\x0b${order(id(1))}\x1c\r\x0b${order(id(2))}\x1c\r`);
  expect(msa(await client.answer(0))).toBe(`AA|${id(1)}`);
  expect(msa(await client.answer(1))).toBe(`AA|${id(2)}`);
  expect(lis.status()[0]).toMatchObject({ received: 2, answered: 2, overlaps: 1 });
});

test('a mark in the order asks for the refusal, with ERR-3 where it names one', async () => {
  const { lis, mllp } = await laboratory();
  const client = await LisClient.open(mllp);
  expect(msa(await client.ask(order(id(1), 'SIM:AE')))).toBe(`AE|${id(1)}`);
  const answer = await client.ask(order(id(2), 'SIM:AR:103'));
  expect(msa(answer)).toBe(`AR|${id(2)}`);
  expect(answer).toContain('ERR|||103^^HL70357|E');
  expect(lis.judge.report()).toMatchObject({ received: 2, notTaken: 2 });
});

test('switches: an answer of another kind, once, and then as usual', async () => {
  const { lis, mllp } = await laboratory();
  const client = await LisClient.open(mllp);
  lis.switches.set(once1({ kind: 'answer', code: 'CR', errorCode: '207' }));
  expect(msa(await client.ask(order(id(1))))).toBe(`CR|${id(1)}`);
  expect(msa(await client.ask(order(id(1))))).toBe(`AA|${id(1)}`);
  lis.switches.set(once1({ kind: 'wrongId', controlId: 'OTHER' }));
  expect(msa(await client.ask(order(id(2))))).toBe('AA|OTHER');
  lis.switches.set(once1({ kind: 'junk', text: 'tea is ready' }));
  expect(await client.ask(order(id(3)))).toBe('tea is ready');
  lis.switches.set({ id: 'known', fault: { kind: 'alreadyThere' } });
  expect(await client.ask(order(id(3)))).toContain('ERR|||205^^HL70357|E');
  expect(msa(await client.ask(order(id(4))))).toBe(`AA|${id(4)}`);
});

test('switches: every second answer late; answers stay in order', async () => {
  const { lis, mllp } = await laboratory();
  const client = await LisClient.open(mllp);
  lis.switches.set({ id: 'late', everyNth: 2, fault: { kind: 'delay', ms: 20 } });
  for (const counter of [1, 2, 3]) client.send(order(id(counter)));
  await client.answer(2);
  expect(client.answers.map(msa)).toEqual([1, 2, 3].map((counter) => `AA|${id(counter)}`));
  expect(lis.switches.list()[0]?.acted).toBe(1);
});

test('switches: a dropped answer was taken, the connection goes on', async () => {
  const { lis, mllp } = await laboratory();
  const client = await LisClient.open(mllp);
  lis.switches.set({ id: 'drop', controlId: id(1), fault: { kind: 'dropAnswer' } });
  client.send(order(id(1)));
  expect(msa(await client.ask(order(id(2))))).toBe(`AA|${id(2)}`);
  expect(lis.judge.report()).toMatchObject({ received: 2, notTaken: 0 });
});

test('switches: a hung connection answers nothing more and took nothing; a new one works', async () => {
  const { lis, mllp } = await laboratory();
  const hung = await LisClient.open(mllp);
  lis.switches.set(once1({ kind: 'hang' }));
  hung.send(order(id(1)));
  hung.send(order(id(2)));
  const fresh = await LisClient.open(mllp);
  expect(msa(await fresh.ask(order(id(3))))).toBe(`AA|${id(3)}`);
  hung.socket.end();
  await hung.closed;
  expect(hung.answers).toEqual([]);
  expect(lis.judge.hasTaken(id(1))).toBe(false);
});

test('switches: half-close, reset and an answer cut in the middle end the connection without an answer', async () => {
  const { lis, mllp } = await laboratory();
  for (const kind of ['halfClose', 'reset', 'closeInTheMiddle'] as const) {
    lis.switches.set(once1({ kind }));
    const client = await LisClient.open(mllp);
    client.send(order(id(1)));
    await client.closed;
    expect(client.answers).toEqual([]);
    expect(client.chunks.length > 0).toBe(kind === 'closeInTheMiddle');
  }
  expect(lis.judge.report()).toMatchObject({ headRepeats: 2, notTaken: 0 });
});

test('switches: an answer one byte at a time arrives whole', async () => {
  const { lis, mllp } = await laboratory();
  const client = await LisClient.open(mllp);
  lis.switches.set(once1({ kind: 'slowBytes', everyMs: 0 }));
  expect(msa(await client.ask(order(id(1))))).toBe(`AA|${id(1)}`);
  expect(client.chunks.length).toBeGreaterThan(5);
});

test('switched off it refuses connections and cuts open ones; switched on it has the same port', async () => {
  const { lis, mllp } = await laboratory();
  const client = await LisClient.open(mllp);
  expect(await lis.setListening('LIS-1', false)).toBe(true);
  await client.closed;
  const refused = connect({ port: mllp, host: '127.0.0.1' });
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNREFUSED');
  await lis.setListening('LIS-1', true);
  expect(msa(await (await LisClient.open(mllp)).ask(order(id(1))))).toBe(`AA|${id(1)}`);
  expect(await lis.setListening('nobody', true)).toBe(false);
});

test('a scheduled outage says until when, and says when it is over', async () => {
  const lines: string[] = [];
  let wake = (): void => undefined;
  const lis = await startLis({
    endpoints: [{ name: 'LIS-3', kind: 'MLLP' }],
    now: () => new Date(2026, 0, 1, 14, 1, 59, 990).getTime(),
    announce: (line) => {
      lines.push(line);
      wake();
    },
  });
  stops.push(() => lis.stop());
  await lis.setOutage({ endpoint: 'LIS-3', everyMs: 20, forMs: 10 });
  while (lines.length < 2) await new Promise<void>((resolve) => (wake = resolve));
  expect(lines.slice(0, 2)).toEqual([
    'demonstration: LIS-3 is switched off until 14:02',
    'demonstration: LIS-3 is back',
  ]);
  await lis.setOutage(undefined);
  expect(lis.status()[0]?.listening).toBe(true);
});

test('HTTP takes HL7 v2 and FHIR, refuses by mark, and repeats the answer to a known key', async () => {
  const { lis, url } = await laboratory();
  const post = (body: string, headers: Record<string, string> = {}) => fetch(url, { method: 'POST', body, headers });
  const v2 = await post(order(id(1)));
  expect([v2.status, msa(await v2.text())]).toEqual([200, `AA|${id(1)}`]);

  const request = { resourceType: 'ServiceRequest', id: 'LAB-0007.000001', note: [] as { text: string }[] };
  expect((await post(JSON.stringify(request), { 'idempotency-key': 'k' })).status).toBe(201);
  request.note.push({ text: 'SIM:AE' });
  expect((await post(JSON.stringify({ ...request, id: 'LAB-0007.000002' }))).status).toBe(422);
  lis.switches.set({ id: 'busy', fault: { kind: 'answer', code: 'AE', httpStatus: 503 } });
  expect((await post(JSON.stringify(request), { 'idempotency-key': 'k' })).status).toBe(201);
  expect((await post(JSON.stringify(request))).status).toBe(503);
  expect(lis.judge.report({ perInterface: true }).perInterface?.['LAB-0007']).toMatchObject({ distinct: 2 });
});

test('G19: an oversized frame ends the connection', async () => {
  const lis = await startLis({ endpoints: [{ name: 'LIS-1', kind: 'MLLP' }], frameBytesMax: 100 });
  stops.push(() => lis.stop());
  const client = await LisClient.open(lis.status()[0]?.port ?? 0);
  client.send('x'.repeat(200));
  await client.closed;
  expect(lis.status()[0]).toMatchObject({ received: 0, unreadable: 1 });
});
