/**
 * Vitest's global setup. It starts nothing by itself: it answers, on loopback, the test files that ask for a service
 * (`services.ts`), so a run of unit tests alone never waits for Postgres.
 */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { createServiceHost, HOST_VARIABLE } from './service-host.ts';

export default async function setup(): Promise<() => Promise<void>> {
  // Every tier of a run has this setup, and one host serves them all.
  if (process.env[HOST_VARIABLE] !== undefined) return async () => undefined;
  const host = createServiceHost();
  const secret = randomBytes(16).toString('hex');
  const server = createServer((request, response) => {
    const answer =
      request.url === `/${secret}/postgres`
        ? host.postgres()
        : request.url === `/${secret}/redis`
          ? host.redis()
          : undefined;
    if (answer === undefined) {
      response.writeHead(404).end();
      return;
    }
    answer.then(
      (service) => response.end(JSON.stringify({ service: service ?? null })),
      (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no loopback address');
  process.env[HOST_VARIABLE] = `http://127.0.0.1:${address.port}/${secret}`;
  return async () => {
    server.closeAllConnections();
    server.close();
    await host.close();
  };
}
