/** A short AMQP connection to ask a broker something: what it is, and requests to its management address. */
import { randomUUID } from 'node:crypto';
import net from 'node:net';
import rhea, { type Connection, type ConnectionOptions, type EventContext, type Message } from 'rhea';

/** Structurally the CONNECT document of a site file. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?:
    | {
        readonly ca?: string | undefined;
        readonly cert?: string | undefined;
        readonly key?: string | undefined;
        readonly servername?: string | undefined;
        readonly verify: boolean;
      }
    | undefined;
}

/** The product a broker names in its open. @throws with its words, after `timeoutMs`, or when `signal` says so. */
export async function productOf(address: BrokerAddress, timeoutMs: number, signal?: AbortSignal): Promise<string> {
  const read = async ({ properties }: Connection): Promise<string> => {
    const product: unknown =
      typeof properties === 'object' && properties !== null && 'product' in properties ? properties['product'] : '';
    return String(product);
  };
  return withConnection(address, timeoutMs, read, signal);
}

/** Opens, works, closes; all of it within `timeoutMs` and until `signal`. @throws with the broker's words. */
export async function withConnection<T>(
  { host, port, username, password, tls }: BrokerAddress,
  timeoutMs: number,
  work: (connection: Connection) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  signal?.throwIfAborted();
  const container = rhea.create_container({ id: `inorder-check-${randomUUID()}` });
  // rhea throws what nobody listens for.
  for (const event of ['error', 'protocol_error', 'session_error', 'sender_error', 'receiver_error'])
    container.on(event, () => undefined);
  const connection = container.connect({
    host,
    port,
    ...(username === undefined ? { username: 'anonymous' } : { username, password: password ?? '' }),
    ...(tls === undefined
      ? {}
      : {
          transport: 'tls',
          rejectUnauthorized: tls.verify,
          ...(tls.ca === undefined ? {} : { ca: tls.ca }),
          ...(tls.cert === undefined ? {} : { cert: tls.cert }),
          ...(tls.key === undefined ? {} : { key: tls.key }),
          ...(tls.servername !== undefined
            ? { servername: tls.servername }
            : net.isIP(host) === 0
              ? { servername: host }
              : {}),
        }),
    reconnect: false,
    // The typing asks for each transport's own options.
  } as ConnectionOptions);
  let timer: NodeJS.Timeout | undefined;
  let ended = (): void => undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    ended = () => reject(new Error('no longer asked'));
    signal?.addEventListener('abort', ended, { once: true });
  });
  const opened = new Promise<void>((resolve, reject) => {
    connection.once('connection_open', () => resolve());
    connection.once('connection_error', ({ error }: EventContext) => reject(new Error(reasonOf(error))));
    connection.once('disconnected', ({ error }: EventContext) => reject(new Error(reasonOf(error))));
  });
  try {
    return await Promise.race([opened.then(() => work(connection)), late]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', ended);
    const closed = new Promise<void>((resolve) => {
      connection.once('connection_close', () => resolve());
      connection.once('disconnected', () => resolve());
    });
    const isOpen = connection.is_open();
    connection.close();
    if (isOpen) await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 500))]);
    connection['socket']?.destroy();
  }
}

export interface ManagementAnswer {
  readonly ok: boolean;
  /** Decoded from the answer's JSON text. */
  readonly value: unknown;
}

/** Asks Artemis' management address; the answers in the order of the questions. @throws where the account may not. */
export function askArtemis(
  connection: Connection,
  questions: readonly { readonly properties: Readonly<Record<string, string>>; readonly body: string }[],
): Promise<ManagementAnswer[]> {
  return new Promise((resolve, reject) => {
    const answers = new Map<string, ManagementAnswer>();
    const refused = ({ error }: EventContext): void => reject(new Error(reasonOf(error)));
    const receiver = connection.open_receiver({ source: { address: '', dynamic: true } });
    const sender = connection.open_sender('activemq.management');
    receiver.on('receiver_error', () => reject(new Error(reasonOf(receiver.error))));
    sender.on('sender_error', () => reject(new Error(reasonOf(sender.error))));
    connection.on('session_error', refused);
    sender.on('rejected', ({ delivery }: EventContext) =>
      reject(new Error(reasonOf(delivery?.remote_state?.['error']))),
    );
    receiver.on('message', ({ message }: EventContext) => {
      const properties: Record<string, unknown> = { ...message?.application_properties };
      const text: unknown = message?.body;
      answers.set(String(message?.correlation_id), {
        ok: properties['_AMQ_OperationSucceeded'] === true,
        value: typeof text === 'string' ? JSON.parse(text) : text,
      });
      if (answers.size === questions.length) resolve(questions.flatMap((_, index) => answers.get(String(index)) ?? []));
    });
    receiver.once('receiver_open', () => {
      for (const [index, { properties, body }] of questions.entries()) {
        const message = {
          ...{ body, reply_to: receiver.source.address, correlation_id: String(index), message_id: String(index) },
          application_properties: properties,
        };
        sender.send(message as Message); // the typing is that of a decoded message
      }
    });
  });
}

function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'the connection was closed without a reason';
  const { condition, description, message } = error as Record<string, unknown>;
  return [condition, description ?? message].filter((part) => typeof part === 'string').join(' ');
}
