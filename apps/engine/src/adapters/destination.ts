/** Opens the connector that a destination document asks for. */
import type { Clock, DestinationConnector } from '@inorder/core';
import type { DestinationDocument } from '@inorder/shared';
import type { DestinationLogger } from './endpoint-socket.ts';
import { MllpDestination } from './mllp/mllp-destination.ts';

/** Gauges of one connector; `reset` only grows. */
export interface DestinationStats {
  /** Connections that are open, idle or not. */
  readonly open: number;
  /** Sends that hold a connection or are opening one; at most `connectionsMax`. */
  readonly busy: number;
  /** Sends that wait for a connection. */
  readonly waiting: number;
  /** Connections we reset: time-out, abort, foreign or unasked answer. */
  readonly reset: number;
}

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
      throw new Error('not yet');
  }
}
