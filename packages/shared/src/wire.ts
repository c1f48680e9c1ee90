/**
 * Names on the wires between engine, console and CLI. No payload and no patient data crosses any of them (G18).
 */

/** Redis hash: interface id → LaneStatus as JSON. Disposable. */
export const LANES_HASH = 'inorder:lanes';
/** Redis channel: JSON array of the LaneStatus that changed. */
export const LANES_CHANNEL = 'inorder:lanes:changed';
/** Redis channel and Postgres NOTIFY channel: interface id with a new lane_command. */
export const COMMANDS_CHANNEL = 'inorder_commands';
/** Redis channel and Postgres NOTIFY channel: configuration changed; the payload is empty. */
export const CONFIG_CHANNEL = 'inorder_config';
/** Redis channel of one engine instance: hints about messages whose lane it owns. */
export function wakeChannel(instance: string): string {
  return `inorder:wake:${instance}`;
}
/** Redis hash per interface: the cached window (next_expected, failed_seqs, window_upper, updated_at). */
export function deliveryKey(interfaceId: string): string {
  return `delivery:${interfaceId}`;
}

/** Header with the shared secret (INORDER_ADMIN_SECRET) on the engine's admin HTTP and the console's internal routes. */
export const ADMIN_SECRET_HEADER = 'x-inorder-secret';
/** GET, engine admin: `{ lanes: LaneStatus[] }` of the lanes this instance owns. */
export const LANES_PATH = '/lanes';
/** GET, engine admin: server-sent events, each `data:` a JSON array of LaneStatus that changed. */
export const LANES_STREAM_PATH = '/lanes/stream';
/**
 * bull-board on the engine's admin HTTP, and the same path at the console, which proxies it: the board writes absolute
 * addresses, so the two must be equal. The console asks with the admin secret and, for who may act, the right header.
 * Reading is GET and HEAD; every other method is an act (to be audited), and is refused with 403 without that header,
 * with 405 where the board's act is none of ours (`isQueueBoardAct`). With no Redis configured: 404 and a sentence; with
 * Redis away: 503 and a sentence.
 */
export const QUEUE_BOARD_PATH = '/admin/queues';
/** Header of the console's proxy: `act` = the person may act on queues; absent or anything else = read only. */
export const QUEUE_BOARD_RIGHT_HEADER = 'x-inorder-queue-right';

/** What may be done on the board. Chunks and jobs are written by the engine alone: none is added or edited by hand. */
const QUEUE_BOARD_ACTS: readonly RegExp[] = [
  // All queues: `/api/queues/pause`
  /^\/api\/queues\/(pause|resume)$/,
  // One queue: `/api/queues/inorder-stage-validate/retry/failed`
  /^\/api\/queues\/[^/]+\/(pause|resume|empty|promote)$/,
  /^\/api\/queues\/[^/]+\/(retry|clean)\/[a-z-]+$/,
  // One schedule, now: `/api/queues/inorder-maintenance/job-schedulers/retention/run`
  /^\/api\/queues\/[^/]+\/job-schedulers\/[^/]+\/run$/,
  // One job: `/api/queues/inorder-maintenance/8a…/retry`
  /^\/api\/queues\/[^/]+\/[^/]+\/(retry|clean|promote)$/,
];

/**
 * Whether this is an act that the board carries out for who may. `path` is below QUEUE_BOARD_PATH, without the query.
 * All of them are PUT.
 */
export function isQueueBoardAct(method: string, path: string): boolean {
  return method === 'PUT' && QUEUE_BOARD_ACTS.some((act) => act.test(path));
}
/** POST, console: `{ email? }` → `{ url, expiresAt }`, a one-time sign-in link. Loopback only. */
export const SIGN_IN_LINK_PATH = '/api/internal/sign-in-link';
