/**
 * bull-board behind the console's sign-in. It has no sign-in, audit or protection against foreign pages of its own: all
 * of that happens here, before an engine is asked.
 *
 * Reading needs `queues.read`. An act needs `queues.act`, a page of ours as its sender, and a row in the audit that is
 * written before the act is passed on: where it cannot be written nothing is done (G17). bull-board has no field for a
 * reason, so the reason in the audit is the request itself: `bull-board: PUT /api/queues/…`.
 */
import { appendAudit, inTransaction } from '@inorder/db';
import { readAliveEngines } from '@inorder/db/console';
import { isQueueBoardAct, may, type Permission, QUEUE_BOARD_PATH } from '@inorder/shared';
import { env } from '../../env.ts';
import { BOARD_PROBLEMS, type BoardProblem } from '../../features/queues/board-problems.ts';
import { type Actor, actorFrom } from '../auth/actor.ts';
import { fromOwnPage } from '../auth/own-page.ts';
import { database } from '../database.ts';
import { log } from '../log.ts';
import { askBoard, type BoardAnswer } from './ask-board.ts';
import { type BoardAct, boardAct } from './board-act.ts';
import { boardPage } from './board-page.ts';

const HEARTBEAT_AGE_MS_MAX = 10_000;
const PATH_CHARS_MAX = 1000;
/** Encoded separators and dots have no place in what the board asks for; queue and job names have none of them. */
const DEVIOUS = /%(?:2f|5c|2e|00)|\\|\/\/|\/\.\.?(?:\/|$)/i;

/** The board's scripts have no nonce and are all files of its own; it sets styles while it runs. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const SECURITY = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'x-frame-options': 'DENY',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
  'cross-origin-opener-policy': 'same-origin',
};

/** @param request for QUEUE_BOARD_PATH or anything below it. */
export async function serveBoard(request: Request): Promise<Response> {
  try {
    return request.method === 'GET' || request.method === 'HEAD' ? await read(request) : await act(request);
  } catch (error) {
    log().error({ err: error }, 'queue board: a request failed');
    return problem(request, 'DATABASE');
  }
}

async function read(request: Request): Promise<Response> {
  const { path, query } = partsOf(request);
  if (path === null) return problem(request, 'NO_PAGE');
  const actor = await actorFrom(request.headers, false);
  if (actor === null) {
    if (!isNavigation(request)) return refusal(401, 'Sign in first', 'Your session has ended.');
    return redirect(`/sign-in?next=${encodeURIComponent(QUEUE_BOARD_PATH + path + query)}`);
  }
  if (!may(actor, 'queues.read')) return isNavigation(request) ? redirect('/queues') : lacking('queues.read');
  const engines = await aliveEngines();
  if (engines.length === 0) return problem(request, 'NO_ENGINE');
  const mayAct = may(actor, 'queues.act');
  const question = { method: 'GET', path, query, mayAct } as const;
  return handOn(request, path, await askBoard(engines, env().INORDER_ADMIN_SECRET, question), mayAct);
}

async function act(request: Request): Promise<Response> {
  const { path } = partsOf(request);
  // The role as it is now, not the cookie's copy.
  const actor = await actorFrom(request.headers, true);
  if (actor === null) return refusal(401, 'Sign in first', 'Your session has ended.');
  if (actor.via === 'session' && !fromOwnPage(request)) {
    return refusal(403, 'Refused', 'The request did not come from a page of this console.');
  }
  if (path === null || !isQueueBoardAct(request.method, path)) {
    return refusal(405, 'Not possible here', 'Nobody adds or edits jobs by hand: the engine alone writes them.');
  }
  if (!may(actor, 'queues.act')) return lacking('queues.act');
  const engines = await aliveEngines();
  if (engines.length === 0) return problem(request, 'NO_ENGINE');
  const what = boardAct(path);
  const reason = `bull-board: ${request.method} ${path}`;
  try {
    await record(actor, what, reason);
  } catch (error) {
    log().error({ err: error }, 'queue board: the audit could not be written');
    return problem(request, 'AUDIT');
  }
  const question = { method: 'PUT', path, query: '', mayAct: true } as const;
  const answer = await askBoard(engines, env().INORDER_ADMIN_SECRET, question);
  await recordUnlessDone(actor, what, reason, answer);
  return handOn(request, path, answer, true);
}

