/** Opens the connector that a destination document asks for. */
import type { Clock, DeliveryResult, DestinationConnector } from '@inorder/core';
import type { ConnectionDocument, DestinationDocument } from '@inorder/shared';
import { JmsDestination } from './amqp/index.ts';
import type { DestinationStats } from './connection-pool.ts';
import type { DestinationLogger } from './endpoint-socket.ts';
import { HttpDestination } from './http/http-destination.ts';
import { MllpDestination } from './mllp/mllp-destination.ts';

export interface MeasuredDestination extends DestinationConnector {
  stats(): DestinationStats;
}

/** Everything that a connector needs of the configuration, secrets included. */
export interface DestinationSettings {
  readonly document: DestinationDocument;
  /** Of a JMS destination: the connection it names, null where there is none that can be used here. Else null. */
  readonly connection: ConnectionDocument | null;
}

/** Connects to nothing yet: the first `deliver` does, and reports what is wrong with the endpoint or its settings. */
export function openDestination(
  { document, connection }: DestinationSettings,
  clock: Clock,
  logger: DestinationLogger,
): MeasuredDestination {
  switch (document.kind) {
    case 'MLLP':
      return new MllpDestination(document, clock, logger);
    case 'HTTP':
      return new HttpDestination(document, clock, logger);
    case 'JMS':
      if (connection?.kind !== 'CONNECT') return new WithoutConnection(document.connection);
      return new JmsDestination(document, connection, clock, logger);
  }
}

/** The lanes wait for the configuration to be put right; no message is charged. */
class WithoutConnection implements MeasuredDestination {
  readonly #connection: string;

  constructor(connection: string) {
    this.#connection = connection;
  }

  stats(): DestinationStats {
    return { open: 0, busy: 0, waiting: 0, reset: 0 };
  }

  async deliver(): Promise<DeliveryResult> {
    const detail = `connection ${this.#connection} is no broker that can be used here`;
    return { ok: false, code: 'JMS_CONNECT', detail, ackCode: null, response: null };
  }

  async close(): Promise<void> {}
}
