import { once } from 'node:events';
import http from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { CommandFailure, EXIT } from '../exit.ts';
import { consoleClient } from './client.ts';

let server: http.Server | undefined;
afterEach(() => server?.close());

/** Something that answers as the console does: tRPC's envelope around superjson. */
async function answering(status: number, body: unknown): Promise<{ url: string; seen: http.IncomingMessage[] }> {
  const seen: http.IncomingMessage[] = [];
  server = http.createServer((request, response) => {
    seen.push(request);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}`, seen };
}

const refusal = (httpStatus: number, message: string) => ({
  error: { json: { message, code: -32_000, data: { code: 'X', httpStatus } } },
});

async function failureOf(work: Promise<unknown>): Promise<CommandFailure> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof CommandFailure) return error;
  throw new Error('it did not fail as a command');
}

test('an answer is checked, and dates are dates', async () => {
  const { url, seen } = await answering(200, {
    result: { data: { json: { at: '2026-01-02T03:04:05.000Z' }, meta: { values: { at: ['Date'] } } } },
  });
  const client = consoleClient(url, 'secret');
  expect(await client.query('a.b', { c: 1 }, z.object({ at: z.date() }))).toEqual({
    at: new Date('2026-01-02T03:04:05.000Z'),
  });
  expect(seen[0]?.headers.authorization).toBe('Bearer secret');
  const other = await failureOf(client.query('a.b', {}, z.object({ at: z.number() })));
  expect(other).toMatchObject({ exitCode: EXIT.failed });
  expect(other.message).toMatch(/another form/);
});

test.each([
  [401, 'sign in first', EXIT.refused, /does not know this token/],
  [403, 'your role does not include lane.act', EXIT.refused, /lane\.act/],
  [404, 'there is no message LAB-1:1', EXIT.failed, /LAB-1:1/],
  [409, 'command is another command already', EXIT.refused, /already/],
  [400, JSON.stringify([{ path: ['reason'], message: 'too short' }]), EXIT.wrongUse, /^reason: too short$/],
  [500, 'the console could not do that', EXIT.failed, /could not/],
])('HTTP %i ends with an exit code of its own', async (status, message, exitCode, words) => {
  const { url } = await answering(status, refusal(status, message));
  const failure = await failureOf(consoleClient(url, 'secret').mutation('a.b', {}, z.unknown()));
  expect(failure.exitCode).toBe(exitCode);
  expect(failure.message).toMatch(words);
});

test('nobody there is another thing than a refusal', async () => {
  const { url } = await answering(200, {});
  server?.close();
  server?.closeAllConnections();
  const client = consoleClient(url, 'secret');
  expect(await failureOf(client.query('a.b', {}, z.unknown()))).toMatchObject({ exitCode: EXIT.notReachable });
  expect(await failureOf(client.get('/x', z.unknown()))).toMatchObject({ exitCode: EXIT.notReachable });
});
