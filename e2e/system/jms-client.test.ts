/**
 * What a Java application on Apache Qpid JMS sees of our own listener: what is taken, what is answered, what is refused
 * and in which words. Mandatory under CI=true, else skipped where Java or Maven is missing.
 */

import { eventually } from '@inorder/testkit/eventually';
import type { JmsOptions } from '@inorder/testkit/java-client';
import { describe, expect, test } from 'vitest';
import { acknowledge, counted, java, orderTemplate, theClient, toListener } from './jms-orders.ts';
import { ADDRESS, allSettled, brokenNumbers, CODE, controlId, countersOf, numbersOf, startRig } from './rig.ts';

const skipped = { skip: java === undefined };
const idsOf = (count: number, code = CODE): string[] => Array.from({ length: count }, (_, i) => controlId(i + 1, code));

/** Two ways to survive a restart in order; a failover URL with completion listeners is none (docs/operations/jms-clients.md). */
const WAYS_BACK: readonly (readonly [string, (port: number) => JmsOptions])[] = [
  [
    'waits for each message over a failover URL',
    (port) => ({
      url: `failover:(amqp://127.0.0.1:${port})?failover.reconnectDelay=50&failover.maxReconnectDelay=500`,
      confirm: 'sync',
    }),
  ],
  [
    'sends on and goes back to the oldest message without an answer',
    (port) => ({ url: `amqp://127.0.0.1:${port}`, confirm: 'async', 'in-flight': 200, retry: true }),
  ],
];

