/** Reads lanes from Postgres and puts them to work: at a takeover, after a settlement that did not fit, past a window. */
import {
  type InterfaceId,
  type LanePolicy,
  type LaneRecord,
  NO_TRIES,
  nextSequenceNo,
  openLane,
  type ReplayOrder,
  type SequenceNo,
  sequenceNo,
} from '@inorder/core';
import type { InterfaceDocument } from '@inorder/shared';
import type { Logger } from 'pino';
import type { Queries } from '../adapters/postgres/database.ts';
import {
  type LaneRow,
  type OpenNumber,
  readFailedOrders,
  readHeadTries,
  readLanes,
  readOpenNumbers,
} from '../adapters/postgres/lane-queries.ts';
import { readPendingReplays } from '../adapters/postgres/replay-queries.ts';
import type { Lane } from './lane.ts';
import type { Lanes } from './lanes.ts';
import type { DeliverySettings } from './settings.ts';
import type { ShardHold } from './shard-hold.ts';

export interface LaneSite {
  /** Code and delivery document of an interface's current revision; undefined = not configured here yet. */
  delivery(
    id: InterfaceId,
  ): { readonly code: LaneRecordCode; readonly document: InterfaceDocument; readonly enabled: boolean } | undefined;
  /** Its current revision. */
  revision(id: InterfaceId): number | undefined;
}
type LaneRecordCode = Parameters<Lanes['open']>[1];

/** Numbers read per lane at a takeover; the rest comes by page when the lane gets there. */
const PAGE = 100;
/** Numbers read when one lane has come to the end of what it knows. */
const LOOK_UP_PAGE = 1000;
/** Lanes per read, so that one statement stays short. */
const LANES_PER_READ = 1000;

export interface OpenLanesOptions {
  readonly queries: Queries;
  readonly site: LaneSite;
  readonly lanes: Pick<Lanes, 'get' | 'open' | 'takeCarried'>;
  readonly settings: DeliverySettings;
  readonly clock: { wallMs(): number };
  readonly logger: Logger;
  /** Makes `site.delivery` know these revisions. @throws where Postgres is away. */
  readonly loadDocuments: (
    wanted: readonly { readonly interfaceId: InterfaceId; readonly revision: number }[],
  ) => Promise<void>;
}

export function lanePolicy(document: InterfaceDocument, settings: DeliverySettings): LanePolicy {
  return { ...document.delivery, windowEntriesMax: settings.windowEntriesMax, settleBatchMax: settings.settleBatchMax };
}

/** Opens every lane of the holds. `cleanShards`: their former owner gave them back with nothing under way. */
export async function openShards(
  options: OpenLanesOptions,
  holds: readonly { readonly hold: ShardHold; readonly clean: boolean }[],
): Promise<number> {
  const byShard = new Map(holds.map((h) => [h.hold.shard, h]));
  const rows = await readLanes(options.queries, { shards: [...byShard.keys()] });
  for (let i = 0; i < rows.length; i += LANES_PER_READ) {
    await openRows(options, rows.slice(i, i + LANES_PER_READ), (row) => byShard.get(row.shard));
  }
  return rows.length;
}

/** Reads one lane again under the hold it has. `replaces`: the lane that waits for it; none where there is no lane yet. */
export async function reopenLane(
  options: OpenLanesOptions,
  hold: ShardHold,
  id: InterfaceId,
  replaces?: Lane,
): Promise<void> {
  await openRows(options, await readLanes(options.queries, { ids: [id] }), () => ({ hold, clean: false }), replaces);
}

