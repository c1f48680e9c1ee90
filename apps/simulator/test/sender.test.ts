import { afterEach, expect, test } from 'vitest';
import { type SenderOptions, type SettledEvent, UpstreamSender } from '../src/upstream/sender.ts';
import { AmqpPeer } from './amqp-peer.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function peerOf(port = 0, credit = 100): Promise<AmqpPeer> {
  const peer = await AmqpPeer.listen(port, credit);
  stops.push(() => peer.close());
  return peer;
}

function senderTo(
  port: number,
  more: Partial<SenderOptions> = {},
): { sender: UpstreamSender; settled: SettledEvent[] } {
  const settled: SettledEvent[] = [];
  const sender = new UpstreamSender({
    host: '127.0.0.1',
    port,
    addressOf: () => 'orders',
    reconnectDelayMs: 5,
    now: () => Date.UTC(2026, 0, 1),
    onSettled: (event) => settled.push(event),
    ...more,
  });
  stops.push(() => sender.stop());
  return { sender, settled };
}

const id = (code: string, counter: number) => `${code}.${String(counter).padStart(6, '0')}`;
function offer(sender: UpstreamSender, code: string, from: number, to: number): void {
  for (let counter = from; counter <= to; counter += 1) {
    sender.offer({ interfaceCode: code, controlId: id(code, counter), body: id(code, counter) });
  }
}
const bodies = (peer: AmqpPeer, code = '') =>
  peer.taken.map(({ message }) => String(message['body'])).filter((body) => body.startsWith(code));
const ids = (code: string, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => id(code, from + index));

test('a TextMessage arrives with id, interface, timestamp and the marks of JMS, and is counted as accepted', async () => {
  const peer = await peerOf();
  const { sender, settled } = senderTo(peer.port);
  offer(sender, 'LAB-1', 1, 3);
  await sender.idle();
  expect(bodies(peer)).toEqual(ids('LAB-1', 1, 3));
  const message = peer.taken[0]?.message;
  expect(message).toMatchObject({ durable: true, application_properties: { interface: 'LAB-1' } });
  expect(message?.['message_id']).toMatch(/^ID:[0-9a-f-]{36}$/);
  expect(Number(message?.['creation_time'])).toBe(Date.UTC(2026, 0, 1));
  expect(message?.['message_annotations']).toMatchObject({ 'x-opt-jms-msg-type': 5 });
  expect(settled.map(({ controlId, outcome }) => [controlId, outcome])).toEqual(
    ids('LAB-1', 1, 3).map((controlId) => [controlId, 'accepted']),
  );
  expect(sender.counts()).toMatchObject({ offered: 3, sent: 3, accepted: 3, open: 0, connected: true, inversions: 0 });
});

test('BytesMessage, PLAIN, another property and an address per interface', async () => {
  const peer = await peerOf();
  const { sender } = senderTo(peer.port, {
    username: 'up',
    password: 'pw',
    bodyKind: 'bytes',
    interfaceProperty: 'lab_interface',
    addressOf: (code) => `orders.${code}`,
  });
  offer(sender, 'LAB-1', 1, 1);
  offer(sender, 'LAB-2', 1, 1);
  await sender.idle();
  expect(peer.taken.map(({ address }) => address).sort()).toEqual(['orders.LAB-1', 'orders.LAB-2']);
  const first = peer.taken.find(({ address }) => address === 'orders.LAB-1')?.message;
  expect(first?.['body'].content.toString('utf8')).toBe(id('LAB-1', 1));
  // A map with these keys would look the same but for its class.
  expect(first?.['body'].constructor.name).toBe('Section');
  expect(first).toMatchObject({ application_properties: { lab_interface: 'LAB-1' } });
});

test('G4: released messages are sent again in order with the same message id, before what is new', async () => {
  const peer = await peerOf(0, 4);
  const { sender, settled } = senderTo(peer.port);
  peer.onMessage = ({ delivery }, n) => (n <= 4 ? delivery.release() : delivery.accept());
  offer(sender, 'LAB-1', 1, 8);
  await sender.idle();
  const seen = bodies(peer);
  expect(seen.slice(0, 4)).toEqual(ids('LAB-1', 1, 4));
  const accepted = settled.filter(({ outcome }) => outcome === 'accepted').map(({ controlId }) => controlId);
  expect(accepted).toEqual(ids('LAB-1', 1, 8));
  const messageIds = new Set(peer.taken.map(({ message }) => message['message_id']));
  expect(messageIds.size).toBe(8);
  expect(sender.counts()).toMatchObject({ accepted: 8, released: 4, resent: 4, sent: 12, inversions: 0 });
});

