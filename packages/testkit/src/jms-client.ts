/** A JMS producer made of rhea itself, for messages that the simulated upstream would never send. */
import rhea, { type Connection, type EventContext, type Message } from 'rhea';

export interface JmsClientOptions {
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
}

/** The body of a BytesMessage. A plain object of the same shape would go out as a map. */
export const bytesBody = (content: Buffer): unknown => rhea.message.data_section(content);

export interface JmsOutcome {
  readonly outcome: 'accepted' | 'released' | 'rejected' | 'modified';
  /** What the receiver gave as its reason: `condition description`; empty without one. */
  readonly reason: string;
}

export interface JmsClient {
  /** Opens a link, sends, waits for the outcome, closes the link. @throws with the peer's words where it refuses the link. */
  send(address: string, message: object): Promise<JmsOutcome>;
  /** As `send`, many at once on one link; outcomes in the order of the messages. */
  sendAll(address: string, messages: readonly object[]): Promise<readonly JmsOutcome[]>;
  close(): Promise<void>;
}

/** @throws with the peer's words where it refuses the connection. */
export async function connectJms(options: JmsClientOptions): Promise<JmsClient> {
  const container = rhea.create_container();
  // rhea throws what nobody listens for; every failure is told below by its own event.
  container.on('error', () => undefined);
  const connection = await new Promise<Connection>((resolve, reject) => {
    const { port, username = 'anonymous', password } = options;
    const opened = container.connect({
      host: '127.0.0.1',
      port,
      username,
      ...(password === undefined ? {} : { password }),
      reconnect: false,
    });
    opened.once('connection_open', () => resolve(opened));
    opened.once('connection_error', (context: EventContext) =>
      reject(new Error(reasonOf(context.error ?? context.connection.error))),
    );
    opened.once('disconnected', (context: EventContext) => reject(new Error(reasonOf(context.error))));
  });
  const sendAll = (address: string, messages: readonly object[]): Promise<readonly JmsOutcome[]> =>
    new Promise((resolve, reject) => {
      const link = connection.open_sender({ target: { address }, autosettle: true });
      const onLost = (): void => reject(new Error('the connection was lost'));
      const outcomes = new Map<number, JmsOutcome>();
      const places = new Map<number, number>();
      let next = 0;
      const pump = (): void => {
        for (; next < messages.length && link.sendable(); next += 1) {
          // The typing is that of a decoded message; the encoder takes this.
          places.set(link.send(messages[next] as Message).id, next);
        }
      };
      link.on('sendable', pump);
      for (const outcome of ['accepted', 'released', 'rejected', 'modified'] as const) {
        link.on(outcome, ({ delivery }: EventContext) => {
          const place = delivery === undefined ? undefined : places.get(delivery.id);
          if (place === undefined) return;
          const state: unknown = delivery?.remote_state;
          const error = typeof state === 'object' && state !== null && 'error' in state ? state.error : undefined;
          outcomes.set(place, { outcome, reason: error === undefined ? '' : reasonOf(error) });
          if (outcomes.size < messages.length) return pump();
          link.close();
          connection.removeListener('disconnected', onLost);
          resolve(messages.flatMap((_, at) => outcomes.get(at) ?? []));
        });
      }
      link.once('sender_error', () => reject(new Error(reasonOf(link.error))));
      connection.once('disconnected', onLost);
    });
  return {
    sendAll,
    async send(address, message) {
      const [outcome] = await sendAll(address, [message]);
      if (outcome === undefined) throw new Error('no outcome of one message');
      return outcome;
    },
    close: () =>
      new Promise((resolve) => {
        connection.once('connection_close', () => resolve());
        connection.once('disconnected', () => resolve());
        connection.close();
      }),
  };
}

function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'no reason given';
  const { condition, description, message } = error as Record<string, unknown>;
  return [condition, description, message].filter((part) => typeof part === 'string').join(' ');
}
