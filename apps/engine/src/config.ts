/** The engine's configuration: one schema, parsed once, frozen, passed down. Every bad key is named at once. */
import { PIPELINE_STAGES, type PipelineStage } from '@inorder/core';
import { parseSecretKey } from '@inorder/db';
import { interfaceCodeSchema } from '@inorder/shared';
import { z } from 'zod';
import { MAINTENANCE_DEFAULTS } from './watchdog/maintenance.ts';

/** Series of their own in /metrics. */
const METRICS_INTERFACES_MAX = 100;

export const ROLES = ['ingest', 'validate', 'enrich', 'route', 'deliver', 'watchdog'] as const;
export type EngineRole = (typeof ROLES)[number];

/** The stages that a set of roles hosts, in their order. */
export function hostedStages(roles: ReadonlySet<EngineRole>): PipelineStage[] {
  const role = { VALIDATE: 'validate', ENRICH: 'enrich', ROUTE: 'route' } as const;
  return PIPELINE_STAGES.filter((stage) => roles.has(role[stage]));
}

const port = z.coerce.number().int().min(0).max(65_535);
const milliseconds = z.coerce.number().int().min(1);
const days = z.coerce.number().int().min(1).max(36_500);

const schema = z.object({
  /** Postgres, the truth. */
  DATABASE_URL: z.string().min(1),
  /** Optional: wake-ups, live feed, cached windows. Nothing rests on it. */
  REDIS_URL: z.string().min(1).optional(),
  /** Name of this process, unique among those alive; the same over restarts. */
  INORDER_INSTANCE: z.string().min(1).max(128).default('engine-1'),
  /** Comma-separated: ingest, validate, enrich, route, deliver, watchdog. */
  INORDER_ROLES: z.string().default(ROLES.join(',')),
  /** Folder of this instance: its lock. */
  INORDER_DATA_DIR: z.string().min(1),
  /** Admin HTTP on loopback; 0 picks one. */
  INORDER_ADMIN_PORT: port.default(0),
  /** Where the admin HTTP listens, and the address the others reach it by; loopback unless instances are on several machines. */
  INORDER_ADMIN_HOST: z.string().min(1).max(255).default('127.0.0.1'),
  /** Shared secret of the admin HTTP. */
  INORDER_ADMIN_SECRET: z.string().min(16),
  /** 32 bytes as hex or base64: seals credentials and keys the search hashes. */
  INORDER_SECRET_KEY: z.string().transform((text, context) => {
    try {
      return parseSecretKey(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  }),
  /** Port of our own AMQP listener in place of the one its connection names; absent or empty: this instance does not listen. */
  INORDER_AMQP_PORT: port.optional(),
  INORDER_LEASE_MS: milliseconds.default(10_000),
  INORDER_LEASE_RENEW_MS: milliseconds.default(3000),
  INORDER_LEASE_SEND_MARGIN_MS: milliseconds.default(2000),
  INORDER_LEASE_CLOSE_MARGIN_MS: milliseconds.default(1000),
  INORDER_RECONCILE_INTERVAL_MS: milliseconds.default(1000),
  /** Comma-separated codes of interfaces that /metrics shows one by one. Default none: there may be 25,000. */
  INORDER_METRICS_INTERFACES: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((code) => code.trim())
        .filter((code) => code !== ''),
    )
    .pipe(z.array(interfaceCodeSchema).max(METRICS_INTERFACES_MAX)),
  /** Retention, by instances with the role watchdog; docs/operations/retention.md. */
  INORDER_PAYLOAD_DAYS: days.default(MAINTENANCE_DEFAULTS.payloadDays),
  INORDER_SETTLED_DAYS: days.default(MAINTENANCE_DEFAULTS.settledDays),
  INORDER_DEDUPE_DAYS: days.default(MAINTENANCE_DEFAULTS.dedupeDays),
  INORDER_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  /** Take orders although Postgres may forget a commit (fsync, full_page_writes or synchronous_commit off). */
  INORDER_UNSAFE: z.enum(['0', '1']).default('0'),
});

export interface EngineConfig {
  readonly databaseUrl: string;
  readonly redisUrl: string | undefined;
  readonly instance: string;
  readonly roles: ReadonlySet<EngineRole>;
  readonly dataDir: string;
  readonly adminHost: string;
  readonly adminPort: number;
  readonly adminSecret: string;
  readonly secretKey: Uint8Array;
  readonly amqpPort: number | undefined;
  readonly leaseMs: number;
  readonly leaseRenewMs: number;
  readonly leaseSendMarginMs: number;
  readonly leaseCloseMarginMs: number;
  readonly reconcileIntervalMs: number;
  readonly metricsInterfaces: readonly string[];
  readonly payloadDays: number;
  readonly settledDays: number;
  readonly dedupeDays: number;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly unsafe: boolean;
}

export type ConfigResult =
  | { readonly ok: true; readonly config: EngineConfig }
  | { readonly ok: false; readonly problems: readonly string[] };

export function readConfig(env: Readonly<Record<string, string | undefined>>): ConfigResult {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = schema.safeParse(given);
  const problems = parsed.success ? [] : parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`);
  const words = (given['INORDER_ROLES'] ?? ROLES.join(',')).split(',').map((word) => word.trim());
  for (const word of words)
    if (!isRole(word)) problems.push(`INORDER_ROLES: "${word}" is not one of ${ROLES.join(', ')}`);
  if (parsed.success && parsed.data.INORDER_LEASE_SEND_MARGIN_MS >= parsed.data.INORDER_LEASE_MS) {
    problems.push('INORDER_LEASE_SEND_MARGIN_MS: must be smaller than INORDER_LEASE_MS');
  }
  if (parsed.success && parsed.data.INORDER_SETTLED_DAYS < parsed.data.INORDER_PAYLOAD_DAYS) {
    problems.push('INORDER_SETTLED_DAYS: must not be smaller than INORDER_PAYLOAD_DAYS');
  }
  if (!parsed.success || problems.length > 0) return { ok: false, problems };
  const e = parsed.data;
  const config: EngineConfig = Object.freeze({
    databaseUrl: e.DATABASE_URL,
    redisUrl: e.REDIS_URL,
    instance: e.INORDER_INSTANCE,
    roles: new Set(words.filter(isRole)),
    dataDir: e.INORDER_DATA_DIR,
    adminHost: e.INORDER_ADMIN_HOST,
    adminPort: e.INORDER_ADMIN_PORT,
    adminSecret: e.INORDER_ADMIN_SECRET,
    secretKey: e.INORDER_SECRET_KEY,
    amqpPort: e.INORDER_AMQP_PORT,
    leaseMs: e.INORDER_LEASE_MS,
    leaseRenewMs: e.INORDER_LEASE_RENEW_MS,
    leaseSendMarginMs: e.INORDER_LEASE_SEND_MARGIN_MS,
    leaseCloseMarginMs: e.INORDER_LEASE_CLOSE_MARGIN_MS,
    reconcileIntervalMs: e.INORDER_RECONCILE_INTERVAL_MS,
    metricsInterfaces: e.INORDER_METRICS_INTERFACES,
    payloadDays: e.INORDER_PAYLOAD_DAYS,
    settledDays: e.INORDER_SETTLED_DAYS,
    dedupeDays: e.INORDER_DEDUPE_DAYS,
    logLevel: e.INORDER_LOG_LEVEL,
    unsafe: e.INORDER_UNSAFE === '1',
  });
  return { ok: true, config };
}

function isRole(word: string): word is EngineRole {
  return ROLES.some((role) => role === word);
}

/** For the log at start: secrets hidden, passwords cut out of URLs. */
export function shown({ instance: _, ...config }: EngineConfig): Record<string, unknown> {
  // The instance stands in every line of the log already.
  return {
    ...config,
    databaseUrl: withoutPassword(config.databaseUrl),
    redisUrl: config.redisUrl && withoutPassword(config.redisUrl),
    adminSecret: '***',
    secretKey: '***',
    roles: [...config.roles],
  };
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/([^:/@]*):[^@]*@/, '//$1:***@');
}
