import { actorFrom, actorMay } from '../../../../server/auth/actor.ts';
import { laneFeed } from '../../../../server/live/live.ts';

/** BoardSnapshot of all lanes: columns, not rows, and no superjson; 25,000 lanes are about 200 kB on the wire. */
export async function GET(request: Request): Promise<Response> {
  const actor = await actorFrom(request.headers, false);
  if (!actorMay(actor, 'lane.read')) {
    return Response.json(
      { error: actor === null ? 'sign in first' : 'needs lane.read' },
      { status: actor === null ? 401 : 403 },
    );
  }
  const feed = await laneFeed();
  return new Response(feed.snapshotText(Date.now()), {
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  });
}
