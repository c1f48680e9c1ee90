/** What Artemis says of a queue, over AMQP: its management address takes the account of the connection if it may `manage`. */
import { askArtemis, type BrokerAddress, type ManagementAnswer, withConnection } from './management-link.ts';
import type { Exclusive, QueueFacts } from './queue-facts.ts';

const attribute = (queue: string, name: string) => ({
  properties: { _AMQ_ResourceName: `queue.${queue}`, _AMQ_Attribute: name },
  body: '[]',
});

const SETTING = '`exclusive` on the queue, or `default-exclusive-queue` in its address settings';
const PERMISSIONS = 'it needs the permissions manage and createNonDurableQueue';
/** Questions under way on one connection. */
const QUESTIONS_MAX = 100;

const ATTRIBUTES = ['Durable', 'AutoDelete', 'Exclusive'] as const;

export async function artemisFacts(connection: BrokerAddress, queue: string, timeoutMs: number): Promise<QueueFacts> {
  try {
    return await withConnection(connection, timeoutMs, async (link) => {
      const [settingsAnswer, durable, autoDelete, exclusive] = await askArtemis(link, [
        {
          properties: { _AMQ_ResourceName: 'broker', _AMQ_OperationName: 'getAddressSettingsAsJSON' },
          body: JSON.stringify([queue]),
        },
        ...ATTRIBUTES.map((name) => attribute(queue, name)),
      ]);
      if (durable?.ok !== true || autoDelete?.ok !== true || exclusive?.ok !== true) return { kind: 'noQueue' };
      const settings = recordOf(settingsAnswer?.value);
      const deadLetters = textOf(settings['deadLetterAddress'] ?? settings['DLA']);
      const [readers] =
        deadLetters === undefined ? [] : await askArtemis(link, [attribute(deadLetters, 'ConsumerCount')]);
      return {
        kind: 'queue',
        durable: first(durable.value) === true,
        autoDelete: first(autoDelete.value) === true,
        exclusive: first(exclusive.value) === true,
        exclusiveSetting: SETTING,
        deliveriesMax: limitOf(settings['maxDeliveryAttempts']),
        expiryMs: limitOf(settings['expiryDelay']) ?? limitOf(settings['maxExpiryDelay']),
        redeliveryDelayMs: numberOf(settings['redeliveryDelay']) ?? 0,
        deadLetters,
        deadLetterReaders: readers?.ok === true ? numberOf(first(readers.value)) : undefined,
        notSeen: settingsAnswer?.ok === true ? [] : ['its address settings could not be read'],
      };
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      kind: 'unknown',
      reason: `Artemis does not show the settings of ${queue} to this account (${PERMISSIONS}): ${reason}`,
    };
  }
}

/** @throws with Artemis' words where the account may not ask, or there is no answer. */
export async function* artemisExclusive(
  connection: BrokerAddress,
  queues: readonly string[],
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): AsyncGenerator<readonly [queue: string, Exclusive]> {
  for (let from = 0; from < queues.length; from += QUESTIONS_MAX) {
    const asked = queues.slice(from, from + QUESTIONS_MAX);
    const questions = asked.map((queue) => attribute(queue, 'Exclusive'));
    const answers = await withConnection(connection, timeoutMs, (link) => askArtemis(link, questions), signal).catch(
      (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(`Artemis does not show its queues to this account (${PERMISSIONS}): ${reason}`);
      },
    );
    for (const [index, queue] of asked.entries()) yield [queue, exclusiveOf(queue, answers[index])];
  }
}

function exclusiveOf(queue: string, answer: ManagementAnswer | undefined): Exclusive {
  if (answer?.ok !== true) return { kind: 'unseen', reason: `The management of Artemis knows no queue ${queue}` };
  return first(answer.value) === true ? { kind: 'exclusive' } : { kind: 'shared', setting: SETTING };
}

/** Answers are a list of one; settings come as JSON text inside it. */
function first(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : value;
}

function recordOf(value: unknown): Record<string, unknown> {
  const inner = first(value);
  const parsed: unknown = typeof inner === 'string' ? JSON.parse(inner) : inner;
  return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/** -1 (and 0 for an attempt limit) stand for none. */
function limitOf(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 ? value : undefined;
}
