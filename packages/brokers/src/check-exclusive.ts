/**
 * Asks a broker which of its queues give everything to one reader at a time (G3). For many queues and for asking again
 * and again: one connection for every hundred queues of Artemis, one HTTP request after the other at RabbitMQ, and after
 * the first that goes unanswered nothing more. It changes nothing. `check-queue.ts` looks at a queue as a whole.
 */
import { artemisExclusive } from './artemis-management.ts';
import { type BrokerAddress, productOf } from './management-link.ts';
import type { Exclusive } from './queue-facts.ts';
import { rabbitExclusive } from './rabbitmq-management.ts';

export interface CheckExclusiveOptions {
  /** RabbitMQ's HTTP management; default: port 15672 (15671 with TLS) of the connection's host. */
  readonly managementUrl?: string;
  /** For each exchange with the broker. Default 5,000. */
  readonly timeoutMs?: number;
  /** Ends it at once; what was not asked by then is unseen. */
  readonly signal?: AbortSignal;
}

/** What is known of each queue, by its address. Never rejects: what could not be asked is unseen, with the reason. */
export async function checkExclusive(
  connection: BrokerAddress,
  queues: readonly string[],
  options: CheckExclusiveOptions = {},
): Promise<Map<string, Exclusive>> {
  const asking = { ...options, timeoutMs: options.timeoutMs ?? 5_000 };
  const found = new Map<string, Exclusive>();
  let reason = 'The broker did not say';
  try {
    const product = await productOf(connection, asking.timeoutMs, asking.signal);
    const ask = ASK.find(({ name }) => name.test(product))?.ask;
    if (ask === undefined)
      throw new Error(
        `${product || 'The broker'} is not one this check knows: look at the settings of the queue there`,
      );
    for await (const [queue, exclusive] of ask(connection, queues, asking)) found.set(queue, exclusive);
  } catch (error) {
    if (error instanceof Error) reason = error.message;
  }
  if (options.signal?.aborted === true) reason = 'There was no time left to ask the broker';
  for (const queue of queues) if (!found.has(queue)) found.set(queue, { kind: 'unseen', reason });
  return found;
}

const ASK = [
  { name: /artemis/i, ask: artemisExclusive },
  { name: /rabbitmq/i, ask: rabbitExclusive },
] as const;
