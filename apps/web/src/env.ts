/** The console's settings: parsed once, frozen. Asked for at the first request, so that a build needs none of them. */
import { z } from 'zod';

const schema = z.object({
  /** Postgres: the truth. */
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  /** Redis: live lane statuses and command wake-ups. Without it the engines' admin HTTP is asked. */
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).optional(),
  /** Shared secret with the engine's admin HTTP, and of `/api/internal/*`. */
  INORDER_ADMIN_SECRET: z.string().min(16),
  /** Signs session cookies. */
  INORDER_AUTH_SECRET: z.string().min(32),
  /** 32 bytes, base64 or hex: encrypts stored credentials and keys the hashes used for search. */
  INORDER_SECRET_KEY: z
    .string()
    .refine(
      (text) => /^[0-9a-f]{64}$/i.test(text) || Buffer.from(text, 'base64').length === 32,
      'must be 32 bytes in base64 or hex',
    ),
  /** How people reach the console, as in sign-in links. */
  INORDER_CONSOLE_URL: z.url({ protocol: /^https?$/ }),
  /** Shown in the header: PROD red, UAT amber, anything else grey. */
  INORDER_ENVIRONMENT: z.string().min(1).max(20).default('LOCAL'),
  /** Health BREACH: the oldest unsettled number of an interface may be this old. */
  INORDER_OLDEST_AGE_MS_MAX: z.coerce.number().int().min(1000).default(900_000),
  /** From SIGTERM, when `/readyz` turns 503, until no new connection is taken. */
  INORDER_DRAIN_MS: z.coerce.number().int().min(0).max(60_000).default(5000),
});

export type Env = Readonly<z.infer<typeof schema>>;

let parsed: Env | undefined;

/** @throws naming every setting that is missing or wrong, never its value. */
export function env(): Env {
  if (parsed !== undefined) return parsed;
  const present = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== ''));
  const result = schema.safeParse(present);
  if (!result.success) {
    const wrong = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`the console's settings are not usable:\n  ${wrong.join('\n  ')}`);
  }
  parsed = Object.freeze(result.data);
  return parsed;
}
