import { destinationId, type InterfaceId, interfaceId, messageId, sequenceNo } from '@inorder/core';
import { WAKE_UP_BYTES_MAX, wakeChannel } from '@inorder/shared';
import { eventually } from '@inorder/testkit/eventually';
import { redisServer } from '@inorder/testkit/redis-server';
import { testRedis } from '@inorder/testkit/services';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import type { StageEnd } from '../../delivery/inbox.ts';
import { connectForHints } from './connections.ts';
import { WakeUpSeal } from './wake-up-seal.ts';
import { heardWakeUps, WakeUpSender } from './wake-ups.ts';

const shared = await testRedis();

const SEAL = new WakeUpSeal(new Uint8Array(32).fill(7));
const uuid = (n: number): string => `01900000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;
const LANE_A = interfaceId(uuid(1));
const LANE_B = interfaceId(uuid(2));
const NOBODYS = interfaceId(uuid(3));

function end(lane: InterfaceId, n: number): StageEnd {
  return {
    interfaceId: lane,
    messageId: messageId(uuid(1000 + n)),
    sequenceNo: sequenceNo(n),
    placerKeys: [],
    status: 'PROCESSED',
    destinationId: destinationId(uuid(9)),
    controlId: `C${n}`,
    format: 'HL7V2',
    payload: Buffer.from('MSH|^~\\&|SECRET'),
  };
}

const withoutPayload = (ends: readonly StageEnd[]) =>
  ends.map((one) => (one.status === 'PROCESSED' ? { ...one, payload: null } : one));

describe.skipIf(shared === undefined)('outcomes told to the owners of lanes', () => {
  test('G18: each owner hears its own, in order, in one publish per turn and without payload', async () => {
    await using server = await redisServer();
    await server.start();
    const redis = connectForHints(server.url);
    const ears = new Redis(server.url);
    const heard = new Map<string, string[]>([
      [wakeChannel('a'), []],
      [wakeChannel('b'), []],
    ]);
    await ears.subscribe(...heard.keys());
    ears.on('message', (channel: string, text: string) => heard.get(channel)?.push(text));
    await eventually('redis is reached', () => redis.status === 'ready');
    const sender = new WakeUpSender({ redis, seal: SEAL, onFailure: () => undefined });
    const owners = new Map<InterfaceId, string>([
      [LANE_A, 'a'],
      [LANE_B, 'b'],
    ]);
    const wakeUps = sender.to((id) => owners.get(id) ?? null);
    const ends = Array.from({ length: 30 }, (_, i) => end(i % 3 === 0 ? LANE_B : LANE_A, i + 1));
    wakeUps.send(ends.slice(0, 10));
    wakeUps.send(ends.slice(10));
    wakeUps.send([end(NOBODYS, 1)]);
    await eventually('both heard', () => [...heard.values()].every((texts) => texts.length > 0));
    for (const [lane, owner] of owners) {
      const texts = heard.get(wakeChannel(owner)) ?? [];
      expect(texts).toHaveLength(1);
      expect(texts.join('')).not.toContain('SECRET');
      expect(heardWakeUps(SEAL, wakeChannel(owner), texts[0] ?? '')).toEqual({
        ends: withoutPayload(ends.filter((one) => one.interfaceId === lane)),
        dropped: 0,
      });
    }
    // Who has no key, or only heard what was told another, is not believed.
    const [told = ''] = heard.get(wakeChannel('a')) ?? [];
    for (const [channel, text] of [
      [wakeChannel('a'), told.slice(told.indexOf('.') + 1)],
      [wakeChannel('a'), told.replace('"sequenceNo":2', '"sequenceNo":3')],
      [wakeChannel('b'), told],
    ] as const)
      expect(heardWakeUps(SEAL, channel, text)).toEqual({ ends: [], dropped: 1 });
    // A burst is divided.
    const burst = Array.from({ length: 5000 }, (_, i) => end(LANE_A, i + 1));
    const texts = heard.get(wakeChannel('a')) ?? [];
    texts.length = 0;
    wakeUps.send(burst);
    await eventually(
      'all of it comes',
      () => texts.flatMap((text) => heardWakeUps(SEAL, wakeChannel('a'), text).ends).length === 5000,
    );
    for (const text of texts) expect(Buffer.byteLength(text)).toBeLessThanOrEqual(WAKE_UP_BYTES_MAX + 64);
    expect(texts.flatMap((text) => heardWakeUps(SEAL, wakeChannel('a'), text).ends)).toEqual(withoutPayload(burst));
    expect(sender.lost).toBe(0);
    ears.disconnect();
    redis.disconnect();
  });

  test('G11, G19: what cannot be said is dropped and counted', async () => {
    await using server = await redisServer();
    await server.start();
    const redis = connectForHints(server.url);
    await eventually('redis is reached', () => redis.status === 'ready');
    let failures = 0;
    const sender = new WakeUpSender({
      redis,
      seal: SEAL,
      onFailure: () => {
        failures += 1;
      },
    });
    const wakeUps = sender.to(() => 'deaf');
    wakeUps.send([end(LANE_A, 1)]);
    await eventually('the owner does not listen', () => sender.lost === 1);
    wakeUps.send(Array.from({ length: 25_000 }, (_, i) => end(LANE_A, i + 1)));
    expect(sender.lost).toBe(5001);
    await eventually('the rest is not heard either', () => sender.lost === 25_001);
    await server.kill();
    await eventually('the loss is noticed', () => redis.status !== 'ready');
    wakeUps.send([end(LANE_A, 1)]);
    expect(sender.lost).toBe(25_002);
    expect(failures).toBe(0);
    redis.disconnect();
  });
});
