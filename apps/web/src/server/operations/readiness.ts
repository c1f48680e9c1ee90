/** What `/readyz` of the console asks: Postgres, without which there is nothing to show; Redis, which is a hint (G11). */
import { type Dependency, Readiness } from '@inorder/shared';
import { env } from '../../env.ts';
import { askRedis } from '../command-wake.ts';
import { database } from '../database.ts';
import { isServing } from './stop.ts';

// One for the process: a question without an answer must not be asked again by the next request.
const holder = globalThis as typeof globalThis & { inorderReadiness?: Readiness };

const CLOCK = {
  monotonicMs: () => performance.now(),
  schedule(ms: number, callback: () => void) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** @throws where the settings are not usable. */
export function readiness(): Readiness {
  holder.inorderReadiness ??= new Readiness(dependencies(), CLOCK, isServing);
  return holder.inorderReadiness;
}

function dependencies(): Dependency[] {
  const postgres: Dependency = {
    name: 'postgres',
    timeoutMs: 2000,
    async check() {
      await database().pool.query('SELECT 1');
    },
  };
  const redis: Dependency = { name: 'redis', required: false, timeoutMs: 1000, check: () => askRedis() };
  return env().REDIS_URL === undefined ? [postgres] : [postgres, redis];
}
