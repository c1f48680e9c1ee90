/** `GET /metrics` for Prometheus, with INORDER_ADMIN_SECRET as a bearer token or in its header. */
import { timingSafeEqual } from 'node:crypto';
import { ADMIN_SECRET_HEADER } from '@inorder/shared';
import { env } from '../../env.ts';
import { tokenHash } from '../../server/auth/sign-in-link.ts';
import { CONTENT_TYPE, exposition } from '../../server/operations/exposition.ts';
import { consoleFigures } from '../../server/operations/figures.ts';

export async function GET(request: Request): Promise<Response> {
  const bearer = /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1];
  // Both are hashed first: equal lengths, and no time difference to measure.
  const given = tokenHash(request.headers.get(ADMIN_SECRET_HEADER) ?? bearer ?? '');
  if (!timingSafeEqual(given, tokenHash(env().INORDER_ADMIN_SECRET)))
    return new Response('the admin secret is missing or wrong\n', { status: 401 });
  return new Response(exposition(await consoleFigures()), {
    headers: { 'content-type': CONTENT_TYPE, 'cache-control': 'no-store' },
  });
}

export const dynamic = 'force-dynamic';
