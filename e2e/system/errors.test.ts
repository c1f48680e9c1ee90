/** What goes wrong at the edges says what, and loses nothing: start, sign-in, envelopes, poison of the store (G1, G16, G22). */
import { engineThatEnds } from '@inorder/testkit/engine-process';
import { connectJms, type JmsClient } from '@inorder/testkit/jms-client';
import { freePort } from '@inorder/testkit/services';
import { expect, test } from 'vitest';
import {
  ADDRESS,
  allSettled,
  brokenNumbers,
  CODE,
  countersOf,
  deadLettersOf,
  makeOrder,
  numbersOf,
  type Rig,
  startRig,
} from './rig.ts';

const rejects = (rig: Rig) =>
  rig.query<{ code: string; detail: string; bytes: number }>(
    'SELECT error_code AS code, detail, body_bytes::int AS bytes FROM ingest_reject ORDER BY received_at, ingest_reject_id',
  );

const message = (
  body: unknown,
  properties: Record<string, unknown> = { interface: 'LAB-0001' },
  id = 'ID:by-hand',
): object => ({
  message_id: id,
  durable: true,
  application_properties: properties,
  body,
});

test('an unreachable Postgres at the start: the engine ends and says which address did not answer', async () => {
  const port = await freePort();
  const end = await engineThatEnds({ databaseUrl: `postgresql://nobody:secret-word@127.0.0.1:${port}/nothing` });
  expect(end.code).toBe(1);
  expect(end.stderr).toMatch(/Postgres|postgres/);
  expect(end.stderr).toContain(`127.0.0.1:${port}`);
  expect(end.stderr).not.toContain('secret-word');
});

test('a wrong configuration at the start: every bad key is named at once, no secret is shown', async () => {
  const end = await engineThatEnds({
    databaseUrl: 'postgresql://127.0.0.1:1/nothing',
    env: { INORDER_SECRET_KEY: 'too-short-a-secret', INORDER_LEASE_MS: 'soon', INORDER_ROLES: 'ingest,paint' },
  });
  expect(end.code).toBe(2);
  for (const word of ['INORDER_SECRET_KEY', 'INORDER_LEASE_MS', 'INORDER_ROLES', 'paint'])
    expect(end.stderr).toContain(word);
  expect(end.stderr).not.toContain('too-short-a-secret');
});

test('a second process of the same instance and folder is refused by name', async () => {
  await using rig = await startRig();
  const engine = await rig.start();
  const end = await engineThatEnds({ databaseUrl: rig.databaseUrl, dataDir: engine.dataDir });
  expect(end.code).toBe(1);
  expect(end.stderr).toContain('instance engine-1 is running already');
});

test('G22: wrong or missing AMQP credentials are refused with a reason, right ones are taken', async () => {
  await using rig = await startRig({ connection: { username: 'hub', password: 'right' } });
  await rig.start();
  const port = rig.amqpPort;
  await expect(connectJms({ port, username: 'hub', password: 'wrong' })).rejects.toThrow(/unauthorized|[Aa]uthent/);
  await expect(connectJms({ port })).rejects.toThrow(/unauthorized|[Aa]uthent|mechanism/);
  const client = await connectJms({ port, username: 'hub', password: 'right' });
  expect(await client.send(ADDRESS, message(makeOrder(1).body))).toMatchObject({ outcome: 'accepted' });
  await client.close();
  await allSettled(rig, 1);
  expect(countersOf(rig)).toEqual([1]);
});

test('an address nobody configured is refused by name', async () => {
  await using rig = await startRig();
  await rig.start();
  const client = await connectJms({ port: rig.amqpPort });
  await expect(client.send('orders.of.nobody', message('x'))).rejects.toThrow(/amqp:not-found.*orders\.of\.nobody/);
  await client.close();
});

test('an envelope that names no interface, an unknown one or one not fed here is kept, rejected with its code, and blocks nobody', async () => {
  await using rig = await startRig();
  await rig.start();
  const client = await connectJms({ port: rig.amqpPort });
  const body = makeOrder(1).body;
  for (const [properties, code] of [
    [{}, 'INGEST_NO_INTERFACE'],
    [{ interface: '' }, 'INGEST_NO_INTERFACE'],
    [{ interface: 'LAB-9999' }, 'INGEST_UNKNOWN_INTERFACE'],
    [{ interface: 'not a code' }, 'INGEST_UNKNOWN_INTERFACE'],
    [{ interface: 'LAB-0001\u0000' }, 'INGEST_UNKNOWN_INTERFACE'],
  ] as const) {
    const { outcome, reason } = await client.send(ADDRESS, message(body, properties));
    expect({ outcome, reason }, code).toEqual({ outcome: 'rejected', reason: expect.stringContaining(code) });
  }
  expect((await rejects(rig)).map((row) => row.code)).toEqual([
    'INGEST_NO_INTERFACE',
    'INGEST_NO_INTERFACE',
    'INGEST_UNKNOWN_INTERFACE',
    'INGEST_UNKNOWN_INTERFACE',
    'INGEST_UNKNOWN_INTERFACE',
  ]);
  expect((await rejects(rig)).every((row) => row.bytes === Buffer.byteLength(body))).toBe(true);
  expect(await client.send(ADDRESS, message(body))).toMatchObject({ outcome: 'accepted' });
  await allSettled(rig, 1);
  expect(countersOf(rig)).toEqual([1]);
  await client.close();
});

