/** Checks lanes of this instance that have moved against what Postgres says (G5). */
import type { Clock, InterfaceId } from '@inorder/core';
import type { Logger } from 'pino';
import { type Database, errorCodeOf } from '../adapters/postgres/database.ts';
import { readBrokenLanes } from '../adapters/postgres/watchdog-queries.ts';
import type { Incidents } from '../delivery/incidents.ts';
import type { Lanes } from '../delivery/lanes.ts';

const INTERVAL_MS = 60_000;
/** Lanes and numbers below each checkpoint that one check looks at. */
const LANES_MAX = 200;
const NUMBERS_MAX = 200;

export interface LaneInvariantsOptions {
  readonly database: Database;
  readonly lanes: Pick<Lanes, 'onChange'>;
  readonly incidents: Pick<Incidents, 'open'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** stopped → waiting → checking → waiting; runs beside delivery, because it knows which of its lanes moved. */
export class LaneInvariants {
  private readonly options: LaneInvariantsOptions;
  private readonly moved = new Set<InterfaceId>();
  private readonly detach: () => void;
  private cancel = (): void => undefined;
  private checking: Promise<void> | null = null;
  private stopped = false;

  constructor(options: LaneInvariantsOptions) {
    this.options = options;
    this.detach = options.lanes.onChange((lane) => {
      if (this.moved.size < LANES_MAX) this.moved.add(lane.state.interfaceId);
    });
  }

  start(): void {
    this.checking = this.check()
      .catch((error: unknown) =>
        this.options.logger.warn({ code: errorCodeOf(error) }, 'the check of lanes waits for postgres'),
      )
      .finally(() => {
        this.checking = null;
        if (!this.stopped) this.cancel = this.options.clock.schedule(INTERVAL_MS, () => this.start());
      });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.detach();
    this.cancel();
    await this.checking;
  }

  private async check(): Promise<void> {
    const ids = [...this.moved];
    this.moved.clear();
    if (ids.length === 0) return;
    for (const broken of await readBrokenLanes(this.options.database, ids, NUMBERS_MAX)) {
      this.options.incidents.open('INVARIANT_BROKEN', 'INTERFACE', broken.code, broken.detail);
    }
  }
}
