/** Brokers that other people run, and our own listener: what order and safety rest on there (G3). */
import type { ConnectionDocument, SourceDocument } from '@inorder/shared';
import { count, type Finding, Findings, isLoopback, names, verb } from './finding.ts';
import { certificates, connectionWire, encryption, touchAll } from './wires.ts';

/** What is known of one queue at its broker; 'unknown' where the broker does not tell. */
export interface QueueFact {
  /** Word of the check: exclusiveConsumer, deliveryLimit, redeliveryDelay, expiry. */
  readonly check: string;
  readonly level: 'ok' | 'warning' | 'problem' | 'unknown';
  readonly what: string;
  readonly why: string;
  readonly todo: string;
}

/** Asks a broker about its queues. Handed in, because how to ask differs from broker to broker. */
export type QueueCheck = (
  connection: { readonly name: string; readonly document: ConnectionDocument },
  sources: readonly { readonly name: string; readonly document: SourceDocument }[],
) => Promise<readonly QueueFact[]>;

export async function examineBrokers(
  connections: Readonly<Record<string, ConnectionDocument>>,
  sources: Readonly<Record<string, SourceDocument>>,
  connect: boolean,
  checkQueues: QueueCheck | null,
): Promise<Finding[]> {
  const found = new Findings('JMS');
  const all = Object.entries(connections).map(([name, document]) => ({ name, document }));
  encryption(
    found,
    all.map(({ name, document }) =>
      connectionWire(document.kind === 'LISTEN' ? `our listener ${name}` : `broker ${name}`, document),
    ),
  );
  for (const { name, document } of all) if (document.kind === 'LISTEN') listener(found, name, document);
  const brokers = all.filter(({ document }) => document.kind === 'CONNECT');
  if (brokers.length === 0) return found.list;
  if (connect) await reach(found, brokers);
  for (const broker of brokers) {
    const read = Object.entries(sources)
      .filter(([, source]) => source.connection === broker.name)
      .map(([name, document]) => ({ name, document }));
    if (read.length > 0) await queues(found, broker, read, checkQueues);
  }
  return found.list;
}

function listener(found: Findings, name: string, document: ConnectionDocument): void {
  if (document.username === undefined && !isLoopback(document.host))
    found.problem(
      `our listener ${name} lets anybody in who can reach ${document.host}`,
      'Whoever connects can send orders.',
      'Give the connection a username and a password.',
    );
}

async function reach(
  found: Findings,
  brokers: readonly { readonly name: string; readonly document: ConnectionDocument }[],
): Promise<void> {
  const touched = await touchAll(brokers.map(({ name, document }) => connectionWire(name, document)));
  for (const { wire, touch } of touched) {
    if (touch.failure === null) found.ok(`the broker of ${wire.name} can be reached`);
    else
      found.problem(
        `the broker of ${wire.name} cannot be reached at ${wire.host}:${wire.port}: ${touch.failure}`,
        'Orders wait at the broker or at their sender; nothing is lost.',
        'Ask whoever runs the broker, or correct the address.',
      );
  }
  certificates(found, touched);
}

async function queues(
  found: Findings,
  broker: { readonly name: string; readonly document: ConnectionDocument },
  read: readonly { readonly name: string; readonly document: SourceDocument }[],
  checkQueues: QueueCheck | null,
): Promise<void> {
  if (checkQueues === null) {
    found.unknown(
      `could not check ${count(read.length, 'queue')} of ${broker.name}: ${names(read.map((source) => source.document.address))}`,
      'Without the broker’s exclusive consumer a frozen reader can change the order; a delivery limit, an expiry or a redelivery delay can take orders out of the queue.',
      `Ask whoever runs the broker that each queue has an exclusive consumer (Artemis exclusive, RabbitMQ x-single-active-consumer), no delivery limit or a watched dead-letter queue, redelivery delay 0 and no expiry; ${verb(read.length, 'it is', 'they are')} not seen from here.`,
    );
    return;
  }
  for (const { level, what, why, todo } of await checkQueues(broker, read)) found.add(level, what, why, todo);
}
