import { expect, test } from 'vitest';
import {
  coloursOf,
  holdingsOf,
  hostsOf,
  type Instance,
  inOrder,
  presenceOf,
  rangesText,
  rolesOf,
  unprotectedOf,
} from './presence.ts';

const instance = (name: string, more: Partial<Instance> = {}): Instance => ({
  instance: name,
  roles: ['ingest', 'validate', 'enrich', 'route', 'deliver', 'watchdog'],
  version: '0.1.0',
  startedAt: 0,
  heartbeatAgeMs: 500,
  stopped: false,
  alive: true,
  shards: 0,
  epochMax: null,
  sources: 0,
  unprotected: 0,
  unprotectedNames: [],
  ...more,
});

test('who stopped has said so; who is silent without a word is lost', () => {
  expect(presenceOf(instance('a'))).toBe('ALIVE');
  expect(presenceOf(instance('a', { alive: false }))).toBe('LOST');
  expect(presenceOf(instance('a', { alive: false, stopped: true }))).toBe('STOPPED');
  const [stopped, lost, alive] = [
    instance('a', { alive: false, stopped: true }),
    instance('b', { alive: false }),
    instance('c'),
  ];
  expect(inOrder([stopped, lost, alive]).map((each) => each.instance)).toEqual(['c', 'b', 'a']);
});

test('instances stand along the way of a message, and by name where they do the same', () => {
  const split = ['deliver', 'ingest', 'validate'].flatMap((role) =>
    [1, 2].map((n) => instance(`${role}-${n}`, { roles: [role] })),
  );
  expect(inOrder([instance('new', { roles: ['of-tomorrow'] }), ...split]).map((each) => each.instance)).toEqual([
    'ingest-1',
    'ingest-2',
    'validate-1',
    'validate-2',
    'deliver-1',
    'deliver-2',
    'new',
  ]);
});

test('a role is hosted by who is alive: a lost host does not count, an unknown word is none', () => {
  const hosts = hostsOf([
    instance('in-1', { roles: ['ingest'] }),
    instance('st-1', { roles: ['validate', 'enrich', 'route', 'something-new'] }),
    instance('de-1', { roles: ['deliver', 'watchdog'], alive: false }),
  ]);
  expect(Object.fromEntries(hosts)).toEqual({
    ingest: ['in-1'],
    validate: ['st-1'],
    enrich: ['st-1'],
    route: ['st-1'],
    deliver: [],
    watchdog: [],
  });
  expect(rolesOf({ roles: ['watchdog', 'enrich'] })).toEqual(['enrich', 'watchdog']);
});

test('shards are told by owner, and whether the owner is there to carry their lanes', () => {
  const shards = ['b-10', null, 'b-2', 'b-2', 'gone'].map((owner) => ({ owner, epoch: 1 }));
  expect(holdingsOf(shards, [instance('b-2'), instance('b-10', { alive: false })])).toEqual([
    { owner: 'b-2', shards: [2, 3], alive: true },
    { owner: 'b-10', shards: [0], alive: false },
    { owner: 'gone', shards: [4], alive: false },
  ]);
});

test('runs of shards are written as ranges, and many of them are counted', () => {
  expect(rangesText([], 3)).toBe('');
  expect(rangesText([0, 1, 2, 7, 9, 10], 3)).toBe('0–2, 7, 9–10');
  expect(rangesText([0, 2, 4, 5, 8], 2)).toBe('0, 2 and 3 more');
});

test('an owner keeps its colour while others come and go, and a free colour is used before a second time', () => {
  const first = coloursOf(new Map(), ['a', 'b', 'c']);
  expect([...first]).toEqual([
    ['a', 0],
    ['b', 1],
    ['c', 2],
  ]);
  const second = coloursOf(first, ['b', 'c', 'd']);
  expect(Object.fromEntries(second)).toEqual({ b: 1, c: 2, d: 0 });
  const ten = coloursOf(second, ['b', 'c', 'd', ...'efghijk']);
  expect(ten.size).toBe(10);
  expect(new Set(ten.values()).size).toBe(8);
});

test('G3: queues without an exclusive consumer are counted over all instances and named by name', () => {
  expect(unprotectedOf([instance('a')], 3)).toEqual({ count: 0, names: [] });
  const of = [
    instance('a', { unprotected: 25, unprotectedNames: ['q10', 'q2'] }),
    instance('b', { unprotected: 2, unprotectedNames: ['q1', 'q30'] }),
  ];
  expect(unprotectedOf(of, 3)).toEqual({ count: 27, names: ['q1', 'q2', 'q10'] });
});
