/**
 * What `/readyz` of an engine asks. Required is only what this instance cannot work without: Redis is a hint (G11), and
 * a broker that is away is its own people's business, not a reason to take this instance out of service.
 */
import type { Dependency } from '@inorder/shared';
import type { Standing } from '../adapters/postgres/store-check.ts';
import type { WaysIn } from '../ingest/sources.ts';

export interface DependencyParts {
  /** One small query. */
  readonly ping: () => Promise<void>;
  readonly standing: () => Promise<Standing | undefined>;
  /** Silence after which others take its shards. */
  readonly leaseMs: number;
  /** null: no Redis is configured. */
  readonly redisPing: (() => Promise<unknown>) | null;
  /** null: this instance takes nothing in; its answer is null until it has begun to. */
  readonly waysIn: (() => WaysIn | null) | null;
}

const POSTGRES_MS = 2000;
const REDIS_MS = 1000;
const NAMES_MAX = 3;
const NOT_BEGUN = { ok: false, detail: 'not begun yet' };

export function engineDependencies(parts: DependencyParts): Dependency[] {
  const { redisPing, waysIn } = parts;
  return [
    { name: 'postgres', timeoutMs: POSTGRES_MS, check: parts.ping },
    { name: 'instance', timeoutMs: POSTGRES_MS, check: () => standing(parts) },
    ...(redisPing === null
      ? []
      : [
          {
            name: 'redis',
            required: false,
            timeoutMs: REDIS_MS,
            check: async () => {
              await redisPing();
            },
          },
        ]),
    ...(waysIn === null
      ? []
      : [
          { name: 'listener', check: async () => listener(waysIn()) },
          { name: 'queues', required: false, check: async () => queues(waysIn()) },
        ]),
  ];
}

/** Its heartbeat is what its leases live by. */
async function standing(parts: DependencyParts): Promise<{ ok: boolean; detail: string }> {
  const found = await parts.standing();
  if (found === undefined) return { ok: false, detail: 'no heartbeat yet' };
  const { silentMs, shards, sources } = found;
  return {
    ok: silentMs < parts.leaseMs,
    detail: `heartbeat ${Math.round(silentMs)} ms ago, ${shards} shards, ${sources} sources`,
  };
}

function listener(waysIn: WaysIn | null): { ok: boolean; detail: string } {
  if (waysIn === null) return NOT_BEGUN;
  const { wanted, open } = waysIn.listeners;
  if (wanted === 0) return { ok: true, detail: 'not wanted here' };
  return { ok: open >= wanted, detail: `${open} of ${wanted} listening` };
}

function queues(waysIn: WaysIn | null): { ok: boolean; detail: string } {
  if (waysIn === null) return NOT_BEGUN;
  const { queues: all } = waysIn;
  const away = all.filter((queue) => queue.state !== 'OPEN');
  if (away.length === 0) return { ok: true, detail: all.length === 0 ? 'none read here' : `${all.length} open` };
  const named = away.slice(0, NAMES_MAX).map((queue) => `${queue.name.slice(0, 40)} ${queue.state}`);
  const more = away.length > NAMES_MAX ? ` and ${away.length - NAMES_MAX} more` : '';
  return { ok: false, detail: `${all.length - away.length} of ${all.length} open: ${named.join(', ')}${more}` };
}
