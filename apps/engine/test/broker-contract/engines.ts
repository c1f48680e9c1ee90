/** Behaviours that need the engine: numbers, Postgres, two readers of which one stands still. */
import { SHORT_LEASES } from '@inorder/testkit/engine-process';
import { eventually } from '@inorder/testkit/eventually';
import { expect } from 'vitest';
import type { Behave } from './column.ts';
import { engineRig, sendPatiently } from './engine-rig.ts';
import { postgresGate } from './postgres-gate.ts';

const CODE = 'LAB-0001';

const orders = (count: number, from = 1): { body: string; message_id: string; durable: boolean }[] =>
  Array.from({ length: count }, (_, index) => {
    const body = String(from + index);
    return { body, message_id: `ID:${body}`, durable: true };
  });
const upTo = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index + 1));

export const shared: Behave = async (peer) => {
  const codes = ['LAB-0001', 'LAB-0002', 'LAB-0003'];
  await using rig = await engineRig(peer, { queue: 'shared', codes, interfaceProperty: 'JMSXGroupID' });
  await rig.start();
  const sent = orders(300).map((order, index) => ({ ...order, group_id: codes[index % 3] ?? '' }));
  const upstream = sendPatiently(peer, 'shared', sent);
  await upstream.done;
  await rig.untilNumbered(300);
  for (const [place, code] of codes.entries())
    expect(await rig.numbered(code)).toEqual(upTo(300).filter((_, index) => index % 3 === place));
};

export const postgresAway: Behave = async (peer) => {
  await using rig = await engineRig(peer, { queue: 'away', codes: [CODE], credit: 20 });
  await using gate = await postgresGate(rig.databaseUrl);
  const engine = await rig.start({ databaseUrl: gate.url });
  await sendPatiently(peer, 'away', orders(100)).done;
  await rig.untilNumbered(100);

  const notices = (): number =>
    engine.log().filter((line) => line.msg === 'Postgres is away; the batch is kept and tried again').length;
  gate.shut();
  const meanwhile = sendPatiently(peer, 'away', orders(100, 101));
  await eventually('ingest has messages in hand and no Postgres', () => notices() > 0);
  expect(await rig.numbered(CODE)).toHaveLength(100);
  gate.open();
  await meanwhile.done;
  await rig.untilNumbered(200);

  // The second time it is killed with messages in hand: what it had told the peer would be lost now.
  const before = notices();
  gate.shut();
  const last = sendPatiently(peer, 'away', orders(100, 201));
  await eventually('ingest has messages in hand and no Postgres', () => notices() > before);
  await engine.kill();
  gate.open();
  await rig.start({ databaseUrl: gate.url });
  await last.done;
  await rig.untilNumbered(300);
  expect(await rig.numbered(CODE)).toEqual(upTo(300));
  expect(await rig.query('SELECT 1 FROM ingest_reject')).toEqual([]);
};

export const lapsed: Behave = async (peer) => {
  await using rig = await engineRig(peer, { queue: 'lapsed', codes: [CODE] });
  await using gate = await postgresGate(rig.databaseUrl);
  const engine = await rig.start({ databaseUrl: gate.url, env: SHORT_LEASES });
  await sendPatiently(peer, 'lapsed', orders(10)).done;
  await rig.untilNumbered(10);
  const untilOver = () =>
    eventually('the lease is over', async () => {
      const [lease] = await rig.query<{ over: boolean }>('SELECT expires_at < now() AS over FROM source_lease');
      return lease?.over === true;
    });

  // Postgres is away.
  gate.shut();
  await untilOver();
  const away = sendPatiently(peer, 'lapsed', orders(200, 11));
  await eventually('messages are kept in hand', () =>
    engine.log().some(({ msg }) => msg === 'Postgres is away; the batch is kept and tried again'),
  );
  gate.open();
  await away.done;
  await rig.untilNumbered(210);
  expect(await rig.numbered(CODE)).toEqual(upTo(210));

  // The reader stands still. When it wakes the first of what waits in its socket is read before the lease is renewed,
  // the last of it after: more bytes than a socket gives in one turn.
  const LARGE = 65_536;
  engine.freeze();
  const frozen = sendPatiently(
    peer,
    'lapsed',
    orders(200, 211).map((order) => ({ ...order, body: order.body.padEnd(LARGE) })),
  );
  await untilOver();
  engine.thaw();
  await frozen.done;
  await rig.untilNumbered(410);
  expect((await rig.numbered(CODE)).map((body) => body.trimEnd())).toEqual(upTo(410));
};

export const restart: Behave = async (peer) => {
  const COUNT = 3_000;
  await using rig = await engineRig(peer, { queue: 'restart', codes: [CODE] });
  let engine = await rig.start();
  const upstream = sendPatiently(peer, 'restart', orders(COUNT));
  const killAndStart = async (): Promise<void> => {
    if (peer.broker === undefined) {
      await engine.kill();
      engine = await rig.start();
    } else {
      await peer.broker.kill();
      await peer.broker.start();
    }
  };
  for (const share of [0.2, 0.5]) {
    await eventually('the load is under way', () => upstream.accepted >= COUNT * share, { everyMs: 2 });
    expect(upstream.accepted).toBeLessThan(COUNT);
    await killAndStart();
  }
  await upstream.done;
  expect(upstream.repeats).toBeGreaterThan(0);
  await rig.untilNumbered(COUNT);
  expect(await rig.numbered(CODE)).toEqual(upTo(COUNT));
};

export const frozen: Behave = async (peer) => {
  await using rig = await engineRig(peer, { queue: 'frozen', codes: [CODE], credit: 50 });
  const first = await rig.start({ instance: 'engine-a', env: SHORT_LEASES });
  await sendPatiently(peer, 'frozen', orders(200)).done;
  await rig.untilNumbered(200);
  const second = await rig.start({ instance: 'engine-b', env: SHORT_LEASES });

  first.freeze();
  // Its credit is out: the oldest fifty of these go to the one that stands still, and thousands wait behind them.
  await sendPatiently(peer, 'frozen', orders(3_000, 201)).done;
  await rig.untilNumbered(3_200);
  const owner = await rig.query<{ owner: string }>('SELECT owner FROM source_lease');
  expect(owner).toEqual([{ owner: 'engine-b' }]);

  // What waits in its socket is handed over now, under an epoch that is over.
  first.thaw();
  await eventually('the one that woke notices', () =>
    first.log().some((line) => /AMQP (?:connection|source) lost|closed with messages in hand/.test(line.msg ?? '')),
  );
  await sendPatiently(peer, 'frozen', orders(100, 3_201)).done;
  await rig.untilNumbered(3_300);
  expect(await rig.numbered(CODE)).toEqual(upTo(3_300));
  await second.stop();
};
