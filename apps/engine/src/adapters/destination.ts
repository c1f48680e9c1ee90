/** Opens the connector that a destination document asks for. */
import type { Clock, DestinationConnector } from '@inorder/core';
import type { DestinationDocument } from '@inorder/shared';
import type { DestinationStats } from './connection-pool.ts';
import type { DestinationLogger } from './endpoint-socket.ts';
import { HttpDestination } from './http/http-destination.ts';
import { MllpDestination } from './mllp/mllp-destination.ts';

export interface MeasuredDestination extends DestinationConnector {
  stats(): DestinationStats;
}

/** Connects to nothing yet: the first `deliver` does, and reports what is wrong with the endpoint or its settings. */
export function openDestination(
  document: DestinationDocument,
  clock: Clock,
  logger: DestinationLogger,
): MeasuredDestination {
  switch (document.kind) {
    case 'MLLP':
      return new MllpDestination(document, clock, logger);
    case 'HTTP':
      return new HttpDestination(document, clock, logger);
  }
}
