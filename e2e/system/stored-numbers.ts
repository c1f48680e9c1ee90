/** Puts numbers into Postgres in the state a scenario begins with, and ends stages as another instance would. */
import { uuidv7 } from '@inorder/db';
import type pg from 'pg';
import { CODE, makeOrder, type Rig } from './rig.ts';

export type StoredStatus = 'RECEIVED' | 'PROCESSED' | 'DELIVERED' | 'FAILED';

/** An instance that is alive and has messages in its stages; nobody takes them from it. */
const ELSEWHERE = 'stages-elsewhere';

/** Numbers from 1 on with these states, the first `checkpoint` of them settled. RECEIVED ones are in another's stages. */
export async function storeNumbers(rig: Rig, states: readonly StoredStatus[], checkpoint: number): Promise<void> {
  const client = await rig.pool.connect();
  try {
    await client.query('BEGIN');
    await client.query(
      `INSERT INTO engine_instance (instance, roles, version, heartbeat_at)
       VALUES ($1, '{stages}', 'test', now() + interval '1 hour') ON CONFLICT DO NOTHING`,
      [ELSEWHERE],
    );
    for (const [index, status] of states.entries()) await storeNumber(client, index + 1, status, index < checkpoint);
    await client.query(
      'UPDATE interface_sequence SET last_sequence_no = $2 WHERE interface_id = (SELECT interface_id FROM interface WHERE code = $1)',
      [CODE, states.length],
    );
    await client.query(
      `UPDATE message_delivery_checkpoint SET last_delivered_sequence = $2, granted_sequence = $2
        WHERE interface_id = (SELECT interface_id FROM interface WHERE code = $1)`,
      [CODE, checkpoint],
    );
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}

async function storeNumber(client: pg.ClientBase, n: number, status: StoredStatus, settled: boolean): Promise<void> {
  const order = makeOrder(n);
  const id = uuidv7();
  await client.query(`INSERT INTO message_payload (message_id, format, raw) VALUES ($1, 'HL7V2', $2)`, [
    id,
    Buffer.from(order.body),
  ]);
  await client.query(
    `INSERT INTO message_tracking (message_id, interface_id, sequence_no, status, revision, settled_at)
     SELECT $1, interface_id, $3, $4::message_status, 1, CASE WHEN $5 THEN now() END FROM interface WHERE code = $2`,
    [id, CODE, n, status, settled],
  );
  if (status === 'PROCESSED') await routeTo(client, id, order.controlId);
  if (status === 'FAILED') {
    await client.query(
      `INSERT INTO dead_letter (message_id, interface_id, sequence_no, stage, error_code, signature, path, detail, attempts)
       SELECT $1, interface_id, $3, 'VALIDATE', 'HL7_FIELD_MISSING', 'VALIDATE HL7_FIELD_MISSING PID-3', 'PID-3', 'PID-3 is empty', 0
         FROM interface WHERE code = $2`,
      [id, CODE, n],
    );
  }
  if (status === 'RECEIVED') {
    await client.query(
      `INSERT INTO stage_claim (claim_id, instance, message_ids, claimed_at) VALUES ($1, $2, ARRAY[$1::uuid], now() + interval '1 hour')`,
      [id, ELSEWHERE],
    );
  }
}

/** The other instance's stages are done with a number: what its one outcome statement leaves in Postgres. */
export async function becomeReady(rig: Rig, n: number): Promise<void> {
  const client = await rig.pool.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query<{ message_id: string }>(
      `UPDATE message_tracking SET status = 'PROCESSED'
        WHERE sequence_no = $2 AND interface_id = (SELECT interface_id FROM interface WHERE code = $1) RETURNING message_id`,
      [CODE, n],
    );
    const id = rows[0]?.message_id;
    if (id === undefined) throw new Error(`there is no number ${n}`);
    await routeTo(client, id, makeOrder(n).controlId);
    await client.query('DELETE FROM stage_claim WHERE claim_id = $1', [id]);
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}

async function routeTo(client: pg.ClientBase, id: string, control: string): Promise<void> {
  await client.query(
    'UPDATE message_payload SET control_id = $2, destination_id = (SELECT destination_id FROM destination LIMIT 1) WHERE message_id = $1',
    [id, control],
  );
}
