/** Takes what lies in a broker's queue, as the laboratory behind it would, with rhea itself. */
import rhea, { type Connection, type ConnectionOptions, type EventContext, type Message } from 'rhea';

export interface QueueReaderOptions {
  readonly port: number;
  readonly login: { readonly username: string; readonly password: string };
  readonly address: string;
  /** The message that ends it, and is not among those returned: RabbitMQ 3.10 has no word for an empty queue. */
  readonly isLast: (message: Message) => boolean;
}

/** RabbitMQ 3.10 gives too much when credit comes while messages do: the next only when the last is used up. */
const BATCH = 100;

/** In the order of the queue; what is read is accepted. @throws with the broker's words where it refuses. */
export async function takeUntil({ port, login, address, isLast }: QueueReaderOptions): Promise<Message[]> {
  const container = rhea.create_container();
  const failed = Promise.withResolvers<never>();
  // Closing after the end is no failure of anybody's.
  failed.promise.catch(() => undefined);
  for (const event of [
    'error',
    'protocol_error',
    'receiver_error',
    'session_error',
    'connection_error',
    'disconnected',
  ])
    container.on(event, (context: EventContext) =>
      failed.reject(
        new Error(`${event}: ${String(context.receiver?.error ?? context.session?.error ?? context.error)}`),
      ),
    );
  const connection = container.connect({
    ...{ host: '127.0.0.1', port, ...login, reconnect: false },
    ...{ tcp_no_delay: true },
  } as ConnectionOptions);
  try {
    return await Promise.race([readFrom(connection, address, isLast), failed.promise]);
  } finally {
    const closed = new Promise<void>((resolve) => {
      connection.once('connection_close', () => resolve());
      connection.once('disconnected', () => resolve());
    });
    connection.close();
    await closed;
  }
}

function readFrom(connection: Connection, address: string, isLast: (message: Message) => boolean): Promise<Message[]> {
  const taken: Message[] = [];
  const receiver = connection.open_receiver({ source: { address, durable: 2 }, credit_window: 0 });
  return new Promise((resolve) => {
    receiver.on('message', ({ message }: EventContext) => {
      if (message === undefined) return;
      if (isLast(message)) return resolve(taken);
      taken.push(message);
      if (taken.length % BATCH === 0) receiver.add_credit(BATCH);
    });
    receiver.once('receiver_open', () => receiver.add_credit(BATCH));
  });
}
