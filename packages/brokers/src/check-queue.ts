/**
 * Looks at a broker as an operator would before a queue of orders is trusted to it: what takes messages out of their
 * order or out of the queue (delivery limits, expiry, no dead letters), and what lets two readers in (no exclusive
 * consumer, G3). It changes nothing. What it cannot see it says.
 */

import { artemisFacts } from './artemis-management.ts';
import { type BrokerAddress, productOf } from './management-link.ts';
import type { QueueFacts } from './queue-facts.ts';
import { rabbitFacts } from './rabbitmq-management.ts';

export type QueueFindingKind =
  | 'unreachable'
  | 'noQueue'
  | 'notDurable'
  | 'notExclusive'
  | 'deliveryLimit'
  | 'expiry'
  | 'redeliveryDelay'
  | 'noDeadLetters'
  | 'deadLettersUnread'
  | 'autoDelete'
  | 'couldNotCheck';

export interface QueueFinding {
  readonly kind: QueueFindingKind;
  /** error: messages can be lost or overtaken · warning: look at it · unchecked: not seen from here. */
  readonly level: 'error' | 'warning' | 'unchecked';
  /** One sentence for people: what it is and what to do. */
  readonly text: string;
}

export interface CheckQueueOptions {
  /** RabbitMQ's HTTP management; default: port 15672 (15671 with TLS) of the connection's host. */
  readonly managementUrl?: string;
  /** For each exchange with the broker. Default 5,000. */
  readonly timeoutMs?: number;
}

/** The findings of one queue, worst first; empty: nothing to say. Never rejects. */
export async function checkQueue(
  connection: BrokerAddress,
  queue: string,
  options: CheckQueueOptions = {},
): Promise<QueueFinding[]> {
  const timeoutMs = options.timeoutMs ?? 5_000;
  try {
    const product = await productOf(connection, timeoutMs);
    if (/artemis/i.test(product)) return judge(queue, await artemisFacts(connection, queue, timeoutMs));
    if (/rabbitmq/i.test(product)) return judge(queue, await rabbitFacts(connection, queue, { timeoutMs, ...options }));
    return [
      unchecked(`${product || 'The broker'} is not one this check knows: look at the settings of ${queue} there`),
    ];
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [{ kind: 'unreachable', level: 'error', text: `${connection.host}:${connection.port}: ${reason}` }];
  }
}

const ORDER = { error: 0, warning: 1, unchecked: 2 } as const;

function judge(queue: string, facts: QueueFacts): QueueFinding[] {
  if (facts.kind === 'unknown') return [unchecked(facts.reason)];
  if (facts.kind === 'noQueue') {
    const text = `There is no queue ${queue}; it would be made when we read it, with the broker's defaults`;
    return [{ kind: 'noQueue', level: 'warning', text }];
  }
  const findings: QueueFinding[] = [];
  const say = (kind: QueueFindingKind, level: QueueFinding['level'], text: string): void => {
    findings.push({ kind, level, text: `${queue}: ${text}` });
  };
  const { deadLetters } = facts;
  if (!facts.durable) say('notDurable', 'error', 'it is not durable; a restart of the broker loses what is in it');
  if (facts.autoDelete)
    say('autoDelete', 'warning', 'it is removed when it is empty and nobody reads it, with its settings');
  if (!facts.exclusive)
    say('notExclusive', 'warning', `set ${facts.exclusiveSetting}; without it a frozen reader can be overtaken`);
  if (facts.deliveriesMax !== undefined)
    say(
      'deliveryLimit',
      'error',
      `after ${facts.deliveriesMax} deliveries a message leaves the queue out of turn; set no limit`,
    );
  if (facts.expiryMs !== undefined)
    say('expiry', 'error', `messages leave it after ${facts.expiryMs} ms unread; set no expiry`);
  if (facts.redeliveryDelayMs > 0)
    say(
      'redeliveryDelay',
      'error',
      `a released message comes back after ${facts.redeliveryDelayMs} ms, behind later ones; set 0`,
    );
  if (deadLetters === undefined)
    say('noDeadLetters', 'error', 'rejected messages are thrown away; name a dead-letter queue');
  else if (facts.deadLetterReaders === 0 && (facts.deliveriesMax !== undefined || facts.expiryMs !== undefined))
    say('deadLettersUnread', 'warning', `nobody reads ${deadLetters}, where its messages may go`);
  for (const each of facts.notSeen) findings.push(unchecked(`${queue}: ${each}`));
  return findings.toSorted((a, b) => ORDER[a.level] - ORDER[b.level]);
}

function unchecked(text: string): QueueFinding {
  return { kind: 'couldNotCheck', level: 'unchecked', text };
}
