/** One column of the contract: a way in, and in what it differs from the others, as data. */

import type { BrokerLogin, BrokerQueue } from '@inorder/brokers/broker';
import type { RunningBroker } from '@inorder/brokers/run-broker';
import type { InboundHandler, SourceId } from '@inorder/core';
import type { ConnectionDocument } from '@inorder/shared';
import type { AmqpCounters } from '../../src/adapters/amqp/options.ts';
import type { BehaviourId, Cells } from './behaviours.ts';

export interface Column {
  /** Heading of the table. */
  readonly name: string;
  readonly cells: Cells;
  readonly expected: Expected;
  /** undefined: it cannot run here, which has been said. @throws under CI=true instead. */
  open(queues: readonly BrokerQueue[]): Promise<Peer | undefined>;
}

/** Where the columns differ although all of them behave. */
export interface Expected {
  /** Whether a message that was released and comes back says so. */
  readonly redeliveredAfterRelease: boolean;
  /** What the sender of a message is told when the reader refuses it. */
  readonly outcomeOfRejected: 'accepted' | 'rejected';
  /** Where it is then to be found; undefined: nowhere, the sender has it. */
  readonly deadLetters: string | undefined;
  /** What tells of a wrong password, and of a certificate that nobody vouches for. */
  readonly wrongPassword: RegExp;
  readonly wrongAuthority: RegExp;
}

export interface Peer extends AsyncDisposable {
  /** Where a producer sends to. */
  readonly port: number;
  readonly login: BrokerLogin | undefined;
  /** undefined at our own listener. */
  readonly broker: RunningBroker | undefined;
  addressOf(queue: string): string;
  /** As the site file has it: the engine's side. */
  connection(): ConnectionDocument;
  /** Connects with TLS, trusting this authority (PEM) alone. @returns `open`, or what was said instead. */
  overTls(authority: string): Promise<string>;
  /** Connects with this password. @returns `open`, or what was said instead. */
  withPassword(password: string): Promise<string>;
  /** Opens our side and resolves when every queue is open. */
  read(queues: readonly ReadQueue[], handler: InboundHandler): Promise<Reader>;
}

export interface ReadQueue {
  readonly name: string;
  readonly sourceId: SourceId;
  readonly credit: number;
}

export interface Reader {
  readonly counters: AmqpCounters;
  close(): Promise<void>;
}

export type Behave = (peer: Peer, expected: Expected) => Promise<void>;
export type Suite = Readonly<Record<BehaviourId, Behave>>;
