import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { isFree, PortPicker } from './ports.ts';

const servers: net.Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function takenPort(host = '127.0.0.1'): Promise<number> {
  const server = net.createServer();
  servers.push(server);
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

test('a port that is taken is named, and another one given', async () => {
  const taken = await takenPort();
  const lines: string[] = [];
  const port = await new PortPicker((line) => lines.push(line)).pick(taken);
  expect(port).toBeGreaterThan(taken);
  expect(lines).toEqual([`port ${taken} is taken by another process; using ${port}`]);
});

test('a port that somebody listens on at all addresses is not free on loopback', async () => {
  expect(await isFree(await takenPort('0.0.0.0'))).toBe(false);
});

test('no port is given twice, and our own choice is not reported as taken by another', async () => {
  const wanted = (await takenPort()) + 1;
  const lines: string[] = [];
  const picker = new PortPicker((line) => lines.push(line));
  const first = await picker.pick(wanted);
  const ports = [first, ...(await picker.pickMany(first, 3))];
  expect(new Set(ports).size).toBe(4);
  expect(lines.filter((line) => line.startsWith(`port ${first} `))).toEqual([]);
});
