/** The process answers. Depends on nothing. */
export function GET(): Response {
  return new Response('ok\n');
}

export const dynamic = 'force-dynamic';
