/** The listener under test and a producer that talks to it, for the tests of this folder. */
import { Buffer } from 'node:buffer';
import type { Connection, ConnectionOptions, EventContext, Message, Sender, SenderOptions, Session } from 'rhea';
import rhea from 'rhea';
import { AmqpListener, type AmqpListenerOptions, type Resolution } from './index.ts';
import { Intake, ORIGIN_A, ORIGIN_B, RecordingLog, realClock } from './test-parts.ts';

export const ADDRESS = 'orders/LAB-0001';
/** What a test started; it is stopped, last first, by `stopAll`. */
export const toStop: Array<() => Promise<void> | void> = [];

export async function stopAll(): Promise<void> {
  for (const stop of toStop.splice(0).reverse()) await stop();
}

export function resolve(address: string): Resolution {
  if (address === ADDRESS) return { origin: ORIGIN_A, credit: 10, producers: 'one' };
  if (address === 'many') return { origin: ORIGIN_B, credit: 10, producers: 'many' };
  return { refuse: 'amqp:not-found', description: `No interface takes messages at "${address}"` };
}

export async function listener(more: Partial<AmqpListenerOptions> = {}) {
  const intake = new Intake();
  const log = new RecordingLog();
  const statuses: string[] = [];
  const started = new AmqpListener({
    connection: { kind: 'LISTEN', host: '127.0.0.1', port: 0 },
    resolve,
    handler: intake.handler,
    log,
    clock: realClock,
    onStatus: (status) => statuses.push(`${status.state} ${status.detail}`),
    drainMs: 50,
    ...more,
  });
  const port = await started.start();
  toStop.push(() => started.stop());
  return { listener: started, port, intake, log, statuses };
}

/** A producer made of rhea itself, as a JMS client would be. */
export class Client {
  readonly outcomes: string[] = [];
  readonly connection: Connection;
  readonly #changed: Array<() => void> = [];
  readonly events: string[] = [];

  constructor(port: number, options: object = {}) {
    const container = rhea.create_container({ id: 'a-client' });
    this.connection = container.create_connection({
      port,
      host: '127.0.0.1',
      reconnect: false,
      username: 'anonymous',
      ...{ tcp_no_delay: true, treat_modified_as_released: false },
      ...options,
    } as ConnectionOptions);
    for (const event of [
      'connection_open',
      'connection_close',
      'disconnected',
      'error',
      'protocol_error',
      'session_error',
    ]) {
      this.connection.on(event, () => this.#note(event));
    }
    this.connection.on('connection_error', (context: EventContext) => {
      this.#note(`connection_error ${(context.error as { condition?: string } | undefined)?.condition ?? ''}`);
    });
    this.connection.connect();
    toStop.push(() => void this.connection['socket'].destroy());
  }

  #note(event: string): void {
    this.events.push(event);
    for (const wake of this.#changed.splice(0)) wake();
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((wake) => this.#changed.push(wake));
  }

  /** Opens a link and follows it; `refusal` is set if it is closed with an error. */
  link(options: SenderOptions | string = ADDRESS, on: Session | Connection = this.connection) {
    const sender = on.open_sender(options);
    const state = {
      sender,
      open: false,
      credit: 0,
      refusal: undefined as string | undefined,
      closed: false,
      hadTarget: false,
    };
    sender.on('sender_open', () => {
      state.open = true;
      state.hadTarget = 'address' in (sender.target ?? {});
      this.#note('sender_open');
    });
    sender.on('sendable', () => this.#note('sendable'));
    sender.on('sender_error', () => {
      const error = sender.error as { condition?: string; description?: string };
      state.refusal = `${error.condition} ${error.description}`;
    });
    sender.on('sender_close', () => {
      state.closed = true;
      this.#note('sender_close');
    });
    for (const outcome of ['accepted', 'released', 'rejected']) {
      sender.on(outcome, (context: EventContext) => {
        const error = context.delivery?.remote_state?.['error'];
        const tag = Buffer.from(context.delivery?.tag ?? '').toString();
        this.outcomes.push(`${tag} ${outcome}${error ? ` ${error.condition} ${error.description}` : ''}`);
        this.#note(outcome);
      });
    }
    return state;
  }

  async sender(options: SenderOptions | string = ADDRESS, on?: Session | Connection): Promise<Sender> {
    const link = this.link(options, on);
    await this.until(() => link.sender.sendable() || link.closed);
    if (link.closed) throw new Error(`refused: ${link.refusal}`);
    return link.sender;
  }

  async refusal(options: SenderOptions | string): Promise<{ refusal: string | undefined; hadTarget: boolean }> {
    const link = this.link(options);
    await this.until(() => link.closed);
    return { refusal: link.refusal, hadTarget: link.hadTarget };
  }
}

export const send = (sender: Sender, tag: string, body: unknown = tag): void => {
  sender.send({ body, message_id: `ID:${tag}` } satisfies Message, tag);
};