describe('a JMS client at our own listener', () => {
  test(
    'G1, G2: text and bytes messages get numbers in their order, keep their properties, and are answered once each',
    skipped,
    async () => {
      await using rig = await startRig();
      await rig.start();
      using order = orderTemplate();
      const options = toListener(rig, {
        ...{ template: order.file, count: 20, body: 'alternating', 'typed-properties': true, group: true },
        ...{ correlation: true, 'reply-to': 'temporary' },
      });
      const result = await theClient().send(options);
      expect(result).toMatchObject({ sent: 20, confirmed: 20, failed: 0, open: 0, failures: [], error: null });
      acknowledge(rig, idsOf(20), result);
      await allSettled(rig, 20);
      expect(countersOf(rig)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
      expect(rig.lis.judge.report()).toMatchObject({ missing: 0, repeats: 0, outOfOrder: 0, regressions: 0 });

      expect(result.replies).toMatchObject({
        received: 20,
        answered: 20,
        repeated: 0,
        foreign: 0,
        byOutcome: { STORED: 20 },
      });
      const [first] = result.replies?.samples ?? [];
      expect(first).toMatchObject({
        correlationId: `order ${controlId(1)}`,
        persistent: false,
        properties: { inorderOutcome: 'STORED', inorderInterface: CODE, inorderSequenceNo: 1 },
      });
      expect(first?.expiresInMs).toBeGreaterThan(0);
      expect(first?.expiresInMs).toBeLessThanOrEqual(60_000);
      expect(JSON.parse(first?.text ?? '')).toEqual({
        outcome: 'STORED',
        numbers: [{ interface: CODE, sequenceNo: 1 }],
        alreadyKnown: [],
      });

      const stored = await rig.query<{ id: string; properties: object }>(
        `SELECT p.jms_message_id AS id, p.properties FROM message_payload p JOIN message_tracking t USING (message_id)
        ORDER BY t.sequence_no`,
      );
      expect(stored.map(({ id }) => id)).toEqual(idsOf(20).map((id) => `ID:${id}`));
      expect(stored[1]?.properties).toMatchObject({
        ...{ interface: CODE, JMSXGroupID: CODE, JMSXGroupSeq: 7, JMSType: 'order' },
        ...{ JMSCorrelationID: `order ${controlId(2)}`, JMSReplyTo: expect.stringMatching(/^replies\/[0-9a-f]{32}$/) },
        ...{ aBoolean: true, aByte: -8, aShort: 1600, anInt: -320_000, aLong: 6_400_000_000 },
        ...{ theLongest: '9223372036854775807', aFloat: 0.5, aDouble: -0.25, aString: 'grüß' },
      });
    },
  );

  test(
    'G2: a message that comes again under its id is answered as a duplicate and gets no second number',
    skipped,
    async () => {
      await using rig = await startRig();
      await rig.start();
      using order = orderTemplate();
      // Without a correlation id of its own the reply names the message id; a named reply address does as well as a temporary one.
      const options = toListener(rig, { template: order.file, count: 5, 'reply-to': 'replies/of-this-test' });
      const once = await theClient().send(options);
      expect(once.replies).toMatchObject({ received: 5, answered: 5, byOutcome: { STORED: 5 } });
      expect(once.replies?.samples.map((reply) => reply.correlationId)).toEqual(idsOf(5).map((id) => `ID:${id}`));
      const again = await theClient().send(options);
      expect(again).toMatchObject({ confirmed: 5, failed: 0 });
      expect(again.replies).toMatchObject({ received: 5, answered: 5, byOutcome: { DUPLICATE: 5 } });
      expect(JSON.parse(again.replies?.samples[0]?.text ?? '')).toEqual({
        outcome: 'DUPLICATE',
        numbers: [],
        alreadyKnown: [CODE],
      });
      expect(await counted(rig)).toEqual({ numbers: 5, messages: 5, refused: 0 });
      // An application that sends again by itself has new ids from the library: to everybody these are other messages.
      expect(await theClient().send({ ...options, ids: 'library' })).toMatchObject({ confirmed: 5 });
      expect(await counted(rig)).toMatchObject({ numbers: 10 });
    },
  );

  test.for(WAYS_BACK)(
    'G2, G4: kill -9 under a client that %s: 0 lost, 0 reordered, no second number',
    {
      ...skipped,
      timeout: 120_000,
    },
    async ([, way]) => {
      const codes = [CODE, 'LAB-0002', 'LAB-0003'];
      await using rig = await startRig({ codes, stragglersByConnection: true });
      let engine = await rig.start();
      using order = orderTemplate();
      const count = 1_500;
      await using run = theClient().start({
        ...{ queue: ADDRESS, interfaces: codes.join(','), template: order.file, count, rate: 300 },
        ...way(rig.amqpPort),
      });
      for (const confirmed of [300, 800]) {
        await eventually(`${confirmed} are confirmed`, () => run.progress().confirmed >= confirmed);
        await engine.kill();
        engine = await rig.start();
      }
      const result = await run.result;
      const ids = codes.flatMap((code) => idsOf(count / codes.length, code));
      acknowledge(rig, ids, result);
      await allSettled(rig, count, 60_000);
      expect(await counted(rig)).toEqual({ numbers: count, messages: count, refused: 0 });
      expect(await brokenNumbers(rig)).toEqual([]);
      const report = rig.lis.judge.report();
      expect(report).toMatchObject({ missing: 0, regressions: 0, outOfOrder: 0, gaps: 0, distinct: count });
    },
  );
});

interface Refusal {
  readonly what: string;
  readonly options: (port: number) => JmsOptions;
  readonly during: string;
  readonly class: string;
  readonly message: RegExp;
  /** Envelopes kept in ingest_reject; what is refused before a message came leaves none. */
  readonly kept: number;
}

const LOGIN = { user: 'upstream', password: 'a-password' };
const at = (port: number): JmsOptions => ({
  url: `amqp://127.0.0.1:${port}`,
  queue: ADDRESS,
  interfaces: CODE,
  ...LOGIN,
});

const REFUSALS: readonly Refusal[] = [
  {
    what: 'a transacted session',
    options: (port) => ({ ...at(port), count: 5, transacted: 5 }),
    ...{ during: 'session', class: 'jakarta.jms.JMSException', kept: 0 },
    message:
      /^Transactions are not supported; use an auto-acknowledge session, every message is stored before it is accepted/,
  },
  {
    what: 'a wrong password',
    options: (port) => ({ ...at(port), password: 'another' }),
    ...{ during: 'connect', class: 'org.apache.qpid.jms.exceptions.JMSSecuritySaslException', kept: 0 },
    message: /^Client failed to authenticate using SASL: PLAIN/,
  },
  {
    what: 'a queue that no source has',
    options: (port) => ({ ...at(port), queue: 'nowhere' }),
    ...{ during: 'producer', class: 'jakarta.jms.InvalidDestinationException', kept: 0 },
    message: /^no source has the address "nowhere" on connection jms/,
  },
  {
    what: 'a producer that settles before it is answered',
    options: (port) => ({ ...at(port), url: `amqp://127.0.0.1:${port}?jms.presettlePolicy.presettleProducers=true` }),
    ...{ during: 'producer', class: 'jakarta.jms.JMSException', kept: 0 },
    message: /^Pre-settled sending is not supported/,
  },
  {
    what: 'a consumer of anything but replies',
    options: (port) => ({ ...at(port), 'reply-to': 'elsewhere' }),
    ...{ during: 'reply queue', class: 'jakarta.jms.JMSException', kept: 0 },
    message: /^This listener only takes messages in; what can be consumed here is replies/,
  },
  {
    what: 'a message above payloadBytesMax',
    options: (port) => ({ ...at(port), 'pad-bytes': 11 * 1024 * 1024 }),
    ...{ during: 'send', class: 'jakarta.jms.JMSException', kept: 1 },
    message: /^INGEST_TOO_LARGE: The message of 11\d{6} bytes is larger than \d+/,
  },
  {
    what: 'a MapMessage',
    options: (port) => ({ ...at(port), body: 'map' }),
    ...{ during: 'send', class: 'jakarta.jms.JMSException', kept: 1 },
    message: /^INGEST_BODY_KIND: A body of AMQP type Map8/,
  },
  {
    what: 'an interface that does not exist',
    options: (port) => ({ ...at(port), interfaces: 'LAB-9999' }),
    ...{ during: 'send', class: 'jakarta.jms.JMSException', kept: 1 },
    message: /^INGEST_UNKNOWN_INTERFACE: Source orders: there is no interface LAB-9999/,
  },
];

test('G2: what the listener refuses is a JMSException that says why, and is never numbered', {
  ...skipped,
  timeout: 120_000,
}, async () => {
  await using rig = await startRig({ connection: { username: LOGIN.user, password: LOGIN.password } });
  await rig.start();
  for (const refusal of REFUSALS) {
    const before = await counted(rig);
    const result = await theClient().send(refusal.options(rig.amqpPort));
    expect(result, refusal.what).toMatchObject({ confirmed: 0 });
    const failure = result.error ?? result.failures[0];
    expect(failure, refusal.what).toMatchObject({
      ...{ during: refusal.during, class: refusal.class, isJmsException: true },
      message: expect.stringMatching(refusal.message),
    });
    expect(await counted(rig), refusal.what).toEqual({ ...before, refused: before.refused + refusal.kept });
  }
  // The same sender, told right: the refusals left nothing behind that is in its way.
  expect(await theClient().send(at(rig.amqpPort))).toMatchObject({ confirmed: 1, error: null });
  expect(await counted(rig)).toMatchObject({ numbers: 1 });
});

test('G1: a non-persistent message is stored before it is accepted, like any other', skipped, async () => {
  await using rig = await startRig();
  const engine = await rig.start();
  using order = orderTemplate();
  const options = toListener(rig, { template: order.file, 'non-persistent': true });
  // Qpid JMS does not wait for the answer to such a message by itself: a completion listener does.
  expect(await theClient().send({ ...options, count: 3, confirm: 'async' })).toMatchObject({ confirmed: 3 });
  const refused: JmsOptions = { ...options, interfaces: 'LAB-9999' };
  const waits = { ...refused, url: `${refused['url']}?jms.forceSyncSend=true` };
  expect(await theClient().send(waits)).toMatchObject({ confirmed: 0, failed: 1 });
  // Without either the application goes on as if it had been taken; ingest_reject and the console have it.
  expect(await theClient().send({ ...refused, run: 'unheard' })).toMatchObject({ confirmed: 1, failed: 0 });
  await eventually('the message that nobody heard of is kept', async () => (await counted(rig)).refused === 2);
  await engine.kill();
  expect((await numbersOf(rig)).map(({ n }) => n)).toEqual([1, 2, 3]);
});

test('G3: a second producer for one source is refused with a JMSException', skipped, async () => {
  await using rig = await startRig();
  await rig.start();
  using order = orderTemplate();
  const options = toListener(rig, { template: order.file });
  await using first = theClient().start({ ...options, count: 1_000, rate: 20 });
  await eventually('the first producer sends', () => first.progress().confirmed > 0);
  const second = await theClient().send({ ...options, run: 'second' });
  expect(second).toMatchObject({ confirmed: 0, error: { during: 'producer', isJmsException: true } });
  expect(second.error?.message).toMatch(/^Another producer \(127\.0\.0\.1:\d+\) is attached to this address/);
});

test('a refused message is answered with code and reason, as an accepted one is with its number', skipped, async () => {
  await using rig = await startRig();
  await rig.start();
  using order = orderTemplate();
  const options = toListener(rig, {
    template: order.file,
    interfaces: `${CODE},LAB-9999`,
    count: 4,
    'reply-to': 'temporary',
  });
  const result = await theClient().send(options);
  expect(result).toMatchObject({ confirmed: 2, failed: 2 });
  expect(result.replies).toMatchObject({ received: 4, answered: 4, foreign: 0, byOutcome: { STORED: 2, REFUSED: 2 } });
  const refusal = result.replies?.samples.find((reply) => reply.properties['inorderOutcome'] === 'REFUSED');
  const reason = 'Source orders: there is no interface LAB-9999';
  expect(refusal?.properties).toMatchObject({ inorderErrorCode: 'INGEST_UNKNOWN_INTERFACE', inorderReason: reason });
  expect(JSON.parse(refusal?.text ?? '')).toEqual({ outcome: 'REFUSED', code: 'INGEST_UNKNOWN_INTERFACE', reason });
});
