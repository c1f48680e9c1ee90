/** Sessions: better-auth over our own tables. Roles and `phiReveal` are our columns; better-auth only carries them. */
import { betterAuth } from 'better-auth';
import { prismaAdapter } from 'better-auth/adapters/prisma';
import { nextCookies } from 'better-auth/next-js';
import { env } from '../../env.ts';
import { database } from '../database.ts';
import { signInLink } from './sign-in-link.ts';

const SESSION_SECONDS = 12 * 3600;
/** How long a role or a ban that changed may go unnoticed by reads; acts look at the database (`context.ts`). */
const COOKIE_CACHE_SECONDS = 30;

function build() {
  const settings = env();
  return betterAuth({
    appName: 'Inorder',
    baseURL: settings.INORDER_CONSOLE_URL,
    secret: settings.INORDER_AUTH_SECRET,
    database: prismaAdapter(database().prisma, { provider: 'postgresql' }),
    emailAndPassword: { enabled: true, disableSignUp: true, minPasswordLength: 12 },
    session: {
      expiresIn: SESSION_SECONDS,
      updateAge: 3600,
      cookieCache: { enabled: true, maxAge: COOKIE_CACHE_SECONDS },
    },
    user: {
      additionalFields: {
        role: { type: 'string', required: true, defaultValue: 'viewer', input: false },
        phiReveal: { type: 'boolean', required: true, defaultValue: false, input: false },
        banned: { type: 'boolean', required: true, defaultValue: false, input: false },
      },
    },
    rateLimit: { enabled: true, window: 60, max: 300, customRules: { '/sign-in/email': { window: 60, max: 10 } } },
    advanced: { cookiePrefix: 'inorder' },
    telemetry: { enabled: false },
    plugins: [signInLink(), nextCookies()],
  });
}

const holder = globalThis as typeof globalThis & { inorderAuth?: ReturnType<typeof build> };

/** Made at the first request: a build has neither settings nor a database. */
export function auth(): ReturnType<typeof build> {
  holder.inorderAuth ??= build();
  return holder.inorderAuth;
}
