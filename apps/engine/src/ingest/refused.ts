/** Messages that cannot even be read as one: kept in ingest_reject before the peer is told (guarantees, "Failure classes"). */
import type { Disposition } from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import type { Logger } from 'pino';
import type { RefusedMessage } from '../adapters/amqp/index.ts';
import { errorCodeOf, type Queries } from '../adapters/postgres/database.ts';
import { storeRejects } from '../adapters/postgres/ingest-queries.ts';
import { REJECT_BODY_BYTES_MAX } from './envelope.ts';
import { rejected } from './receipt.ts';

/** Postgres being away gives the message back: it comes again. */
export function keepRefused(queries: Queries, logger: Logger): (refused: RefusedMessage) => Promise<Disposition> {
  return async (refused) => {
    try {
      const body = refused.encoded?.subarray(0, REJECT_BODY_BYTES_MAX) ?? null;
      await storeRejects(queries, [
        {
          rejectId: uuidv7(),
          sourceId: refused.sourceId,
          errorCode: refused.code,
          detail: refused.description,
          jmsMessageId: refused.jmsMessageId?.replaceAll('\0', '\uFFFD').toWellFormed() ?? null,
          propertiesJson: null,
          body: body ?? new Uint8Array(0),
          bodyBytes: refused.encoded?.byteLength ?? 0,
        },
      ]);
      return rejected(refused, refused.code, refused.description);
    } catch (error) {
      logger.warn({ code: errorCodeOf(error), sourceId: refused.sourceId }, 'refused message not kept yet');
      return { kind: 'release' };
    }
  };
}
