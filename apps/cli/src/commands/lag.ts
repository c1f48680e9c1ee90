import { setTimeout as delay } from 'node:timers/promises';
import { durationText, explain, LANE_STATES, type LaneStateName, sequenceNo, type WaitingFor } from '@inorder/core';
import { LAG_SNAPSHOT_PATH, LANE_HEALTHS, type LagSnapshot, lagSnapshotSchema } from '@inorder/shared';
import type { Command } from 'commander';
import pc from 'picocolors';
import { type ConsoleClient, openConsole } from '../console/client.ts';
import { parseCode } from '../console/target.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { table } from '../table.ts';

interface Options {
  readonly watch: boolean;
  readonly all: boolean;
  readonly json: boolean;
}

interface Lane {
  readonly code: string;
  readonly name: string;
  readonly to: string;
  readonly state: LaneStateName;
  readonly health: (typeof LANE_HEALTHS)[number];
  readonly checkpoint: number;
  readonly highWater: number;
  readonly lag: number;
  /** Of the oldest unsettled number; null at lag 0. */
  readonly oldestAgeMs: number | null;
  readonly inPerMinute: number;
  readonly outPerMinute: number;
  readonly deadLetters: number;
  readonly explanation: string;
}

const WATCH_MS = 1_000;
const LINES_MAX = 40;

export function register(command: Command): void {
  command
    .argument('[code]', 'one interface: LAB-0042', parseCode)
    .option('--watch', 'again each second, until Ctrl-C', false)
    .option('--all', 'also lanes where nothing waits', false)
    .option('--json', 'for programs; with --watch a line each second', false)
    .addHelpText(
      'after',
      `
Lag is what an interface has been given and has not settled. Without a code: the lanes where something waits or is wrong,
the worst first.`,
    )
    .action(run);
}

async function run(code: string | undefined, options: Options): Promise<void> {
  const console = openConsole();
  const write = (text: string): void => void process.stdout.write(text);
  do {
    const { lanes, head } = await read(console, code);
    const clear = options.watch && process.stdout.isTTY && !options.json ? '\u001B[H\u001B[2J' : '';
    if (options.json) write(`${JSON.stringify(code === undefined ? lanes : lanes[0])}\n`);
    else write(clear + (code === undefined ? overview(lanes, head, options.all) : lanes.map(detail).join('')));
    if (options.watch) await delay(WATCH_MS);
  } while (options.watch);
}

async function read(console: ConsoleClient, code: string | undefined): Promise<{ lanes: Lane[]; head: string }> {
  const snapshot = await console.get(LAG_SNAPSHOT_PATH, lagSnapshotSchema);
  const { feed } = snapshot;
  const engines = `${feed.engines} ${feed.engines === 1 ? 'engine' : 'engines'}`;
  const stale = feed.stale ? pc.yellow('; no live news from the engines, numbers may be 5 s old') : '';
  const lanes = lanesOf(snapshot).filter((lane) => code === undefined || lane.code === code);
  if (code !== undefined && lanes.length === 0) throw new CommandFailure(EXIT.failed, `there is no interface ${code}`);
  return { lanes, head: `${engines}${stale}` };
}

function lanesOf({ at, names, columns }: LagSnapshot): Lane[] {
  return names.code.map((code, row) => {
    const state = LANE_STATES[columns.state[row] ?? -1] ?? 'IDLE';
    const checkpoint = sequenceNo(columns.checkpoint[row] ?? 0);
    const highWater = sequenceNo(columns.highWater[row] ?? 0);
    const oldestAt = columns.oldestAt[row] ?? null;
    // Written by the owner of the lane with this very type; the console passes it on.
    const waitingFor = (columns.waitingFor[row] ?? null) as WaitingFor | null;
    return {
      code,
      name: names.name[row] ?? '',
      to: names.to[row] ?? '',
      state,
      health: LANE_HEALTHS[columns.health[row] ?? -1] ?? 'OK',
      checkpoint,
      highWater,
      lag: highWater - checkpoint,
      oldestAgeMs: oldestAt === null ? null : Math.max(0, at - oldestAt),
      inPerMinute: columns.inPerMinute[row] ?? 0,
      outPerMinute: columns.outPerMinute[row] ?? 0,
      deadLetters: columns.dead[row] ?? 0,
      explanation:
        waitingFor === null && highWater > checkpoint
          ? 'its engine does not say what it waits for'
          : explain({ state, checkpoint, highWater, waitingFor }, at),
    };
  });
}

function overview(lanes: readonly Lane[], head: string, all: boolean): string {
  const shown = lanes
    .filter((lane) => all || lane.lag > 0 || lane.health !== 'OK')
    .sort((a, b) => rank(a) - rank(b) || b.lag - a.lag || (a.code < b.code ? -1 : 1));
  const waiting = lanes.reduce((sum, lane) => sum + lane.lag, 0);
  const dead = lanes.reduce((sum, lane) => sum + lane.deadLetters, 0);
  const summary = `${lanes.length} interfaces, ${waiting} waiting, ${dead} dead letters · ${head}\n`;
  if (shown.length === 0) return `${summary}nothing waits\n`;
  const rows = shown
    .slice(0, LINES_MAX)
    .map((lane) => [
      lane.code,
      healthText(lane.health),
      lane.state,
      String(lane.lag),
      lane.oldestAgeMs === null ? '' : durationText(lane.oldestAgeMs),
      String(lane.deadLetters),
      lane.explanation,
    ]);
  const heading = ['interface', 'health', 'state', 'lag', 'oldest', 'dead', ''].map((word) => pc.dim(word));
  const more = shown.length > LINES_MAX ? `… and ${shown.length - LINES_MAX} more\n` : '';
  return summary + table([heading, ...rows], ['left', 'left', 'left', 'right', 'right', 'right']) + more;
}

function detail(lane: Lane): string {
  const oldest = lane.oldestAgeMs === null ? '' : `, the oldest for ${durationText(lane.oldestAgeMs)}`;
  return [
    `${pc.bold(lane.code)}  ${lane.state}  ${healthText(lane.health)}  ${pc.dim(lane.name)}`,
    lane.explanation,
    `checkpoint ${lane.checkpoint}, highest ${lane.highWater}: ${lane.lag} waiting${oldest}`,
    `last minute: ${lane.inPerMinute} in, ${lane.outPerMinute} out; ${lane.deadLetters} dead letters nobody has dealt with`,
    '',
  ].join('\n');
}

function rank(lane: Lane): number {
  return LANE_HEALTHS.indexOf(lane.health);
}

function healthText(health: string): string {
  if (health === 'OK') return pc.green(health);
  return health === 'STOPPED' || health === 'GAP' ? pc.red(health) : pc.yellow(health);
}