test('a rejected message is not sent again and holds nobody up', async () => {
  const peer = await peerOf();
  const { sender, settled } = senderTo(peer.port);
  // One outcome for all: rhea would send mixed ones of one tick as one range.
  peer.onMessage = ({ delivery }) => delivery.reject({ condition: 'amqp:not-allowed', description: '' });
  offer(sender, 'LAB-1', 1, 2);
  await sender.idle();
  peer.onMessage = ({ delivery }) => delivery.accept();
  offer(sender, 'LAB-1', 3, 3);
  await sender.idle();
  expect(bodies(peer)).toEqual(ids('LAB-1', 1, 3));
  expect(settled.map(({ outcome }) => outcome)).toEqual(['rejected', 'rejected', 'accepted']);
});

test('G4: after a cut connection what is unsettled is sent again, in order per interface', async () => {
  const peer = await peerOf();
  const { sender, settled } = senderTo(peer.port);
  peer.onMessage = () => undefined;
  offer(sender, 'LAB-1', 1, 5);
  offer(sender, 'LAB-2', 1, 5);
  await peer.arrived(10);
  const firstIds = peer.taken.map(({ message }) => message['message_id']);
  peer.onMessage = ({ delivery }) => delivery.accept();
  peer.cut();
  offer(sender, 'LAB-1', 6, 7);
  await sender.idle();
  expect(bodies(peer, 'LAB-1').slice(5)).toEqual(ids('LAB-1', 1, 7));
  expect(bodies(peer, 'LAB-2').slice(5)).toEqual(ids('LAB-2', 1, 5));
  expect(peer.taken.slice(10, 20).map(({ message }) => message['message_id'])).toEqual(firstIds);
  expect(settled.length).toBe(12);
  expect(sender.counts()).toMatchObject({ connections: 2, accepted: 12 });
  expect(sender.counts().resent).toBeGreaterThanOrEqual(10);
});

test('a link that the peer ends is opened again, and nothing is lost', async () => {
  const peer = await peerOf();
  const { sender } = senderTo(peer.port);
  peer.onMessage = () => undefined;
  offer(sender, 'LAB-1', 1, 3);
  await peer.arrived(3);
  peer.onMessage = ({ delivery }) => delivery.accept();
  peer.endLinks();
  await sender.idle();
  expect(bodies(peer).slice(3)).toEqual(ids('LAB-1', 1, 3));
  expect(sender.counts().lastError).toBe('amqp:link:stolen');
});

test('a peer that is not there yet is tried until it is', async () => {
  const gone = await AmqpPeer.listen();
  await gone.close();
  let connects = 0;
  const { sender } = senderTo(gone.port);
  offer(sender, 'LAB-1', 1, 2);
  while (sender.counts().lastError === undefined) {
    connects += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(connects).toBeGreaterThan(0);
  expect(sender.counts()).toMatchObject({ connected: false, lastError: 'ECONNREFUSED' });
  const peer = await peerOf(gone.port);
  await sender.idle();
  expect(bodies(peer)).toEqual(ids('LAB-1', 1, 2));
});

test('G19: in flight and in the queue it is bounded, and credit is kept to', async () => {
  const peer = await peerOf(0, 100);
  const { sender } = senderTo(peer.port, { inFlightMax: 7, queueMax: 20 });
  peer.onMessage = () => undefined;
  const taken = Array.from({ length: 30 }, (_, n) =>
    sender.offer({ interfaceCode: 'LAB-1', controlId: id('LAB-1', n + 1), body: id('LAB-1', n + 1) }),
  );
  expect(taken.filter(Boolean).length).toBe(20);
  await peer.arrived(7);
  expect(sender.counts()).toMatchObject({ sent: 7, open: 20 });
  for (const { delivery } of peer.taken) delivery.accept();
  await peer.arrived(14);
  expect(bodies(peer)).toEqual(ids('LAB-1', 1, 14));
});
