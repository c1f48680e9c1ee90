/**
 * A real broker as plain data (`BrokerSetup`: whoever supervises processes can run it) and as an object
 * (`RunningBroker`: started, stopped, killed and started again on the same data).
 */

/** Shape of a process to run; a supervisor needs nothing else. */
export interface BrokerProcess {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** On top of the caller's; undefined removes a variable. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** It does its work once this port accepts connections. */
  readonly ready: { readonly kind: 'tcp'; readonly port: number };
  readonly readyTimeoutMs: number;
  /** From SIGTERM to SIGKILL. */
  readonly stopTimeoutMs: number;
  /** What people reach it at. */
  readonly address: string;
}

export interface BrokerLogin {
  readonly username: string;
  /** Generated, kept in the broker's private folder (mode 600) and nowhere else. */
  readonly password: string;
}

/** PEM text: what the broker shows its clients. */
export interface BrokerTls {
  readonly cert: string;
  readonly key: string;
}

/** One durable queue as the broker is told to make it. Unset: the broker's own default. */
export interface BrokerQueue {
  readonly name: string;
  /** One consumer gets everything, the next one only when it is gone (G3). */
  readonly exclusive?: boolean;
  /** Where rejected messages go; null: the broker throws them away. Default `DLQ`. */
  readonly deadLetter?: string | null;
  /** After so many deliveries a message is moved to the dead letters, or dropped. Default: no limit. */
  readonly deliveriesMax?: number;
  /** Messages older than this leave the queue. Default: never. */
  readonly expiryMs?: number;
}

export interface BrokerSetup {
  readonly kind: BrokerKind;
  /** In the order of their start; the last one is the broker, the ones before it are what it needs beside it. */
  readonly processes: readonly BrokerProcess[];
  readonly folder: string;
  readonly host: string;
  readonly port: number;
  /** AMQP inside TLS; undefined where no certificate was given. */
  readonly tlsPort: number | undefined;
  /** HTTP management, where the broker has one. */
  readonly managementUrl: string | undefined;
  readonly login: BrokerLogin;
  /** Address that a client sends to and reads from to reach the queue of this name. */
  readonly addressOf: (queue: string) => string;
}

export type BrokerKind = 'artemis' | 'rabbitmq';

/** Where rejected messages go unless a queue says otherwise. */
export const DEAD_LETTERS = 'DLQ';

/**
 * A client that says nothing for this long is given up, and an exclusive queue goes to the next reader: a frozen reader
 * holds it no longer than that. The brokers' own defaults are 60,000.
 */
export const IDLE_TIMEOUT_MS = 10_000;

/** Why a broker cannot run on this machine: something is not installed. Anything else that fails is an ordinary error. */
export class BrokerMissing extends Error {
  override readonly name = 'BrokerMissing';
}
