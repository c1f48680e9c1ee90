/** What every way in is held to, in the order of the table in docs/operations/brokers.md. */

export const BEHAVIOURS = {
  order: 'Order: each queue hands over in the order it was sent, many queues at once',
  content:
    'Content: Text and Bytes bodies, typed properties, ids, correlation id, group id and reply-to arrive as sent',
  durable: 'Durable: a message the broker accepted survives kill -9 of the broker',
  redelivery: 'Redelivery: a released message comes back at its old place',
  reject: 'Reject: a refused message goes to the dead letters and the next one follows',
  credit: 'G19: never more in hand than the credit, and all goes on after it',
  postgresAway: 'G12: while Postgres is away nothing is settled; afterwards every message is numbered in order',
  lapsed:
    'G3, G12: a reader whose lease ran out, with nobody in its place, keeps what it has in hand and goes on in order',
  tls: 'G22: TLS is verified: the right authority is let in, another one is not',
  sasl: 'SASL: a wrong password ends in a status that says so',
  many: 'Many queues on one connection: each is read, in order',
  shared: 'A shared queue: JMSXGroupID names the interface of each message',
  restart: 'G2: killed and restarted under load: nothing is lost, repeats get no second number, order holds',
  failover: 'G3: an exclusive queue has one reader, and the next one begins with the oldest unsettled message',
  frozen: 'G3: a frozen reader loses the queue; what it hands over when it wakes gets no number, and order holds',
  protection:
    'G3: a queue that the broker would give to a second reader is said to be unprotected, and looked at again',
  limits: 'Delivery limit, expiry and a missing exclusive consumer are found by the queue check',
} as const;

export type BehaviourId = keyof typeof BEHAVIOURS;

/** What the table says of one behaviour at one way in. `note`: what differs; it must be what the test expects. */
export type Cell =
  | { readonly applies: true; readonly note?: string }
  | { readonly applies: false; readonly reason: string };

export type Cells = Readonly<Record<BehaviourId, Cell>>;

export const yes = (note?: string): Cell => (note === undefined ? { applies: true } : { applies: true, note });
export const not = (reason: string): Cell => ({ applies: false, reason });
