import { siteDocumentSchema } from '@inorder/shared';
import { expect, test } from 'vitest';
import { wayIn } from './way-in.ts';

const connection = { kind: 'LISTEN', host: '127.0.0.1', port: 7472 };
const site = (sources: object, connections: object = { jms: connection }) =>
  siteDocumentSchema.parse({
    connections,
    sources,
    interfaces: { 'LAB-9': { name: 'alone', route: [{ name: 'r', to: 'x' }] } },
  });

const shared = { connection: 'jms', address: 'orders', interfaceProperty: 'lab', interfaces: ['LAB-1', 'LAB-2'] };
const own = { connection: 'jms', address: 'orders.LAB-1', interfaces: ['LAB-1'] };
const byHand = { ...shared, address: 'by-hand', producers: 'many' };

test('a source that several may send to comes first', () => {
  expect(wayIn(site({ shared, own, byHand }), 'LAB-1', undefined, false)).toEqual({
    url: 'amqp://127.0.0.1:7472',
    address: 'by-hand',
    properties: { lab: 'LAB-1' },
  });
});

test('an address is taken as it is, with the property of its source', () => {
  expect(wayIn(site({ shared, byHand }), 'LAB-1', 'orders', false)).toMatchObject({
    address: 'orders',
    properties: { lab: 'LAB-1' },
  });
  expect(wayIn(site({ own }), 'LAB-1', 'elsewhere', false)).toMatchObject({ address: 'elsewhere' });
});

test('what cannot be sent is said', () => {
  expect(() => wayIn(site({ own }), 'LAB-9', undefined, false)).toThrow('no source feeds LAB-9');
  expect(() => wayIn(site({ own }), 'LAB-7', undefined, false)).toThrow('there is no interface LAB-7');
  const secured = site({ own }, { jms: { ...connection, username: 'u', password: '(kept secret)' } });
  expect(() => wayIn(secured, 'LAB-1', undefined, false)).toThrow('give --url');
  expect(wayIn(secured, 'LAB-1', undefined, true)).toMatchObject({ address: 'orders.LAB-1' });
});
