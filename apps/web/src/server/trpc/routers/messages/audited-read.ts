import { type AuditEntry, appendAudit, inTransaction } from '@inorder/db';
import { type MessagePayload, type MessageRecord, readMessage, readPayload, readResponse } from '@inorder/db/console';
import { database } from '../../../database.ts';
import { notFound } from '../../errors.ts';
import { missingMessage } from './missing-message.ts';

type Bytes = { readonly payload: MessagePayload } | { readonly answer: Buffer };

/** Bytes leave the database only in a transaction that also writes down who saw them (G17). */
export async function auditedRead(
  input: { readonly code: string; readonly sequenceNo: number; readonly attemptId?: string | undefined },
  entry: Pick<AuditEntry, 'actor' | 'action' | 'reason'>,
): Promise<Bytes> {
  const { pool } = database();
  const target = `${input.code}:${input.sequenceNo}`;
  const message = await readMessage(pool, input.code, input.sequenceNo);
  if (message === null) throw await missingMessage(input);
  return inTransaction(pool, async (tx) => {
    const bytes = await readBytes(tx, message, input.attemptId);
    if (bytes === null)
      throw notFound(input.attemptId === undefined ? `payload of ${target} any more` : `answer of ${target}`);
    const part = input.attemptId === undefined ? 'payload' : `answer ${input.attemptId}`;
    await appendAudit(tx, { ...entry, target, detail: { part } });
    return bytes;
  });
}

async function readBytes(
  tx: Parameters<typeof appendAudit>[0],
  message: MessageRecord,
  attemptId: string | undefined,
): Promise<Bytes | null> {
  if (attemptId === undefined) {
    const payload = await readPayload(tx, message.messageId);
    return payload === null ? null : { payload };
  }
  const { interfaceId, sequenceNo } = message;
  const answer = await readResponse(tx, { interfaceId, sequenceNo, attemptId });
  return answer === null ? null : { answer };
}