test('an empty body gets its number and ends as a dead letter; the next one arrives', async () => {
  await using rig = await startRig();
  await rig.start();
  const client = await connectJms({ port: rig.amqpPort });
  expect(await client.send(ADDRESS, message('', undefined, 'ID:1'))).toMatchObject({ outcome: 'accepted' });
  expect(await client.send(ADDRESS, message(makeOrder(2).body, undefined, 'ID:2'))).toMatchObject({
    outcome: 'accepted',
  });
  await client.close();
  await allSettled(rig, 2);
  expect(countersOf(rig)).toEqual([2]);
  expect(await deadLettersOf(rig)).toMatchObject([{ n: 1, code: 'INGEST_EMPTY', path: 'MSH-1' }]);
});

test('G19: a message over payloadBytesMax is refused with its code and kept by its first bytes; the next one arrives', async () => {
  await using rig = await startRig();
  await rig.start();
  const client = await connectJms({ port: rig.amqpPort });
  const { outcome, reason } = await client.send(ADDRESS, message('x'.repeat(10 * 1024 * 1024 + 1), undefined, 'ID:1'));
  expect({ outcome, reason }).toEqual({ outcome: 'rejected', reason: expect.stringContaining('INGEST_TOO_LARGE') });
  expect(await rejects(rig)).toMatchObject([{ code: 'INGEST_TOO_LARGE', bytes: 10 * 1024 * 1024 + 1 }]);
  expect(await client.send(ADDRESS, message(makeOrder(1).body, undefined, 'ID:2'))).toMatchObject({
    outcome: 'accepted',
  });
  await client.close();
  await allSettled(rig, 1);
  expect(countersOf(rig)).toEqual([1]);
});

test('G16: NUL characters wherever a peer can put them, in the middle of full batches: only their own message pays', async () => {
  await using rig = await startRig();
  await rig.start();
  const nul = (text: string, where: RegExp): string => {
    const spoilt = text.replace(where, (found) => `${found}\u0000`);
    if (spoilt === text) throw new Error(`nothing to spoil: ${where}`);
    return spoilt;
  };
  // An envelope that Postgres refuses has no number: it is kept and the peer is told, at once and for good.
  const client: JmsClient = await connectJms({ port: rig.amqpPort });
  const refused = { outcome: 'rejected', reason: expect.stringContaining('STORE_DATA_REFUSED') };
  const body = makeOrder(1).body;
  expect(await client.send(ADDRESS, message(body, undefined, 'ID:nul\u0000here'))).toEqual(refused);
  expect(await client.send(ADDRESS, message(body, { interface: CODE, 'a\u0000key': 'value' }))).toEqual(refused);
  expect(await client.send(ADDRESS, message(body, { interface: CODE, key: 'a\u0000value' }))).toEqual(refused);
  expect((await rejects(rig)).map((row) => row.code)).toEqual(Array(3).fill('STORE_DATA_REFUSED'));
  await client.close();
  // In the middle of a burst: in the control id, in the code that the table does not know, before PID, before MSH.
  const spoil: Record<number, (body: string) => string> = {
    20: (text) => nul(text, /LAB-0001\.000020/),
    30: (text) => nul(text, /ZZ-90\d/),
    40: (text) => nul(text, /\rPID\|/),
    50: (text) => `\u0000${text}`,
  };
  for (let n = 1; n <= 60; n += 1) {
    const order = makeOrder(n, n === 30 ? { poison: 'unknownCode' } : {});
    const offered = { ...order, body: spoil[n]?.(order.body) ?? order.body };
    if (!rig.sender.offer(offered)) throw new Error('the sender takes no more');
  }
  await allSettled(rig, 60);
  const rows = await numbersOf(rig);
  const failed = rows.filter((row) => row.status !== 'DELIVERED').map((row) => row.n);
  // What Postgres or HL7 cannot take ends as a dead letter of its own; all others are delivered, in order.
  expect((await deadLettersOf(rig)).map((letter) => letter.n)).toEqual(failed);
  expect(failed.every((n) => spoil[n] !== undefined)).toBe(true);
  expect(failed).toEqual(expect.arrayContaining([30, 50]));
  const clean = rows.map((row) => row.n).filter((n) => spoil[n] === undefined);
  expect(countersOf(rig).filter((n) => spoil[n] === undefined)).toEqual(clean);
  expect(rig.lis.judge.report()).toMatchObject({ orderViolations: 0, repeats: 0 });
  expect(await brokenNumbers(rig)).toEqual([]);
  expect(await rig.query('SELECT 1 FROM stage_claim')).toEqual([]);
});
