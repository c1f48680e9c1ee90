/** A JMS producer made of rhea itself, for messages that the simulated upstream would never send. */
import rhea, { type Connection, type EventContext, type Message } from 'rhea';

export interface JmsClientOptions {
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
}

export interface JmsOutcome {
  readonly outcome: 'accepted' | 'released' | 'rejected' | 'modified';
  /** What the receiver gave as its reason: `condition description`; empty without one. */
  readonly reason: string;
}

export interface JmsClient {
  /** Opens a link, sends, waits for the outcome, closes the link. @throws with the peer's words where it refuses the link. */
  send(address: string, message: object): Promise<JmsOutcome>;
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
  return {
    send: (address, message) =>
      new Promise((resolve, reject) => {
        const link = connection.open_sender({ target: { address }, autosettle: true });
        link.once('sendable', () => {
          link.send(message as Message); // the typing is that of a decoded message; the encoder takes this
        });
        for (const outcome of ['accepted', 'released', 'rejected', 'modified'] as const) {
          link.once(outcome, (context: EventContext) => {
            const state: unknown = context.delivery?.remote_state;
            const error = typeof state === 'object' && state !== null && 'error' in state ? state.error : undefined;
            link.close();
            resolve({ outcome, reason: error === undefined ? '' : reasonOf(error) });
          });
        }
        link.once('sender_error', () => reject(new Error(reasonOf(link.error))));
        connection.once('disconnected', () => reject(new Error('the connection was lost')));
      }),
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
