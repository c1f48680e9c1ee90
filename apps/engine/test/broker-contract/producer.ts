/** The upstream of the contract: rhea itself, sending durable messages to one address after the other. */
import rhea, { type Connection, type ConnectionOptions, type EventContext, type Message, type Sender } from 'rhea';
import type { Peer } from './column.ts';

export interface Outcome {
  readonly outcome: 'accepted' | 'released' | 'rejected' | 'modified';
  readonly reason: string;
}

export interface Producer extends AsyncDisposable {
  /** Sends on a link of its own, waits for every outcome, in the order of the messages. @throws when refused or cut off. */
  send(address: string, messages: readonly object[]): Promise<readonly Outcome[]>;
}

export interface ProducerOptions {
  readonly password?: string;
  readonly tls?: { readonly port: number; readonly ca: string };
}

const OUTCOMES = ['accepted', 'released', 'rejected', 'modified'] as const;

/** @throws with the peer's words where it refuses the connection. */
export async function connectProducer(
  peer: Pick<Peer, 'port' | 'login'>,
  options: ProducerOptions = {},
): Promise<Producer> {
  const container = rhea.create_container();
  // rhea throws what nobody listens for.
  for (const event of ['error', 'protocol_error', 'sender_error', 'session_error', 'connection_error', 'disconnected'])
    container.on(event, () => undefined);
  const connection = await new Promise<Connection>((resolve, reject) => {
    const { username, password } = peer.login ?? { username: 'anonymous', password: undefined };
    const opened = container.connect({
      host: '127.0.0.1',
      port: options.tls?.port ?? peer.port,
      username,
      ...(password === undefined ? {} : { password: options.password ?? password }),
      ...(options.tls === undefined ? {} : { transport: 'tls', ca: options.tls.ca, rejectUnauthorized: true }),
      reconnect: false,
      ...{ tcp_no_delay: true },
    } as ConnectionOptions);
    opened.once('connection_open', () => resolve(opened));
    opened.once('connection_error', ({ error }: EventContext) => reject(new Error(reasonOf(error))));
    opened.once('disconnected', ({ error }: EventContext) => reject(new Error(`cut off: ${reasonOf(error)}`)));
  });
  // A listener for each link that is open at the same time.
  connection.setMaxListeners(0);
  return {
    send: (address, messages) => sendOn(connection, address, messages),
    async [Symbol.asyncDispose]() {
      if (!connection.is_open()) return;
      const closed = new Promise<void>((resolve) => {
        connection.once('connection_close', () => resolve());
        connection.once('disconnected', () => resolve());
      });
      connection.close();
      await closed;
    },
  };
}

async function sendOn(connection: Connection, address: string, messages: readonly object[]): Promise<Outcome[]> {
  const outcomes: (Outcome | undefined)[] = messages.map(() => undefined);
  await new Promise<void>((resolve, reject) => {
    const link = openSender(connection, address);
    const places = new Map<number, number>();
    let next = 0;
    let known = 0;
    const onLost = (): void => reject(new Error('cut off'));
    connection.once('disconnected', onLost);
    link.on('sendable', () => {
      // rhea's credit falls only when it writes: counted by hand.
      for (; next < messages.length && link.sendable(); next += 1)
        places.set(link.send(messages[next] as Message).id, next); // the typing is that of a decoded message
    });
    for (const outcome of OUTCOMES) {
      link.on(outcome, ({ delivery }: EventContext) => {
        const place = delivery === undefined ? undefined : places.get(delivery.id);
        if (place === undefined || outcomes[place] !== undefined) return;
        const state: unknown = delivery?.remote_state;
        const error = typeof state === 'object' && state !== null && 'error' in state ? state.error : undefined;
        outcomes[place] = { outcome, reason: error === undefined || error === null ? '' : reasonOf(error) };
        known += 1;
        if (known < messages.length) return;
        connection.removeListener('disconnected', onLost);
        link.close();
        resolve();
      });
    }
    link.once('sender_close', () => reject(new Error(`the link was closed: ${reasonOf(link.error)}`)));
    link.once('session_error', () => reject(new Error(`the session was ended: ${reasonOf(link.session.error)}`)));
  });
  return outcomes.flatMap((outcome) => outcome ?? []);
}

/** A session of its own, so that one refusal ends nothing else; durable, so that a queue made by it is durable too. */
function openSender(connection: Connection, address: string): Sender {
  const session = connection.create_session();
  session.begin();
  return session.open_sender({ target: { address, durable: 2 }, autosettle: true });
}

export function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'no reason given';
  const { condition, description, message } = error as Record<string, unknown>;
  return [condition, description, message].filter((part) => typeof part === 'string').join(' ');
}
