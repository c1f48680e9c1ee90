/** A real AMQP 1.0 receiver in this process: settles what comes as the test says, and can cut its connections. */
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import rhea, { type Connection, type Delivery, type Message } from 'rhea';

export interface Taken {
  readonly address: string;
  readonly message: Message;
  readonly delivery: Delivery;
}

export class AmqpPeer {
  readonly taken: Taken[] = [];
  readonly port: number;
  /** Called for each message; the default accepts. */
  onMessage: (taken: Taken, n: number) => void = ({ delivery }) => delivery.accept();
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #waiters: (() => void)[] = [];

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async listen(port = 0, credit = 100): Promise<AmqpPeer> {
    const container = rhea.create_container();
    container.sasl_server_mechanisms.enable_anonymous();
    container.sasl_server_mechanisms.enable_plain(
      (user: string, password: string) => user === 'up' && password === 'pw',
    );
    // Without these rhea accepts before we say so; the typings know them for links only.
    const receiver = { autoaccept: false, credit_window: 0 };
    const options = { port, host: '127.0.0.1', receiver_options: receiver, ...{ tcp_no_delay: true } };
    const server = container.listen(options);
    await once(server, 'listening');
    const peer = new AmqpPeer(server, (server.address() as AddressInfo).port); // TCP has no other kind of address
    container.on('connection_open', ({ connection }) => peer.#connections.add(connection));
    container.on('disconnected', ({ connection }) => peer.#connections.delete(connection));
    container.on('receiver_open', ({ receiver: link }) => link?.add_credit(credit));
    container.on('error', () => undefined);
    container.on('message', ({ message, delivery, receiver: link }) => {
      if (message === undefined || delivery === undefined || link === undefined) return;
      const taken = { address: link.target.address, message, delivery };
      peer.taken.push(taken);
      peer.onMessage(taken, peer.taken.length);
      link.add_credit(1);
      for (const wake of peer.#waiters.splice(0)) wake();
    });
    return peer;
  }

  async arrived(count: number): Promise<void> {
    while (this.taken.length < count) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Breaks every connection without a word. */
  cut(): void {
    for (const connection of this.#connections) socketOf(connection).destroy();
  }

  endLinks(): void {
    for (const connection of this.#connections) {
      connection.each_receiver((link: { close(error: object): void }) => link.close({ condition: 'amqp:link:stolen' }));
    }
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }
}

function socketOf(connection: Connection): { destroy(): void } {
  return (connection as unknown as { socket: { destroy(): void } }).socket; // rhea has it, its typings do not
}
