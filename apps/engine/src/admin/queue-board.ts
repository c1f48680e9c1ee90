/**
 * bull-board, the screen of BullMQ's queues, for the console to pass on to administrators. bull-board knows no sign-in,
 * no rights and no audit: the console asks who it is and writes down what is done; here only what it says is held to.
 *
 * The contract with the console's proxy (names in @inorder/shared, wire.ts):
 * - Both serve it at QUEUE_BOARD_PATH, as the board writes absolute addresses.
 * - Every request carries ADMIN_SECRET_HEADER (checked before it comes here); QUEUE_BOARD_RIGHT_HEADER is `act` for who
 *   may act. Without it the board is its read-only self, and an act is answered 403.
 * - GET and HEAD read. Acts are what `isQueueBoardAct` names; the board's others (adding and editing jobs, obliterating
 *   queues, rates) are answered 405 to anyone and have no button: what stands in queues is written by the engine alone.
 * - 404 and a sentence where no Redis is configured, 503 and a sentence while it does not answer.
 *
 * **Invariants:** the pages name no foreign host (the board's link to a font service is taken out, and the policy allows
 * none); of a job's data only ids and counts are shown, whatever somebody put into Redis (G18).
 */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { HonoAdapter } from '@bull-board/hono';
import { serveStatic } from '@hono/node-server/serve-static';
import { isQueueBoardAct, QUEUE_BOARD_PATH, QUEUE_BOARD_RIGHT_HEADER } from '@inorder/shared';
import { type Context, Hono } from 'hono';
import { z } from 'zod';

/** BullMQ's Queue, by way of the board: BullMQ itself is known in adapters/redis alone. */
export type BoardQueue = ConstructorParameters<typeof BullMQAdapter>[0];

export interface BoardQueues {
  /** Whether Redis answers. */
  readonly isReady: boolean;
  /** Made when first asked for. */
  boardQueues(): readonly BoardQueue[];
}

/** What the board's own pages need, and nothing else. Its styles are partly inline. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'self'",
  "form-action 'none'",
  "frame-ancestors 'self'",
].join('; ');

/**
 * The board shows who may act a button for each of its acts. It has no option to leave single ones out, so those that
 * nobody may do are hidden by their icons: in menus adding a job, concurrency, rate, obliterating; of a job duplicating,
 * changing data, delay, priority and children; of a schedule changing and removing it.
 */
export const HIDDEN_BUTTONS = [
  '[role="menuitem"]:has(:is(.lucide-plus, .lucide-chart-no-axes-gantt, .lucide-gauge, .lucide-ban))',
  '[class*="jobActions-"] > li:has(:is(.lucide-files, .lucide-pencil, .lucide-clock, .lucide-arrow-up-down, .lucide-list-x))',
  '[class*="actionsCell-"] > button:has(:is(.lucide-pencil, .lucide-trash-2))',
  'button:has(> .lucide-pencil)',
];
const STYLE = `<style>${HIDDEN_BUTTONS.join(', ')} { display: none !important; }</style>`;
const FOREIGN_LINK = /<link[^>]+href="https?:[^>]*>/g;

/** Of a chunk the claim and how many; anything else stays where it is. */
const shownData = z.object({ claimId: z.uuid(), messages: z.int() }).partial();

/** @param queues null where no Redis is configured. To be mounted at QUEUE_BOARD_PATH, behind the admin secret. */
export function queueBoard(queues: BoardQueues | null): Hono {
  const app = new Hono();
  const boards = new Map<boolean, Hono>();
  app.all('*', async (c) => {
    if (queues === null) return c.text('No Redis is configured (REDIS_URL), so there are no queues to show.', 404);
    if (!queues.isReady) return c.text('Redis does not answer. Nothing is lost; orders go on without it.', 503);
    const mayAct = c.req.header(QUEUE_BOARD_RIGHT_HEADER) === 'act';
    const refusal = refusalOf(c, mayAct);
    if (refusal !== null) return refusal;
    let board = boards.get(mayAct);
    if (board === undefined) {
      board = boardOf(queues.boardQueues(), mayAct);
      boards.set(mayAct, board);
    }
    return safe(await board.fetch(c.req.raw));
  });
  return app;
}

function refusalOf(c: Context, mayAct: boolean): Response | null {
  const { method, path } = c.req;
  if (method === 'GET' || method === 'HEAD') return null;
  if (!isQueueBoardAct(method, path.slice(QUEUE_BOARD_PATH.length)))
    return c.text('What stands in queues is written by the engine alone.', 405);
  return mayAct ? null : c.text('Read only: acting on queues needs the right to.', 403);
}

function boardOf(queues: readonly BoardQueue[], mayAct: boolean): Hono {
  const serverAdapter = new HonoAdapter(serveStatic);
  serverAdapter.setBasePath(QUEUE_BOARD_PATH);
  createBullBoard({
    queues: queues.map((queue) => {
      const adapter = new BullMQAdapter(queue, { readOnlyMode: !mayAct });
      adapter.setFormatter('data', (data: unknown) => shownData.safeParse(data).data ?? {});
      adapter.setFormatter('returnValue', () => null);
      return adapter;
    }),
    serverAdapter,
    options: { uiConfig: { boardTitle: 'Inorder queues', showWorkers: true } },
  });
  return new Hono().route(QUEUE_BOARD_PATH, serverAdapter.registerPlugin());
}

async function safe(response: Response): Promise<Response> {
  const isPage = response.headers.get('content-type')?.startsWith('text/html') === true;
  const body = isPage
    ? (await response.text()).replace(FOREIGN_LINK, '').replace('</head>', `${STYLE}</head>`)
    : response.body;
  const headers = new Headers(response.headers);
  headers.set('content-security-policy', POLICY);
  headers.set('x-content-type-options', 'nosniff');
  headers.set('referrer-policy', 'same-origin');
  if (isPage) headers.delete('content-length');
  return new Response(body, { status: response.status, headers });
}
