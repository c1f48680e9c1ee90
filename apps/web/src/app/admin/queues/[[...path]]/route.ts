import { serveBoard } from '../../../../server/queues/serve-board.ts';

/** bull-board of an engine. Every method comes here, so that what is refused is refused by us. */
export { serveBoard as DELETE, serveBoard as GET, serveBoard as PATCH, serveBoard as POST, serveBoard as PUT };

export const dynamic = 'force-dynamic';
