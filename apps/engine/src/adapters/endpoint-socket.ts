/**
 * One TCP or TLS socket to a laboratory system, and what a failure to open it means. Shared by MLLP, HTTP and JMS, so
 * that "refused" and "bad certificate" mean the same on all of them.
 */
import net from 'node:net';
import tls from 'node:tls';
import type { TlsDocument } from '@inorder/shared';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** Null: plain. */
  readonly tls: TlsDocument | null;
}

/** What the socket of one connector logs through; pino fits. */
export interface DestinationLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Why no byte could be sent: the part after `MLLP_`, `HTTP_` or `JMS_` of the endpoint codes. */
export type ConnectFault = 'CONNECT' | 'DNS' | 'TLS';

const KEEPALIVE_DELAY_MS = 15_000;

/** The TCP socket below a TLS one: Node refuses resetAndDestroy on the TLS socket itself (ERR_INVALID_HANDLE_TYPE). */
const rawBelow = new WeakMap<net.Socket, net.Socket>();

/** TLS alerts by which a peer refuses our certificate. Under TLS 1.3 they come after our side is done with the handshake. */
const REFUSED_CERTIFICATE_ALERT =
  /^ERR_SSL_(TLSV\d+|SSLV\d+)_ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED|CERTIFICATE_EXPIRED|CERTIFICATE_UNKNOWN|UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR|HANDSHAKE_FAILURE)$/;

/**
 * Begins to connect. Ready at `readyEvent(endpoint)`. Throws where the TLS settings cannot be used (a PEM that is none).
 * TCP_NODELAY because a frame followed by its wait for an answer is the worst case of Nagle with delayed ACKs.
 */
export function openSocket(endpoint: Endpoint): net.Socket {
  const settings = endpoint.tls;
  // Read the certificates first: if they are unusable no connection is begun.
  const secureContext =
    settings === null ? null : tls.createSecureContext({ ca: settings.ca, cert: settings.cert, key: settings.key });
  const raw = net.connect({
    host: endpoint.host,
    port: endpoint.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEPALIVE_DELAY_MS,
  });
  if (settings === null || secureContext === null) return raw;
  const servername = settings.servername ?? (net.isIP(endpoint.host) === 0 ? endpoint.host : undefined);
  const socket = tls.connect({
    socket: raw,
    host: endpoint.host,
    secureContext,
    rejectUnauthorized: settings.verify,
    ...(servername === undefined ? {} : { servername }),
  });
  rawBelow.set(socket, raw);
  return socket;
}

/** The event after which bytes may leave. */
export function readyEvent(endpoint: Endpoint): 'connect' | 'secureConnect' {
  return endpoint.tls === null ? 'connect' : 'secureConnect';
}

/** Sends RST and forgets the socket: what the peer says later reaches nobody (G15), what we queued never leaves (G10). */
export function resetSocket(socket: net.Socket): void {
  const raw = rawBelow.get(socket) ?? socket;
  if (!raw.destroyed) raw.resetAndDestroy();
  socket.destroy();
}

/** What an error before the ready event means. */
export function connectFault(socket: net.Socket | null, error: unknown): ConnectFault {
  if (socket === null) return 'TLS';
  if (syscallOf(error) === 'getaddrinfo') return 'DNS';
  const raw = rawBelow.get(socket);
  return raw !== undefined && !isConnectError(error) ? 'TLS' : 'CONNECT';
}

/**
 * True where the peer refused our certificate by an alert. A TLS 1.3 server does that before it reads any application
 * data, so on a connection that never brought an answer nothing was taken: the endpoint's failure, not an unknown outcome.
 */
export function isRefusedCertificate(error: unknown): boolean {
  const code = errorCodeOf(error);
  return code !== null && REFUSED_CERTIFICATE_ALERT.test(code);
}

/** The system's or OpenSSL's own code for an error (`ECONNREFUSED`, `CERT_HAS_EXPIRED`); never its text (G18). */
export function errorCodeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

function syscallOf(error: unknown): string | null {
  return error instanceof Error && 'syscall' in error && typeof error.syscall === 'string' ? error.syscall : null;
}

/** Several addresses of one name fail together as an AggregateError, which has a code and no syscall. */
function isConnectError(error: unknown): boolean {
  return syscallOf(error) === 'connect' || error instanceof AggregateError;
}
