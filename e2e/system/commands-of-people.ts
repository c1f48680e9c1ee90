/** Asks as the console does: a dry run first, then the command with the hash of what was shown. */
import { type CommandKind, type Plan, type PlanCommand, plan, sequenceNo, type UnknownResolution } from '@inorder/core';
import { type CommandView, readCommands, readPlanSnapshot, requestCommands, uuidv7 } from '@inorder/db';
import { eventually } from '@inorder/testkit/eventually';
import { CODE, type Rig } from './rig.ts';

export interface Wish {
  readonly kind: CommandKind;
  readonly code?: string;
  readonly from?: number;
  /** Default `from`. */
  readonly to?: number;
  readonly resolution?: UnknownResolution;
  /** Default: none is checked. */
  readonly planHash?: string;
}

/** What the command would do now. */
export async function dryRun(rig: Rig, wish: Wish): Promise<Plan> {
  const client = await rig.pool.connect();
  try {
    const command = commandOf(wish);
    const snapshot = await readPlanSnapshot(client, wish.code ?? CODE, command);
    if (snapshot === null) throw new Error('no such interface');
    return plan(command, snapshot);
  } finally {
    client.release();
  }
}

/** Asks and does not wait. @returns the command's id. */
export async function request(rig: Rig, wish: Wish): Promise<string> {
  const commandId = uuidv7();
  const asked = await requestCommands(
    rig.pool,
    [{ commandId, interfaceCode: wish.code ?? CODE, ...commandOf(wish), planHash: wish.planHash ?? null }],
    { actor: 'analyst', reason: 'a test' },
  );
  if (!asked.ok) throw new Error(asked.why);
  return commandId;
}

export function ended(rig: Rig, commandId: string): Promise<CommandView> {
  return eventually('the command ends', async () => {
    const [command] = await readCommands(rig.pool, [commandId]);
    return command?.status === 'PENDING' || command?.status === 'RUNNING' ? undefined : command;
  });
}

/** Asks, and waits for the end. */
export const carriedOut = async (rig: Rig, wish: Wish): Promise<CommandView> => ended(rig, await request(rig, wish));

function commandOf(wish: Wish): PlanCommand {
  const { from } = wish;
  const to = wish.to ?? from;
  return {
    kind: wish.kind,
    fromSequenceNo: from === undefined ? null : sequenceNo(from),
    toSequenceNo: to === undefined ? null : sequenceNo(to),
    resolution: wish.resolution ?? null,
  };
}
