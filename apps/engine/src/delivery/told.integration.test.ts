/** What the owner of a lane is told of stages that ended elsewhere, and when it does not believe it. */
import {
  type DestinationId,
  destinationId,
  type InterfaceId,
  type MessageId,
  messageId,
  sequenceNo,
} from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import { eventually } from '@inorder/testkit/eventually';
import { ScriptedLis } from '@inorder/testkit/scripted-lis';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RecordingLanes, realClock, type SiteFixture, silent, siteFixture } from '../../test/site-fixture.ts';
import { openPlanSnapshots, type PlanSnapshots } from '../adapters/postgres/plan-snapshots.ts';
import { Presence } from '../presence/presence.ts';
import { createDelivery, type Delivery } from './delivery.ts';
import type { StageEnd } from './inbox.ts';
import { DELIVERY_DEFAULTS } from './settings.ts';

const lines: string[] = [];
let fixture: SiteFixture;
let lis: ScriptedLis;
let snapshots: PlanSnapshots;
let delivery: Delivery;
let presence: Presence;
let toLis: DestinationId;

const order = (control: string, what: string): string =>
  [`MSH|^~\\&|ORDERS|NORTH|LAB|CENTRAL|20260102030405||OML^O21^OML_O21|${control}|P|2.5.1`, `OBR|1|||${what}`, ''].join(
    '\r',
  );

beforeEach(async () => {
  lines.length = 0;
  fixture = await siteFixture({ interfaces: 1 });
  lis = await ScriptedLis.start();
  await fixture.test.pool.query("UPDATE destination SET document = $1, updated_at = now() + interval '1 s'", [
    JSON.stringify({ kind: 'MLLP', host: '127.0.0.1', port: lis.port }),
  ]);
  await fixture.site.refresh();
  toLis = destinationId(fixture.site.destination('lis')?.destinationId ?? '');
  snapshots = openPlanSnapshots(fixture.test.url, 'test plans', () => undefined);
});
afterEach(async () => {
  await delivery.stop();
  await presence.stop();
  await snapshots.close();
  await lis.stop();
  await fixture[Symbol.asyncDispose]();
});

async function begin(): Promise<void> {
  const { database, site, instance } = fixture;
  presence = new Presence({
    queries: database,
    card: { instance, roles: ['deliver'], adminUrl: null, version: 'test' },
    clock: realClock,
    logger: silent,
    instanceHeartbeatMs: 2000,
    leaseMs: 10_000,
    checkIdentity: async () => undefined,
  });
  delivery = createDelivery({
    database,
    leases: database,
    snapshots,
    site,
    presence,
    instance,
    clock: realClock,
    logger: pino({ level: 'error' }, { write: (line) => void lines.push(line) }),
    settings: DELIVERY_DEFAULTS,
    elsewhere: new RecordingLanes(),
    offers: { repaired: () => undefined, missed: () => undefined },
    stages: () => ({ runDetached: () => Promise.reject(new Error('nothing is staged here')) }),
  });
  await presence.start();
  await delivery.start();
}

/** A number with its payload as the stages left it; `status` is where it stands now. */
async function number(n: number, status: string, control: string, processed: string, to = toLis): Promise<MessageId> {
  const id = messageId(uuidv7());
  const { pool } = fixture.test;
  await pool.query(
    'INSERT INTO message_tracking (message_id, interface_id, sequence_no, status, revision) VALUES ($1, $2, $3, $4, 1)',
    [id, fixture.interfaceIds[0], n, status],
  );
  await pool.query(
    `INSERT INTO message_payload (message_id, format, raw, processed, destination_id, control_id) VALUES ($1, 'HL7V2', $2, $3, $4, $5)`,
    [id, Buffer.from(order(control, 'as it came')), Buffer.from(order(control, processed)), to, control],
  );
  await pool.query('UPDATE interface_sequence SET last_sequence_no = $1', [n]);
  return id;
}

function processedEnd(n: number, id: MessageId, controlId: string, to = toLis): StageEnd {
  return {
    interfaceId: interfaceIdOf(),
    messageId: id,
    sequenceNo: sequenceNo(n),
    placerKeys: [],
    status: 'PROCESSED',
    destinationId: to,
    controlId,
    format: 'HL7V2',
    payload: null,
  };
}

function interfaceIdOf(): InterfaceId {
  const [interfaceId] = fixture.interfaceIds;
  if (interfaceId === undefined) throw new Error('no interface');
  return interfaceId;
}

function failedEnd(n: number, id: MessageId): StageEnd {
  return {
    interfaceId: interfaceIdOf(),
    messageId: id,
    sequenceNo: sequenceNo(n),
    placerKeys: [],
    status: 'FAILED',
    code: 'ENRICH_CODE_UNKNOWN',
  };
}

async function checkpoint(): Promise<number> {
  const { rows } = await fixture.test.pool.query<{ n: string }>(
    'SELECT last_delivered_sequence AS n FROM message_delivery_checkpoint',
  );
  return Number(rows[0]?.n);
}

test('G14: a lane that is told of a run before the repair sends nothing of it, and what Postgres holds in the end', async () => {
  // Repaired in place under a former owner: it goes through the stages again, and its payload still is the first run's.
  const id = await number(1, 'RECEIVED', 'C1', 'made before the repair');
  const { pool } = fixture.test;
  await pool.query('UPDATE message_payload SET superseded = true');
  await begin();
  delivery.woken([processedEnd(1, id, 'C1')]);
  await pool.query('UPDATE message_payload SET superseded = false, processed = $1', [
    Buffer.from(order('C1', 'made after it')),
  ]);
  await pool.query("UPDATE message_tracking SET status = 'PROCESSED'");
  const sent = await lis.next();
  sent.acknowledge();
  expect(sent.payload.toString()).toContain('made after it');
  await eventually('settled', async () => (await checkpoint()) === 1);
});

