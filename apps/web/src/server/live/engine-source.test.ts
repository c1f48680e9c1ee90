import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LaneStatus } from '@inorder/core';
import { ADMIN_SECRET_HEADER, LANES_PATH, LANES_STREAM_PATH } from '@inorder/shared';
import { afterEach, expect, test } from 'vitest';
import { EngineSource } from './engine-source.ts';

const SECRET = 'a-shared-secret-of-tests';
const lane = (checkpoint: number) => ({
  interfaceId: '00000000-0000-7000-8000-000000000001',
  state: 'IDLE',
  sinceAt: 1,
  checkpoint,
  highWater: checkpoint,
  waitingFor: null,
  oldestAt: null,
  readyAhead: 0,
  gaps: 0,
  inPerMinute: 0,
  outPerMinute: 0,
  epoch: 1,
  instance: 'engine-1',
});

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** An engine's admin HTTP as small as can be. */
async function fakeEngine(
  port = 0,
): Promise<{ port: number; server: Server; streams: ServerResponse[]; stop: () => void }> {
  const streams: ServerResponse[] = [];
  const server = createServer((request, response) => {
    if (request.headers[ADMIN_SECRET_HEADER] !== SECRET) return void response.writeHead(403).end();
    if (request.url === LANES_PATH) return void response.end(JSON.stringify({ lanes: [lane(1), { nonsense: true }] }));
    if (request.url !== LANES_STREAM_PATH) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    streams.push(response);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  closing.push(stop);
  return { port: (server.address() as AddressInfo).port, server, streams, stop };
}

/** Collects what the source says; `until` resolves when it says what is waited for. */
function listener() {
  const checkpoints: number[] = [];
  let connected = false;
  let waiting: { fits: () => boolean; resolve: () => void }[] = [];
  const tell = () => {
    const met = waiting.filter((each) => each.fits());
    waiting = waiting.filter((each) => !met.includes(each));
    for (const each of met) each.resolve();
  };
  const sink = {
    statuses: (statuses: readonly LaneStatus[]) => {
      checkpoints.push(...statuses.map((each) => each.checkpoint));
      tell();
    },
    connected: (yes: boolean) => {
      connected = yes;
      tell();
    },
  };
  const until = (fits: () => boolean) =>
    fits() ? Promise.resolve() : new Promise<void>((resolve) => waiting.push({ fits, resolve }));
  return { sink, checkpoints, isConnected: () => connected, until };
}

test('the snapshot comes first, then the news; what is no status is left out', async () => {
  const engine = await fakeEngine();
  const heard = listener();
  const source = new EngineSource(SECRET, heard.sink);
  closing.push(() => source.close());
  source.setEngines([`http://127.0.0.1:${engine.port}`]);
  await heard.until(heard.isConnected);
  expect(heard.checkpoints).toEqual([1]);
  // One event in two pieces, split inside the JSON, then two in one.
  const event = `data: ${JSON.stringify([lane(2)])}\n\n`;
  engine.streams[0]?.write(event.slice(0, 20));
  engine.streams[0]?.write(event.slice(20));
  engine.streams[0]?.write(`: ping\n\ndata: ${JSON.stringify([lane(3)])}\n\ndata: not json\n\n${event}`);
  await heard.until(() => heard.checkpoints.length === 4);
  expect(heard.checkpoints).toEqual([1, 2, 3, 2]);
});

test('an engine that goes away is said to be gone and found again', async () => {
  const engine = await fakeEngine();
  const heard = listener();
  const source = new EngineSource(SECRET, heard.sink);
  closing.push(() => source.close());
  source.setEngines([`http://127.0.0.1:${engine.port}`]);
  await heard.until(heard.isConnected);
  engine.stop();
  await heard.until(() => !heard.isConnected());
  await fakeEngine(engine.port);
  await heard.until(heard.isConnected);
  expect(heard.checkpoints).toEqual([1, 1]);
});

test('a wrong secret is no connection', async () => {
  const engine = await fakeEngine();
  const heard = listener();
  const refused = new Promise((resolve) =>
    engine.server.on('request', (_, response) => response.on('finish', resolve)),
  );
  const source = new EngineSource('another secret', heard.sink);
  closing.push(() => source.close());
  source.setEngines([`http://127.0.0.1:${engine.port}`]);
  await refused;
  expect(heard.isConnected()).toBe(false);
  expect(heard.checkpoints).toEqual([]);
});
