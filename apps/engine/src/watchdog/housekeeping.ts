/** What the watchdog does now and then: partitions ahead, dead claims, old dedupe keys (G2), the invariant check (G5). */
import type { Clock, InterfaceId } from '@inorder/core';
import type { Logger } from 'pino';
import { type Database, errorCodeOf } from '../adapters/postgres/database.ts';
import {
  dropOldIngestKeys,
  dropStuckClaims,
  ensurePartitions,
  readBrokenLanes,
} from '../adapters/postgres/watchdog-queries.ts';
import type { Incidents } from '../delivery/incidents.ts';
import type { Lanes } from '../delivery/lanes.ts';
import type { DeliverySettings } from '../delivery/settings.ts';

const INTERVAL_MS = 60_000;
const DAYS_AHEAD = 8;
/** Dedupe keys forgotten in one statement, so that none of them takes long. */
const KEYS_PER_BATCH = 5000;
/** Lanes and numbers below each checkpoint that one check looks at. */
const LANES_MAX = 200;
const NUMBERS_MAX = 200;

export interface HousekeepingOptions {
  readonly database: Database;
  readonly lanes: Lanes;
  readonly incidents: Incidents;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: DeliverySettings;
}

export class Housekeeping {
  private readonly options: HousekeepingOptions;
  private readonly moved = new Set<InterfaceId>();
  private readonly detach: () => void;
  private cancel = (): void => undefined;
  private running: Promise<void> | null = null;
  private stopped = false;

  constructor(options: HousekeepingOptions) {
    this.options = options;
    this.detach = options.lanes.onChange((lane) => {
      if (this.moved.size < LANES_MAX) this.moved.add(lane.state.interfaceId);
    });
  }

  start(): void {
    this.running = this.round()
      .catch((error: unknown) =>
        this.options.logger.warn({ code: errorCodeOf(error) }, 'housekeeping waits for postgres'),
      )
      .finally(() => {
        this.running = null;
        if (!this.stopped) this.cancel = this.options.clock.schedule(INTERVAL_MS, () => this.start());
      });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.detach();
    this.cancel();
    await this.running;
  }

  private async round(): Promise<void> {
    const { database, incidents, settings } = this.options;
    const { strays } = await ensurePartitions(database, DAYS_AHEAD);
    if (strays > 0)
      incidents.open('PAYLOAD_DEFAULT_PARTITION', 'ENGINE', 'message_payload', 'payloads are in the default partition');
    await dropStuckClaims(database, settings.stageStuckMs * 10);
    while (
      !this.stopped &&
      (await dropOldIngestKeys(database, settings.dedupeDays, KEYS_PER_BATCH)) === KEYS_PER_BATCH
    );
    const ids = [...this.moved];
    this.moved.clear();
    for (const broken of await readBrokenLanes(database, ids, NUMBERS_MAX)) {
      incidents.open('INVARIANT_BROKEN', 'INTERFACE', broken.code, broken.detail);
    }
  }
}
