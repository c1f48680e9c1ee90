/**
 * Says of chunks that we are still at them, where that takes longer than others think a claim may. One statement under
 * way; what is named meanwhile goes with the next: in a bad hour every message in hand is retried every few seconds.
 */
import type { InstanceId } from '@inorder/core';
import type { Logger } from 'pino';
import { TOUCH_CLAIMS } from '../adapters/postgres/claim-queries.ts';
import { errorCodeOf, type Queries } from '../adapters/postgres/database.ts';

export interface ClaimTouchesOptions {
  readonly queries: Queries;
  readonly instance: InstanceId;
  readonly logger: Pick<Logger, 'warn'>;
}

export class ClaimTouches {
  private readonly options: ClaimTouchesOptions;
  private readonly waiting = new Set<string>();
  private running: Promise<void> | null = null;

  constructor(options: ClaimTouchesOptions) {
    this.options = options;
  }

  /** Never throws. Where it is lost others may run the chunk beside us, and one of the two counts. */
  add(claimId: string): void {
    this.waiting.add(claimId);
    this.running ??= this.run();
  }

  /** Resolves when the statement under way has ended. */
  async settled(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    const { queries, instance, logger } = this.options;
    await Promise.resolve();
    while (this.waiting.size > 0) {
      const claims = [...this.waiting];
      this.waiting.clear();
      try {
        await queries.query(TOUCH_CLAIMS, [claims, instance]);
      } catch (error) {
        logger.warn({ error: errorCodeOf(error), claims: claims.length }, 'stage claims could not be touched');
      }
    }
    this.running = null;
  }
}
