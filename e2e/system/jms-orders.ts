/** What tests of real JMS clients share: the client, a message that the stages take, and what became of it in Postgres. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type JavaClient, type JmsOptions, type JmsSendResult, testJavaClient } from '@inorder/testkit/java-client';
import { ADDRESS, CODE, makeOrder, type Rig } from './rig.ts';

/** undefined: no Java or no Maven here. */
export const java = await testJavaClient();

/** For tests that are skipped by name where there is no client. */
export function theClient(): JavaClient {
  if (java === undefined) throw new Error('the test should have been skipped: there is no JMS client');
  return java;
}

export interface Template extends Disposable {
  readonly file: string;
}

/** An order that the simulated laboratory takes, with places for control id and placer number. */
export function orderTemplate(): Template {
  const order = makeOrder(1, { dialect: 'ORM-2.5.1' });
  const text = order.body.replaceAll(order.controlId, '{controlId}').replaceAll(order.placerNumber, 'PL-{controlId}');
  const folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-jms-'));
  const file = path.join(folder, 'order.hl7');
  writeFileSync(file, text);
  return { file, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

export function toListener(rig: Rig, more: JmsOptions = {}): JmsOptions {
  return { url: `amqp://127.0.0.1:${rig.amqpPort}`, queue: ADDRESS, interfaces: CODE, ...more };
}

/** The laboratory's judge is told what the client was told. All messages of the run must have been confirmed. */
export function acknowledge(rig: Rig, controlIds: readonly string[], result: JmsSendResult): void {
  if (result.confirmed !== controlIds.length) throw new Error(`not all confirmed: ${JSON.stringify(result)}`);
  for (const id of controlIds) rig.ledger.acknowledge(id);
}

/** How many numbers were given, and how many envelopes refused. */
export async function counted(rig: Rig): Promise<{ numbers: number; messages: number; refused: number }> {
  const [row] = await rig.query<{ numbers: number; messages: number; refused: number }>(
    `SELECT (SELECT coalesce(sum(last_sequence_no), 0)::int FROM interface_sequence) AS numbers,
            (SELECT count(*)::int FROM message_tracking) AS messages,
            (SELECT count(*)::int FROM ingest_reject) AS refused`,
  );
  if (row === undefined) throw new Error('no counts');
  return row;
}
