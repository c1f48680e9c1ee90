/** Writes down which behaviours held, for the table; only when `INORDER_CONTRACT_RECORD` names a folder. */
import { appendFileSync } from 'node:fs';
import path from 'node:path';
import type { BehaviourId } from './behaviours.ts';
import type { Column } from './column.ts';

export function record(column: Column, id: BehaviourId): void {
  const folder = process.env['INORDER_CONTRACT_RECORD'];
  if (folder !== undefined && folder !== '') appendFileSync(path.join(folder, column.name), `${id}\n`);
}