async function openRows(
  options: OpenLanesOptions,
  rows: readonly LaneRow[],
  holdOf: (row: LaneRow) => { readonly hold: ShardHold; readonly clean: boolean } | undefined,
  replaces?: Lane,
): Promise<void> {
  await options.loadDocuments(
    rows.flatMap((row) => {
      const revision = options.site.revision(row.interfaceId);
      return revision === undefined ? [] : [{ interfaceId: row.interfaceId, revision }];
    }),
  );
  const known = rows.flatMap((row) => {
    const configured = options.site.delivery(row.interfaceId);
    if (configured === undefined) options.logger.error({ interfaceId: row.interfaceId }, 'lane without configuration');
    return configured === undefined ? [] : [{ row, ...configured }];
  });
  const open = known.filter((k) => k.row.highWater > k.row.checkpoint);
  const withOrder = open.filter((k) => k.document.delivery.onFailure === 'passWithOrder');
  const plain = open.filter((k) => k.document.delivery.onFailure !== 'passWithOrder');
  const after = (k: { row: LaneRow }): { interfaceId: InterfaceId; after: SequenceNo } => ({
    interfaceId: k.row.interfaceId,
    after: k.row.checkpoint,
  });
  const numbers = [
    ...(await readOpenNumbers(options.queries, plain.map(after), PAGE, false)),
    ...(await readOpenNumbers(options.queries, withOrder.map(after), PAGE, true)),
  ];
  const perLane = Map.groupBy(numbers, (n) => n.interfaceId);
  const tries = await readHeadTries(
    options.queries,
    open.map((k) => ({ interfaceId: k.row.interfaceId, sequenceNo: nextSequenceNo(k.row.checkpoint) })),
  );
  const failedOrders = await readFailedOrders(
    options.queries,
    withOrder.map((k) => k.row.interfaceId),
  );
  const replays = await readPendingReplays(
    options.queries,
    known.map((k) => k.row.interfaceId),
  );
  const nowAt = options.clock.wallMs();
  for (const { row, code, document, enabled } of known) {
    const tenure = holdOf(row);
    if (tenure === undefined || tenure.hold.lost) continue;
    // Somebody else opened it while this was read. It may have bytes on the wire: at most one send of a lane is under way.
    if (options.lanes.get(row.interfaceId) !== replaces) continue;
    const record = recordOf(row, tenure.hold, perLane.get(row.interfaceId) ?? [], {
      policy: lanePolicy(document, options.settings),
      enabled,
      headTries: tries.get(row.interfaceId) ?? NO_TRIES,
      failedOrders: failedOrders.get(row.interfaceId) ?? new Map<string, SequenceNo>(),
      replays: replays.get(row.interfaceId) ?? [],
    });
    const lane = options.lanes.open(
      tenure.hold,
      code,
      openLane(record, tenure.clean, nowAt, options.lanes.takeCarried(row.interfaceId, tenure.hold.epoch)),
    );
    for (const n of perLane.get(row.interfaceId) ?? []) lane.noteReceived(n.sequenceNo, n.receivedAt);
  }
}

function recordOf(
  row: LaneRow,
  hold: ShardHold,
  numbers: readonly OpenNumber[],
  rest: Pick<LaneRecord, 'policy' | 'enabled' | 'headTries' | 'failedOrders'> & {
    readonly replays: readonly ReplayOrder[];
  },
): LaneRecord {
  return {
    interfaceId: row.interfaceId,
    epoch: hold.epoch,
    checkpoint: row.checkpoint,
    granted: row.granted,
    highWater: row.highWater,
    failedRun: row.failedRun,
    failedRunCode: row.failedRunCode,
    heldFor: row.heldFor,
    paused: row.paused,
    outcomes: numbers.flatMap((n) =>
      n.outcome === undefined ? [] : [{ sequenceNo: n.sequenceNo, outcome: n.outcome }],
    ),
    more: numbers.length === PAGE && (numbers.at(-1)?.sequenceNo ?? 0) < row.highWater,
    ...rest,
  };
}

/** Tells a lane the next page of outcomes from a number on; it may be gone when they come. @throws where Postgres is away. */
export async function lookUp(options: OpenLanesOptions, lane: Lane, from: SequenceNo): Promise<OpenNumber[]> {
  const withKeys = lane.state.policy.onFailure === 'passWithOrder';
  const numbers = await readOpenNumbers(
    options.queries,
    [{ interfaceId: lane.state.interfaceId, after: sequenceNo(from - 1) }],
    LOOK_UP_PAGE,
    withKeys,
  );
  const last = numbers.at(-1);
  lane.tell({
    kind: 'OUTCOMES',
    outcomes: numbers.flatMap((n) =>
      n.outcome === undefined ? [] : [{ sequenceNo: n.sequenceNo, outcome: n.outcome }],
    ),
    ...(last !== undefined && numbers.length === LOOK_UP_PAGE ? { moreFrom: nextSequenceNo(last.sequenceNo) } : {}),
    nowAt: options.clock.wallMs(),
  });
  return numbers;
}
