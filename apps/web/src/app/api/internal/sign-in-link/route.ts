/** `POST { email? }` → `{ url, expiresAt }` for whoever holds the admin secret on this machine. */
import { timingSafeEqual } from 'node:crypto';
import { ADMIN_SECRET_HEADER } from '@inorder/shared';
import { z } from 'zod';
import { env } from '../../../../env.ts';
import { makeSignInLink, tokenHash } from '../../../../server/auth/sign-in-link.ts';

const bodySchema = z.strictObject({ email: z.email().max(320).optional() });

export async function POST(request: Request): Promise<Response> {
  // Both are hashed first: equal lengths, and no time difference to measure.
  const given = tokenHash(request.headers.get(ADMIN_SECRET_HEADER) ?? '');
  if (!timingSafeEqual(given, tokenHash(env().INORDER_ADMIN_SECRET)) || !fromLoopback(request)) {
    return Response.json({ error: 'not permitted' }, { status: 403 });
  }
  const text = await request.text();
  const body = bodySchema.safeParse(text === '' ? {} : parseJson(text));
  if (!body.success) return Response.json({ error: 'the body must be {"email"?: string}' }, { status: 400 });
  const link = await makeSignInLink(body.data.email);
  if (link === null) return Response.json({ error: 'there is no such user' }, { status: 404 });
  const url = new URL(`/sign-in/link/${link.token}`, env().INORDER_CONSOLE_URL);
  return Response.json({ url: url.href, expiresAt: link.expiresAt.toISOString() });
}

/** The server notes the peer's address there; a proxy in front adds the client's. */
function fromLoopback(request: Request): boolean {
  const hops = (request.headers.get('x-forwarded-for') ?? '').split(',').map((hop) => hop.trim());
  return hops.every((hop) => hop === '' || hop === '::1' || /^(::ffff:)?127\./.test(hop));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
