/**
 * Whether a request was sent by a page of this console. Browsers send Sec-Fetch-Site or Origin with every request of a
 * page that writes; what sends neither is no page of ours. A session cookie counts for acts only where this is true.
 */
export function fromOwnPage(request: Request): boolean {
  const site = request.headers.get('sec-fetch-site');
  if (site !== null) return site === 'same-origin';
  // `null` for documents without an origin, and whatever a program makes up: not a URL, not ours.
  const origin = URL.parse(request.headers.get('origin') ?? '');
  return origin !== null && origin.host === request.headers.get('host');
}
