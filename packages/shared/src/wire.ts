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
/** POST, console: `{ email? }` → `{ url, expiresAt }`, a one-time sign-in link. Loopback only. */
export const SIGN_IN_LINK_PATH = '/api/internal/sign-in-link';