/** Below the base, or null for what no page of the board asks for. */
function partsOf(request: Request): { readonly path: string | null; readonly query: string } {
  const { pathname, search } = new URL(request.url);
  const path = pathname.slice(QUEUE_BOARD_PATH.length);
  const below = pathname.startsWith(QUEUE_BOARD_PATH) && (path === '' || path.startsWith('/'));
  const usable = below && !DEVIOUS.test(path) && path.length + search.length <= PATH_CHARS_MAX;
  return { path: usable ? path : null, query: search };
}

async function aliveEngines(): Promise<string[]> {
  const engines = await readAliveEngines(database().pool, HEARTBEAT_AGE_MS_MAX);
  return engines.flatMap((engine) => engine.adminUrl ?? []);
}

function record(actor: Actor, what: BoardAct, reason: string, detail?: unknown): Promise<void> {
  return inTransaction(database().pool, (tx) => appendAudit(tx, { actor: actor.email, ...what, reason, detail }));
}

/** The audit has said that it was asked for; now it says that it was not done, or that nobody knows. */
async function recordUnlessDone(actor: Actor, what: BoardAct, reason: string, answer: BoardAnswer): Promise<void> {
  if (answer.kind === 'ANSWERED' && answer.status < 400) return;
  const outcome =
    answer.kind === 'ANSWERED' ? `HTTP ${answer.status}` : answer.kind === 'AWAY' ? 'not done' : 'unknown';
  const failed = { action: 'queue.failed', target: what.target };
  await record(actor, failed, reason, { act: what.action, outcome }).catch((error: unknown) =>
    log().error({ err: error }, 'queue board: the end of an act could not be written into the audit'),
  );
}

function handOn(request: Request, path: string, answer: BoardAnswer, mayAct: boolean): Response {
  if (answer.kind === 'AWAY') return problem(request, 'ENGINE_AWAY');
  if (answer.kind === 'BROKEN') {
    log().warn({ why: answer.why }, 'queue board: no usable answer');
    return problem(request, 'BROKEN');
  }
  const { status, type } = answer;
  if (status === 401) return problem(request, 'SECRET');
  // bull-board's own refusals are JSON; the engine's sentence about Redis is not.
  if (!/json/i.test(type)) {
    if (status === 503) return problem(request, 'REDIS_AWAY');
    if (status === 404) return problem(request, path === '' || path === '/' ? 'NO_REDIS' : 'NO_PAGE');
    if (status >= 400) return problem(request, 'BROKEN');
  }
  const body = /html/i.test(type)
    ? boardPage(new TextDecoder().decode(answer.body), { environment: env().INORDER_ENVIRONMENT, mayAct })
    : answer.body;
  const kept = path.startsWith('/static/') ? 'private, max-age=3600' : 'no-store';
  return new Response(status === 204 || request.method === 'HEAD' ? null : body, {
    status,
    headers: { ...SECURITY, 'content-type': type, 'cache-control': kept },
  });
}

/** Someone opens a page, as against a script that asks. */
function isNavigation(request: Request): boolean {
  const destination = request.headers.get('sec-fetch-dest');
  if (destination !== null) return destination === 'document';
  return (request.headers.get('accept') ?? '').includes('text/html');
}

const STATUS: Record<BoardProblem, number> = {
  NO_ENGINE: 503,
  ENGINE_AWAY: 502,
  NO_REDIS: 404,
  REDIS_AWAY: 503,
  SECRET: 502,
  NO_PAGE: 404,
  BROKEN: 502,
  DATABASE: 503,
  AUDIT: 503,
};

/** Our page that says so; to a script the same words in the shape that the board shows as a notice. */
function problem(request: Request, what: BoardProblem): Response {
  const reads = request.method === 'GET' || request.method === 'HEAD';
  if (reads && isNavigation(request)) return redirect(`/queues?problem=${what}`);
  return refusal(STATUS[what], BOARD_PROBLEMS[what].title, BOARD_PROBLEMS[what].text);
}

function lacking(permission: Permission): Response {
  return refusal(403, 'Not permitted', `Your role does not include ${permission}.`);
}

function refusal(status: number, error: string, message: string): Response {
  return Response.json({ error, message }, { status, headers: { ...SECURITY, 'cache-control': 'no-store' } });
}

function redirect(location: string): Response {
  return new Response(null, { status: 303, headers: { ...SECURITY, location, 'cache-control': 'no-store' } });
}
