/** Brokers that other people run, and our own listener: what order and safety rest on there (G3). */
import type { ConnectionDocument, SourceDocument } from '@inorder/shared';
import { type Finding, Findings, isLoopback } from './finding.ts';
import type { QueueVerdict } from './queue-check.ts';
import { certificates, connectionWire, encryption, touchAll } from './wires.ts';

/** What is to be said of the queues of a connection. Handed in: it needs the site's credentials. */
export type QueueCheck = (connectionName: string, addresses: readonly string[]) => Promise<readonly QueueVerdict[]>;

export async function examineBrokers(
  connections: Readonly<Record<string, ConnectionDocument>>,
  sources: Readonly<Record<string, SourceDocument>>,
  connect: boolean,
  checkQueues: QueueCheck,
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
  if (!connect) {
    found.unknown('brokers were not asked about their queues', '--no-connect was given.', '');
    return found.list;
  }
  const reached = await reach(found, brokers);
  for (const { name } of brokers) {
    if (!reached.has(name)) continue;
    const read = Object.values(sources).filter((source) => source.connection === name);
    if (read.length === 0) continue;
    const verdicts = await checkQueues(name, [...new Set(read.map((source) => source.address))]);
    for (const { level, what, why, todo } of verdicts) found.add(level, what, why, todo);
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

/** @returns names of those that answered. */
async function reach(
  found: Findings,
  brokers: readonly { readonly name: string; readonly document: ConnectionDocument }[],
): Promise<Set<string>> {
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
  return new Set(touched.flatMap(({ wire, touch }) => (touch.failure === null ? [wire.name] : [])));
}
