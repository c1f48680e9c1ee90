/** Where to go after sign-in: a path of this console, whatever the link said. */
export function safeNext(next: unknown): string {
  if (typeof next !== 'string' || !next.startsWith('/')) return '/lag';
  const origin = 'http://console.invalid';
  const url = URL.parse(next, origin);
  if (url === null || url.origin !== origin || url.pathname.startsWith('/sign-in')) return '/lag';
  return url.pathname + url.search;
}
