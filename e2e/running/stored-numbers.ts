/**
 * Puts numbers of one interface into Postgres in the state that a scenario begins with, and ends stages as another
 * engine would: the one thing that cannot be brought about from outside is a stage that takes its time.
 */
import { inTransaction, uuidv7 } from '@inorder/db';
import type { GeneratedOrder } from '@inorder/simulator';
import type pg from 'pg';

/** One interface whose numbers are put into Postgres: of a journey's laboratory, or of a system test's rig. */
export interface StoredLane {
  readonly pool: pg.Pool;
  readonly code: string;
  /** Name of the destination that its orders are routed to. */
  readonly endpoint: string;
  order(counter: number): GeneratedOrder;
}

export type StoredStatus = 'RECEIVED' | 'PROCESSED' | 'DELIVERED' | 'FAILED';

const INTERFACE = '(SELECT interface_id FROM interface WHERE code = $1)';

/** Numbers from 1 on, the first `checkpoint` of them settled. The interface must be disabled until they stand. */
export async function storeNumbers(
  lane: StoredLane,
  states: readonly StoredStatus[],
  checkpoint: number,
): Promise<void> {
  await inTransaction(lane.pool, async (tx) => {
    for (const [index, status] of states.entries()) await storeNumber(tx, lane, index + 1, status, index < checkpoint);
    await tx.query(`UPDATE interface_sequence SET last_sequence_no = $2 WHERE interface_id = ${INTERFACE}`, [
      lane.code,
      states.length,
    ]);
    await tx.query(
      `UPDATE message_delivery_checkpoint SET last_delivered_sequence = $2, granted_sequence = $2 WHERE interface_id = ${INTERFACE}`,
      [lane.code, checkpoint],
    );
  });
}

async function storeNumber(
  tx: pg.ClientBase,
  lane: StoredLane,
  n: number,
  status: StoredStatus,
  settled: boolean,
): Promise<void> {
  const order = lane.order(n);
  const id = uuidv7();
  await tx.query(`INSERT INTO message_payload (message_id, format, raw) VALUES ($1, 'HL7V2', $2)`, [
    id,
    Buffer.from(order.body),
  ]);
  await tx.query(
    `INSERT INTO message_tracking (message_id, interface_id, sequence_no, status, revision, settled_at)
     VALUES ($2, ${INTERFACE}, $3, $4::message_status, 1, CASE WHEN $5 THEN now() END)`,
    [lane.code, id, n, status, settled],
  );
  if (status === 'PROCESSED') await routeTo(tx, lane, id, order.controlId);
  if (status === 'FAILED') {
    await tx.query(
      `INSERT INTO dead_letter (message_id, interface_id, sequence_no, stage, error_code, signature, path, detail, attempts)
       VALUES ($2, ${INTERFACE}, $3, 'VALIDATE', 'HL7_FIELD_MISSING', 'VALIDATE HL7_FIELD_MISSING PID-3', 'PID-3', 'PID-3 is empty', 0)`,
      [lane.code, id, n],
    );
  }
  if (status === 'RECEIVED') {
    // Offered, and nobody looks for a chunk whose hint is still under way: in an hour.
    await tx.query(
      `INSERT INTO stage_claim (claim_id, message_ids, interface_ids, sequence_nos, revisions, runs, received_ats, claimed_at)
       SELECT message_id, ARRAY[message_id], ARRAY[interface_id], ARRAY[sequence_no], ARRAY[revision], ARRAY[run], ARRAY[received_at],
              now() + interval '1 hour'
         FROM message_tracking WHERE message_id = $1`,
      [id],
    );
  }
}

/** Stages elsewhere are done with a number: what their one outcome statement leaves in Postgres. */
export async function becomeReady(lane: StoredLane, n: number): Promise<void> {
  await inTransaction(lane.pool, async (tx) => {
    const { rows } = await tx.query<{ message_id: string }>(
      `UPDATE message_tracking SET status = 'PROCESSED' WHERE sequence_no = $2 AND interface_id = ${INTERFACE} RETURNING message_id`,
      [lane.code, n],
    );
    const id = rows[0]?.message_id;
    if (id === undefined) throw new Error(`there is no number ${n}`);
    await routeTo(tx, lane, id, lane.order(n).controlId);
    await tx.query('DELETE FROM stage_claim WHERE claim_id = $1', [id]);
  });
}

async function routeTo(tx: pg.ClientBase, lane: StoredLane, id: string, control: string): Promise<void> {
  await tx.query(
    'UPDATE message_payload SET control_id = $2, destination_id = (SELECT destination_id FROM destination WHERE name = $3) WHERE message_id = $1',
    [id, control, lane.endpoint],
  );
}
