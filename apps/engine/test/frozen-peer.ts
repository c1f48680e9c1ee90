/**
 * A wire to Postgres whose near end can freeze: what the server says then stays in the buffers of the network, as with a
 * process that is stopped or a host that is gone. The server is not told.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface FreezableWire extends AsyncDisposable {
  /** `url` as seen through the wire. */
  readonly url: string;
  /** For good: nothing that the server says is read any more. */
  freeze(): void;
}

export async function freezableWire(url: string): Promise<FreezableWire> {
  const to = new URL(url);
  const near = new Set<Socket>();
  const far = new Set<Socket>();
  let frozen = false;
  const server: Server = createServer((client) => {
    const upstream = connect(Number(to.port), to.hostname);
    near.add(client);
    far.add(upstream);
    client.pipe(upstream, { end: false });
    upstream.pipe(client, { end: false });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => undefined);
      one.on('close', () => {
        if (!frozen) other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const through = new URL(url);
  through.hostname = '127.0.0.1';
  // A TCP server has an address with a port once it listens.
  through.port = String((server.address() as AddressInfo).port);
  return {
    url: through.href,
    freeze() {
      frozen = true;
      for (const upstream of far) {
        upstream.unpipe();
        upstream.pause();
      }
    },
    async [Symbol.asyncDispose]() {
      for (const socket of [...near, ...far]) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
