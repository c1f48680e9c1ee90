/** What RabbitMQ says of a queue, over its HTTP management; AMQP 1.0 shows nothing of it. */
import type { BrokerAddress } from './management-link.ts';
import type { Exclusive, QueueFacts } from './queue-facts.ts';

export interface RabbitManagement {
  readonly managementUrl?: string;
  /** For each request. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

const VHOST = encodeURIComponent('/');
const SETTING = '`x-single-active-consumer` when the queue is declared';

interface Management {
  readonly base: string;
  /** GET, with the account of the connection. */
  ask(path: string): Promise<Response>;
}

function managementOf(connection: BrokerAddress, { managementUrl, timeoutMs, signal }: RabbitManagement): Management {
  const base =
    managementUrl ??
    (connection.tls === undefined ? `http://${connection.host}:15672` : `https://${connection.host}:15671`);
  const login = Buffer.from(`${connection.username ?? 'guest'}:${connection.password ?? 'guest'}`).toString('base64');
  const ends = signal === undefined ? [] : [signal];
  return {
    base,
    ask: (path) =>
      fetch(new URL(path, base), {
        headers: { authorization: `Basic ${login}` },
        signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...ends]),
      }),
  };
}

const queuePath = (queue: string): string => `/api/queues/${VHOST}/${encodeURIComponent(queue)}`;

export async function rabbitFacts(
  connection: BrokerAddress,
  address: string,
  management: RabbitManagement,
): Promise<QueueFacts> {
  const queue = queueOf(address);
  if (queue === undefined) return { kind: 'unknown', reason: notAQueue(address) };
  const { base, ask } = managementOf(connection, management);
  try {
    const answer = await ask(queuePath(queue));
    if (answer.status === 404) return { kind: 'noQueue' };
    if (!answer.ok) return unknown(queue, base, `it answered ${answer.status}`);
    const found = recordOf(await answer.json());
    const own = recordOf(found['arguments']);
    // Missing until the queue has reported its statistics for the first time.
    const effective = found['effective_policy_definition'];
    const policy = effective === undefined ? await policyOf(queue, ask) : recordOf(effective);
    // For numbers the broker takes the lower one of argument and policy.
    const lower = (name: string): number | undefined => {
      const values = [own[`x-${name}`], policy[name]].filter((value) => typeof value === 'number');
      return values.length === 0 ? undefined : Math.min(...values);
    };
    const text = (name: string): string | undefined => {
      const value = own[`x-${name}`] ?? policy[name];
      return typeof value === 'string' ? value : undefined;
    };
    const exchange = text('dead-letter-exchange');
    // Only through the default exchange is the routing key the queue's name.
    const deadLetters = exchange === '' ? (text('dead-letter-routing-key') ?? queue) : exchange;
    const letters = exchange === '' && deadLetters !== undefined ? await ask(queuePath(deadLetters)) : undefined;
    const readers = letters?.ok === true ? recordOf(await letters.json())['consumer_details'] : undefined;
    return {
      kind: 'queue',
      durable: found['durable'] === true,
      autoDelete: found['auto_delete'] === true,
      exclusive: isExclusive(own),
      exclusiveSetting: SETTING,
      deliveriesMax: lower('delivery-limit'),
      expiryMs: lower('message-ttl'),
      redeliveryDelayMs: 0,
      deadLetters,
      deadLetterReaders: Array.isArray(readers) ? readers.length : undefined,
      notSeen:
        exchange === undefined || exchange === ''
          ? []
          : [`rejected messages go to the exchange ${exchange}; which queues it feeds was not looked at`],
    };
  } catch (error) {
    return unknown(queue, base, reasonOf(error));
  }
}

/** One queue after the other. @throws in a sentence where the management does not answer or lets the account see nothing. */
export async function* rabbitExclusive(
  connection: BrokerAddress,
  addresses: readonly string[],
  management: RabbitManagement,
): AsyncGenerator<readonly [address: string, Exclusive]> {
  const { base, ask } = managementOf(connection, management);
  for (const address of addresses) {
    const queue = queueOf(address);
    yield [address, queue === undefined ? { kind: 'unseen', reason: notAQueue(address) } : await askOne(queue)];
  }

  async function askOne(queue: string): Promise<Exclusive> {
    const answer = await ask(queuePath(queue)).catch((error: unknown) => {
      throw new Error(`RabbitMQ's management does not answer at ${base}: ${reasonOf(error)}`);
    });
    if (answer.status === 404) return { kind: 'unseen', reason: `RabbitMQ's management knows no queue ${queue}` };
    if (!answer.ok)
      throw new Error(
        `RabbitMQ's management at ${base} shows this account no queue (it needs the tag monitoring or management): it answered ${answer.status}`,
      );
    const found = recordOf(await answer.json());
    return isExclusive(recordOf(found['arguments'])) ? { kind: 'exclusive' } : { kind: 'shared', setting: SETTING };
  }
}

/** Only an argument of the queue can say it, no policy. */
function isExclusive(ownArguments: Record<string, unknown>): boolean {
  return ownArguments['x-single-active-consumer'] === true;
}

/** fetch says `fetch failed`; what failed is its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const code: unknown = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : error.message;
}

function notAQueue(address: string): string {
  return `${address} is not the address of a queue (/amq/queue/NAME or /queue/NAME)`;
}

/** The one policy that holds for a queue: the highest priority of those whose pattern fits. */
async function policyOf(queue: string, ask: (path: string) => Promise<Response>): Promise<Record<string, unknown>> {
  const answer = await ask(`/api/policies/${VHOST}`);
  const all: unknown = answer.ok ? await answer.json() : [];
  const fitting = (Array.isArray(all) ? all.map(recordOf) : [])
    .filter(({ pattern, 'apply-to': to }) => to !== 'exchanges' && fits(queue, pattern))
    .toSorted((a, b) => Number(b['priority']) - Number(a['priority']));
  return recordOf(fitting[0]?.['definition']);
}

/** Patterns are PCRE; what JavaScript cannot read fits nothing. */
function fits(queue: string, pattern: unknown): boolean {
  try {
    return typeof pattern === 'string' && new RegExp(pattern).test(queue);
  } catch {
    return false;
  }
}

function queueOf(address: string): string | undefined {
  return /^(?:\/amq)?\/queue\/(.+)$/.exec(address)?.[1] ?? (address.startsWith('/') ? undefined : address);
}

function unknown(queue: string, base: string, reason: string): QueueFacts {
  return { kind: 'unknown', reason: `The settings of ${queue} are not to be had from ${base}: ${reason}` };
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
