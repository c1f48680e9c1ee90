/** Asks brokers about the queues that are read there, with the credentials the site has for them (packages/brokers). */
import { checkQueue, type QueueFinding } from '@inorder/brokers/check-queue';
import { joinSecrets, openSecrets } from '@inorder/db';
import { type ConnectionDocument, connectionDocumentSchema } from '@inorder/shared';
import type pg from 'pg';
import type { Level } from './finding.ts';
import { names } from './finding.ts';

export interface QueueVerdict {
  readonly level: Level;
  readonly what: string;
  readonly why: string;
  readonly todo: string;
}

type Check = (connection: Extract<ConnectionDocument, { kind: 'CONNECT' }>, queue: string) => Promise<QueueFinding[]>;

/** Queues of one broker that are looked at, and at once. */
const QUEUES_MAX = 100;
const PARALLEL = 5;

const LEVEL = { error: 'problem', warning: 'warning', unchecked: 'unknown' } as const satisfies Record<
  QueueFinding['level'],
  Level
>;

const WHY: Readonly<Record<QueueFinding['kind'], string>> = {
  unreachable: 'Orders wait there; nothing is lost.',
  noQueue: 'Senders and we may mean different queues.',
  notDurable: 'Orders that the sender was told are safe can be lost.',
  notExclusive: 'Two readers at once can change the order of an interface (G3).',
  deliveryLimit: 'Orders can leave the queue without having been read: lost to the laboratory, or late.',
  expiry: 'Orders can leave the queue without having been read: lost to the laboratory.',
  redeliveryDelay: 'A later order can overtake one that came back.',
  noDeadLetters: 'What we refuse is kept in the console, but is gone at the broker.',
  deadLettersUnread: 'Orders that end there are noticed by nobody.',
  autoDelete: 'It may come back with other settings.',
  couldNotCheck: 'Order and safety rest on settings that were not seen.',
};

/** Connections with their credentials, by name; without the key, and where they do not open, a reason. */
export async function openConnections(
  client: pg.Client,
  secretKey: Uint8Array | null,
): Promise<Map<string, ConnectionDocument | string>> {
  const { rows } = await client.query<{ id: string; name: string; document: unknown; secrets: Buffer | null }>(
    'SELECT connection_id AS id, name, document, secrets FROM jms_connection',
  );
  return new Map(rows.map(({ id, name, document, secrets }) => [name, opened(id, document, secrets, secretKey)]));
}

function opened(
  id: string,
  stored: unknown,
  sealed: Buffer | null,
  secretKey: Uint8Array | null,
): ConnectionDocument | string {
  const document = connectionDocumentSchema.parse(stored);
  if (sealed === null) return document;
  if (secretKey === null) return 'its credentials are sealed and INORDER_SECRET_KEY is not given';
  try {
    return joinSecrets(document, openSecrets(sealed, id, secretKey));
  } catch {
    return 'its credentials do not open with this INORDER_SECRET_KEY';
  }
}

/** What is to be said of the queues of one broker; never rejects, for `check` does not. */
export async function judgeQueues(
  connection: ConnectionDocument | string | undefined,
  addresses: readonly string[],
  check: Check = checkQueue,
): Promise<QueueVerdict[]> {
  if (connection === undefined || typeof connection === 'string' || connection.kind !== 'CONNECT')
    return [notSeen(addresses, typeof connection === 'string' ? connection : 'the connection is not configured')];
  const looked = addresses.slice(0, QUEUES_MAX);
  const found: { readonly queue: string; readonly findings: readonly QueueFinding[] }[] = [];
  const waiting = [...looked];
  const worker = async (): Promise<void> => {
    for (let queue = waiting.shift(); queue !== undefined; queue = waiting.shift())
      found.push({ queue, findings: await check(connection, queue) });
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  const rest = addresses.slice(QUEUES_MAX);
  return [...grouped(found), ...(rest.length > 0 ? [notSeen(rest, `only ${QUEUES_MAX} are looked at`)] : [])];
}

/** One sentence for all queues of which the same is to be said. */
function grouped(
  found: readonly { readonly queue: string; readonly findings: readonly QueueFinding[] }[],
): QueueVerdict[] {
  const said = found.flatMap(({ queue, findings }) =>
    findings.map(({ kind, level, text }) => ({
      queue,
      kind,
      level,
      text: (text.startsWith(`${queue}: `) ? text.slice(queue.length + 2) : text).slice(0, 300),
    })),
  );
  const verdicts = [...Map.groupBy(said, ({ kind, text }) => `${kind} ${text}`).values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    const queues = names(same.map(({ queue }) => queue).toSorted());
    const todo = first.kind === 'unreachable' ? 'Correct host, port and credentials.' : 'Tell whoever runs the broker.';
    return [{ level: LEVEL[first.level], what: `${queues}: ${first.text}`, why: WHY[first.kind], todo }];
  });
  const sound = found.filter(({ findings }) => findings.length === 0).map(({ queue }) => queue);
  if (sound.length === 0) return verdicts;
  const what = `${names(sound.toSorted())}: one reader at a time, no delivery limit, no delay, no expiry, what is rejected is kept`;
  return [...verdicts, { level: 'ok', what, why: '', todo: '' }];
}

function notSeen(addresses: readonly string[], reason: string): QueueVerdict {
  return {
    level: 'unknown',
    what: `could not check ${names(addresses)}: ${reason}`,
    why: 'Without the broker’s exclusive consumer a frozen reader can change the order; a delivery limit, an expiry or a redelivery delay can take orders out of the queue.',
    todo: 'Ask whoever runs the broker: an exclusive consumer (Artemis exclusive, RabbitMQ x-single-active-consumer), no delivery limit or a watched dead-letter queue, redelivery delay 0, no expiry.',
  };
}