test('G11: a head that was told wrongly, more than once, is delivered all the same though its own hint is lost', async () => {
  const id = await number(1, 'RECEIVED', 'C1', 'one');
  await begin();
  for (const wrong of [
    processedEnd(1, id, 'C9'),
    processedEnd(1, messageId(uuidv7()), 'C9'),
    processedEnd(1, id, 'C9'),
  ])
    delivery.woken([wrong]);
  await fixture.test.pool.query("UPDATE message_tracking SET status = 'PROCESSED' WHERE message_id = $1", [id]);
  const sent = await lis.next();
  sent.acknowledge();
  expect(sent.controlId).toBe('C1');
  await eventually('settled', async () => (await checkpoint()) === 1);
});

test('G6, G14: a failure that is told of a run before the repair holds no lane', async () => {
  const { pool } = fixture.test;
  const document = { route: [{ name: 'all', to: 'lis' }], delivery: { onFailure: 'hold' } };
  await pool.query(`UPDATE interface_revision SET document = $1`, [JSON.stringify(document)]);
  const id = await number(1, 'RECEIVED', 'C1', 'one');
  await begin();
  delivery.woken([failedEnd(1, id)]);
  await eventually('the lane was read again', () => lines.some((line) => line.includes('lane read again')));
  expect((await pool.query('SELECT held_for FROM message_delivery_checkpoint')).rows).toEqual([{ held_for: null }]);
  await pool.query("UPDATE message_tracking SET status = 'PROCESSED'");
  (await lis.next()).acknowledge();
  await eventually('settled', async () => (await checkpoint()) === 1);
});

test('G4, G5: the lane neither waits for nor passes numbers that it was told and Postgres never gave', async () => {
  const first = await number(1, 'PROCESSED', 'C1', 'one');
  await begin();
  delivery.woken([processedEnd(1, first, 'C1')]);
  (await lis.next()).acknowledge();
  await eventually('settled', async () => (await checkpoint()) === 1);
  const lane = () => delivery.lanes.get(interfaceIdOf());
  await eventually('it is at rest', () => lane()?.state.phase.name === 'RESTING');
  delivery.woken([failedEnd(4, messageId(uuidv7())), processedEnd(3, messageId(uuidv7()), 'C3')]);
  expect(lane()?.state).toMatchObject({ checkpoint: 1, highWater: 1 });
  delivery.woken([failedEnd(2, messageId(uuidv7()))]);
  await eventually('the lane was read again', () => lines.some((line) => line.includes('lane read again')));
  await eventually('it is at rest', () => lane()?.state.phase.name === 'RESTING');
  expect(lane()?.state).toMatchObject({ checkpoint: 1, highWater: 1 });
  expect(await checkpoint()).toBe(1);
  // Told again, and now given to others: those go out.
  delivery.woken([failedEnd(3, messageId(uuidv7()))]);
  const second = await number(2, 'PROCESSED', 'C2', 'two');
  const third = await number(3, 'PROCESSED', 'C3', 'three');
  delivery.woken([processedEnd(3, third, 'C3'), processedEnd(2, second, 'C2')]);
  for (const control of ['C2', 'C3']) {
    const sent = await lis.next();
    expect(sent.controlId).toBe(control);
    sent.acknowledge();
  }
  await eventually('settled', async () => (await checkpoint()) === 3);
});

test('G6: a destination that the owner of the lane has not heard of yet costs no message', async () => {
  await begin();
  // Another instance reads the new configuration first; this one is not told in time.
  const fresh = destinationId(uuidv7());
  await fixture.test.pool.query(
    `INSERT INTO destination (destination_id, name, document, updated_at) VALUES ($1, 'new', $2, now())`,
    [fresh, JSON.stringify({ kind: 'MLLP', host: '127.0.0.1', port: lis.port })],
  );
  const id = await number(1, 'PROCESSED', 'C1', 'one', fresh);
  delivery.woken([processedEnd(1, id, 'C1', fresh)]);
  (await lis.next()).acknowledge();
  await eventually('settled', async () => (await checkpoint()) === 1);
  const { rows } = await fixture.test.pool.query('SELECT status FROM message_tracking');
  expect(rows).toEqual([{ status: 'DELIVERED' }]);
});

test('G6: a head whose payload is missing is told of by one incident', async () => {
  const id = await number(1, 'PROCESSED', 'C1', 'one');
  await begin();
  await fixture.test.pool.query('DELETE FROM message_payload');
  delivery.woken([processedEnd(1, id, 'C1')]);
  const { pool } = fixture.test;
  await eventually('an incident', async () => {
    const { rows } = await pool.query<{ kind: string }>('SELECT kind FROM incident');
    return rows.map((row) => row.kind).join() === 'PAYLOAD_MISSING';
  });
});

test('G5: a settlement that names the message of another number moves nothing', async () => {
  await number(1, 'RECEIVED', 'C1', 'one');
  const second = await number(2, 'PROCESSED', 'C2', 'two');
  await begin();
  delivery.woken([processedEnd(1, second, 'C2')]);
  (await lis.next()).acknowledge();
  // The lane is read again, and the second number waits for the first.
  await eventually('the lane was read again', () => lines.some((line) => line.includes('lane read again')));
  expect(await checkpoint()).toBe(0);
});
