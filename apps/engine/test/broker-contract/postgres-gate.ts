/** A way to Postgres that can be shut: it goes away for the engine, and stays for the test. */
import net from 'node:net';

export interface PostgresGate extends AsyncDisposable {
  /** As the URL given, through the gate. */
  readonly url: string;
  /** Cuts every connection and lets nobody through. */
  shut(): void;
  open(): void;
}

export async function postgresGate(databaseUrl: string): Promise<PostgresGate> {
  const target = new URL(databaseUrl);
  const sockets = new Set<net.Socket>();
  let isShut = false;
  const server = net.createServer((inner) => {
    if (isShut) {
      inner.destroy();
      return;
    }
    const outer = net.connect(Number(target.port), target.hostname);
    for (const [one, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no loopback port');
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String(address.port);
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    shut: () => {
      isShut = true;
      cut();
    },
    open: () => {
      isShut = false;
    },
    [Symbol.asyncDispose]: () => {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
