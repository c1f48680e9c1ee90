/** One listening port that can be switched off and on again at the same number, its connections known for cutting. */
import type { AddressInfo, Server, Socket } from 'node:net';

/** Both kinds of laboratory endpoint, as the rest sees them. */
export interface Endpoint {
  readonly name: string;
  readonly kind: 'MLLP' | 'HTTP';
  /** The port it was given, also while it is switched off. */
  readonly port: number;
  readonly listening: boolean;
  readonly connections: number;
  /** Listens, at first or again; rejects if the port was taken meanwhile. */
  open(): Promise<void>;
  /** Refuses connections from now on and resets those that are open. Closing twice is nothing. */
  close(): Promise<void>;
}

export class Listener {
  readonly #server: Server;
  readonly #host: string;
  readonly #sockets = new Set<Socket>();
  #port: number;
  /** Serialises open and close: both may be asked for by a person and a schedule at once. */
  #last: Promise<void> = Promise.resolve();

  constructor(server: Server, host: string, port: number) {
    this.#server = server;
    this.#host = host;
    this.#port = port;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  get port(): number {
    return this.#port;
  }

  get listening(): boolean {
    return this.#server.listening;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  open(): Promise<void> {
    return this.#next(() => this.#listen());
  }

  close(): Promise<void> {
    return this.#next(() => this.#shut());
  }

  #next(step: () => Promise<void>): Promise<void> {
    const run = this.#last.then(step);
    this.#last = run.catch(() => undefined);
    return run;
  }

  #listen(): Promise<void> {
    if (this.#server.listening) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, this.#host, () => {
        this.#server.off('error', reject);
        this.#port = (this.#server.address() as AddressInfo).port; // a TCP listener has no other kind of address
        resolve();
      });
    });
  }

  #shut(): Promise<void> {
    if (!this.#server.listening) return Promise.resolve();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.resetAndDestroy();
    });
  }
}
