/** The suite: every behaviour at one column, each under its own name; what does not apply is skipped with its reason. */
import { afterAll, beforeAll, describe, test } from 'vitest';
import { BEHAVIOURS, type BehaviourId } from './behaviours.ts';
import type { Column, Peer, Suite } from './column.ts';
import * as engines from './engines.ts';
import { limits } from './limits.ts';
import * as messages from './messages.ts';
import { protection } from './protection.ts';
import { QUEUES } from './queues.ts';
import { record } from './record.ts';

const SUITE: Suite = { ...messages, ...engines, protection, limits };

const START_MS_MAX = 400_000;
const BEHAVIOUR_MS_MAX = 120_000;

export function contract(column: Column): void {
  let peer: Peer | undefined;
  let missing = false;
  beforeAll(async () => {
    peer = await column.open(QUEUES);
    missing = peer === undefined;
  }, START_MS_MAX);
  afterAll(async () => {
    await peer?.[Symbol.asyncDispose]();
  }, START_MS_MAX);
  describe(column.name, () => {
    for (const id of Object.keys(BEHAVIOURS) as BehaviourId[]) {
      const cell = column.cells[id];
      const title = BEHAVIOURS[id];
      if (!cell.applies) {
        test.skip(`${title} (does not apply: ${cell.reason})`, () => undefined);
        continue;
      }
      test(
        title,
        async ({ skip }) => {
          if (missing || peer === undefined) return skip(`${column.name} cannot run here`);
          await SUITE[id](peer, column.expected);
          record(column, id);
        },
        BEHAVIOUR_MS_MAX,
      );
    }
  });
}
