/**
 * A Java application on Apache Qpid JMS, Artemis, and the engine reading from it: transactions, replies, and a broker that is
 * killed. INORDER_SYSTEM_JMS_ORDERS sets how many orders the last test sends: 3,000 by default, 100,000 in the full form.
 */
import { testBroker } from '@inorder/testkit/broker-services';
import { eventually } from '@inorder/testkit/eventually';
import type { JmsOptions } from '@inorder/testkit/java-client';
import { expect, test } from 'vitest';
import { acknowledge, counted, java, orderTemplate, theClient } from './jms-orders.ts';
import {
  ADDRESS,
  allSettled,
  brokenNumbers,
  CODE,
  controlId,
  countersOf,
  type Rig,
  type RigOptions,
  startRig,
} from './rig.ts';

const ORDERS = Number(process.env['INORDER_SYSTEM_JMS_ORDERS'] ?? 3_000);
const skipped = { skip: java === undefined };
const idsOf = (count: number, code = CODE): string[] => Array.from({ length: count }, (_, i) => controlId(i + 1, code));

type Broker = NonNullable<Awaited<ReturnType<typeof testBroker>>>;

/** Where there is Java and Maven there is Artemis. */
async function artemis(): Promise<Broker> {
  const broker = await testBroker('artemis', { queues: [{ name: ADDRESS, exclusive: true }] });
  if (broker === undefined) throw new Error('the JMS client could be built, but Artemis cannot run');
  return broker;
}

function rigAt({ setup }: Broker, more: RigOptions = {}): Promise<Rig> {
  const { host, port, login } = setup;
  return startRig({
    ...more,
    connection: { kind: 'CONNECT', host, port, ...login, reconnectDelayMs: 50, reconnectDelayMsMax: 500 },
  });
}

function toBroker({ setup }: Broker, more: JmsOptions = {}): JmsOptions {
  const { port, login } = setup;
  return {
    ...{ url: `amqp://127.0.0.1:${port}`, user: login.username, password: login.password },
    ...{ queue: ADDRESS, interfaces: CODE },
    ...more,
  };
}

test('G1, G2: persistent messages reach the laboratory over Artemis with group and properties, each with one reply', {
  ...skipped,
  timeout: 120_000,
}, async () => {
  await using broker = await artemis();
  await using rig = await rigAt(broker);
  await rig.start();
  using order = orderTemplate();
  const options = toBroker(broker, {
    ...{ template: order.file, count: 20, body: 'alternating', 'typed-properties': true, group: true },
    ...{ correlation: true, 'reply-to': 'temporary', 'reply-wait-ms': 20_000 },
  });
  const result = await theClient().send(options);
  acknowledge(rig, idsOf(20), result);
  await allSettled(rig, 20);
  expect(countersOf(rig)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  expect(result.replies).toMatchObject({ received: 20, answered: 20, foreign: 0, byOutcome: { STORED: 20 } });
  expect(result.replies?.samples[0]).toMatchObject({
    ...{ correlationId: `order ${controlId(1)}`, persistent: false },
    properties: { inorderOutcome: 'STORED', inorderInterface: CODE, inorderSequenceNo: 1 },
  });
  expect(result.replies?.samples[0]?.expiresInMs).toBeGreaterThan(0);
  const [stored] = await rig.query<{ properties: object }>(
    'SELECT p.properties FROM message_payload p JOIN message_tracking t USING (message_id) WHERE t.sequence_no = 2',
  );
  expect(stored?.properties).toMatchObject({
    ...{ interface: CODE, JMSXGroupID: CODE, JMSXGroupSeq: 7, JMSType: 'order' },
    ...{ aBoolean: true, aByte: -8, anInt: -320_000, aLong: 6_400_000_000, theLongest: '9223372036854775807' },
    ...{ aFloat: 0.5, aDouble: -0.25, aString: 'grüß', JMSCorrelationID: `order ${controlId(2)}` },
  });

  // A queue with a name, and a message that is refused: it is answered too, and lies in the broker's dead letters.
  const refused = await theClient().send({ ...options, interfaces: 'LAB-9999', count: 2, 'reply-to': 'answers' });
  expect(refused.replies).toMatchObject({ received: 2, answered: 2, byOutcome: { REFUSED: 2 } });
  expect(refused.replies?.samples[0]?.properties).toMatchObject({ inorderErrorCode: 'INGEST_UNKNOWN_INTERFACE' });
  const dead = await theClient().receive(toBroker(broker, { queue: 'DLQ', count: 2 }));
  expect(dead.messages.map((message) => message.messageId)).toEqual(idsOf(2, 'LAB-9999').map((id) => `ID:${id}`));
  expect(await counted(rig)).toEqual({ numbers: 20, messages: 20, refused: 2 });
});

test('G2: what a transaction takes back is never numbered, what it commits is, in order', {
  ...skipped,
  timeout: 120_000,
}, async () => {
  await using broker = await artemis();
  await using rig = await rigAt(broker);
  await rig.start();
  using order = orderTemplate();
  const result = await theClient().send(
    toBroker(broker, { template: order.file, count: 40, transacted: 5, 'rollback-every': 2 }),
  );
  expect(result).toMatchObject({ sent: 40, confirmed: 20, rolledBack: 20, failed: 0, open: 0, error: null });
  await allSettled(rig, 20);
  const committed = Array.from({ length: 40 }, (_, i) => i + 1).filter((n) => Math.floor((n - 1) / 5) % 2 === 0);
  expect(countersOf(rig)).toEqual(committed);
  expect(await counted(rig)).toEqual({ numbers: 20, messages: 20, refused: 0 });
  expect(await brokenNumbers(rig)).toEqual([]);
});

test(`G1, G2, G4: Artemis killed under ${ORDERS} orders of a JMS client: 0 lost, 0 reordered, no second number`, {
  ...skipped,
  timeout: 180_000 + ORDERS * 20,
}, async () => {
  const codes = Array.from({ length: 10 }, (_, i) => `LAB-${String(i + 1).padStart(4, '0')}`);
  await using broker = await artemis();
  await using rig = await rigAt(broker, { codes });
  const engine = await rig.start();
  using order = orderTemplate();
  await using run = theClient().start(
    toBroker(broker, {
      ...{ interfaces: codes.join(','), template: order.file, count: ORDERS, rate: 1_000 },
      ...{ confirm: 'async', retry: true },
    }),
  );
  for (const share of [0.25, 0.6]) {
    await eventually('the next kill is due', () => run.progress().confirmed >= ORDERS * share, {
      withinMs: 60_000 + ORDERS * 10,
    });
    await broker.kill();
    await broker.start();
  }
  const result = await run.result;
  acknowledge(
    rig,
    codes.flatMap((code) => idsOf(ORDERS / codes.length, code)),
    result,
  );
  await allSettled(rig, ORDERS, 60_000 + ORDERS * 10);
  expect(await counted(rig)).toEqual({ numbers: ORDERS, messages: ORDERS, refused: 0 });
  expect(await brokenNumbers(rig)).toEqual([]);
  const report = rig.lis.judge.report();
  expect(report).toMatchObject({ missing: 0, repeats: 0, regressions: 0, outOfOrder: 0, gaps: 0, distinct: ORDERS });
  expect((await engine.stop()).code).toBe(0);
});
