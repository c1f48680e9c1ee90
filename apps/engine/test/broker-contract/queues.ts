/** The queues that the behaviours use, declared at the start of each broker. */
import type { BrokerQueue } from '@inorder/brokers/broker';

/** How many queues the behaviour "many" reads over one connection. */
export const MANY = Number(process.env['INORDER_CONTRACT_QUEUES'] ?? 1_000);

export const manyQueue = (index: number): string => `many-${index}`;

const PLAIN = ['probe', 'order-a', 'order-b', 'order-c', 'content', 'replies', 'durable', 'redelivery', 'reject'];
const WITH_ENGINES = ['credit', 'away', 'lapsed', 'shared', 'restart'];

export const QUEUES: readonly BrokerQueue[] = [
  ...[...PLAIN, ...WITH_ENGINES].map((name) => ({ name })),
  ...Array.from({ length: MANY }, (_, index) => ({ name: manyQueue(index) })),
  { name: 'failover', exclusive: true },
  { name: 'frozen', exclusive: true },
  { name: 'guarded', exclusive: true },
  { name: 'unguarded' },
  { name: 'limited', deliveriesMax: 3, expiryMs: 3_600_000 },
  { name: 'clean', exclusive: true },
  { name: 'undead', exclusive: true, deadLetter: null },
];
