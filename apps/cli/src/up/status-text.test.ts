import { stripVTControlCharacters } from 'node:util';
import type { InstanceRow } from '@inorder/db/console/instances';
import { expect, test } from 'vitest';
import { statusText } from './status-text.ts';

const row = (instance: string, more: Partial<InstanceRow>): InstanceRow => ({
  instance,
  roles: ['deliver', 'watchdog'],
  adminUrl: null,
  version: '0.1.0',
  startedAt: 0,
  heartbeatAgeMs: 1_200,
  stopped: false,
  alive: true,
  shards: 0,
  epochMax: null,
  sources: 0,
  unprotected: 0,
  unprotectedNames: [],
  ...more,
});

test('instances: what each holds, who is silent, and nobody who stopped with empty hands', () => {
  const text = stripVTControlCharacters(
    statusText({
      processes: [
        { name: 'supervisor', up: true, address: null },
        { name: 'deliver-1', up: false, address: 'http://127.0.0.1:7410' },
      ],
      counters: {
        received: 12,
        delivered: 11,
        failed: 0,
        skipped: 0,
        filtered: 0,
        inFlight: 1,
        orderViolations: null,
      },
      instances: [
        row('deliver-1', { alive: false, heartbeatAgeMs: 11_000, shards: 128, epochMax: 7 }),
        row('deliver-2', { shards: 128, epochMax: 12 }),
        row('engine-1', { stopped: true, alive: false }),
      ],
    }),
  );
  expect(text.split('\n')).toEqual([
    'up    supervisor',
    'down  deliver-1   http://127.0.0.1:7410',
    '',
    'received          12',
    'delivered         11',
    'failed             0',
    'skipped            0',
    'filtered           0',
    'in flight          1',
    'order violations   -',
    '',
    'instance   roles             shards  epoch  sources  heartbeat           version',
    'deliver-1  deliver watchdog     128      7        0  silent, 11.0 s ago  0.1.0',
    'deliver-2  deliver watchdog     128     12        0  1.2 s ago           0.1.0',
    '',
  ]);
});

test('G3: sources whose queues have no exclusive consumer are named below the instances', () => {
  const names = Array.from({ length: 4 }, (_, index) => `orders-${index + 1}`);
  const text = stripVTControlCharacters(
    statusText({
      processes: [],
      counters: {
        ...{ received: 0, delivered: 0, failed: 0, skipped: 0, filtered: 0 },
        ...{ inFlight: 0, orderViolations: null },
      },
      instances: [
        row('ingest-1', { sources: 30, unprotected: 25, unprotectedNames: names }),
        row('ingest-2', { sources: 2, unprotected: 2, unprotectedNames: ['a', 'b'] }),
      ],
    }),
  );
  expect(text.trimEnd().split('\n').at(-1)).toBe(
    'order not protected against a frozen reader: a, b, orders-1, orders-2, orders-3 and 22 more; inorder doctor says what to set',
  );
});
