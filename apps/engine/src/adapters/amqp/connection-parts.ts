/** Sockets, TLS and SASL of both ways round. */
import { createHash, timingSafeEqual } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import type { ConnectionDocument, TlsDocument } from '@inorder/shared';
import { connectionOf, type RheaConnection, rhea } from './rhea-internals.ts';

export type ConnectDocument = Extract<ConnectionDocument, { kind: 'CONNECT' }>;
export type ListenDocument = Extract<ConnectionDocument, { kind: 'LISTEN' }>;

function material(document: TlsDocument): { ca?: string; cert?: string; key?: string } {
  const { ca, cert, key } = document;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/** Opens the socket to a broker. Without TCP_NODELAY credit 1 reaches 22 messages per second. */
export function dial(document: ConnectDocument, connected: () => void): net.Socket {
  const { host, port } = document;
  const target = { host, port, noDelay: true, keepAlive: true };
  if (document.tls === undefined) return net.connect(target, connected);
  // SNI takes names only; the certificate is checked against `host` either way.
  const servername = document.tls.servername ?? (net.isIP(host) === 0 ? host : undefined);
  const name = servername === undefined ? {} : { servername };
  return tls.connect(
    { ...target, ...name, ...material(document.tls), rejectUnauthorized: document.tls.verify },
    connected,
  );
}

/** A server that hands over sockets ready to speak AMQP. With `ca` a client certificate is required. */
export function serve(
  document: ListenDocument,
  connectionsMax: number,
  onSocket: (socket: net.Socket) => void,
): net.Server {
  const common = { noDelay: true, keepAlive: true };
  const server =
    document.tls === undefined
      ? net.createServer(common, onSocket)
      : tls.createServer(
          {
            ...common,
            ...material(document.tls),
            requestCert: document.tls.ca !== undefined,
            rejectUnauthorized: document.tls.verify,
            handshakeTimeout: 10_000,
          },
          onSocket,
        );
  server.maxConnections = connectionsMax;
  return server;
}

export interface ClientSettings {
  readonly containerId: string;
  readonly idleTimeOutMs: number;
  readonly maxFrameBytes: number;
}

/**
 * A connection to a broker that is not begun yet: `connect()` does, on the socket that `socket` gives, which calls back once
 * bytes may leave. rhea's own reconnect is off: it does not come back from a close by the peer or a refused login.
 */
export function clientConnection(
  document: ConnectDocument,
  settings: ClientSettings,
  socket: (connected: () => void) => net.Socket,
): RheaConnection {
  const { host, port } = document;
  const options = {
    host,
    port,
    hostname: host,
    idle_time_out: settings.idleTimeOutMs,
    max_frame_size: settings.maxFrameBytes,
    reconnect: false,
    tcp_no_delay: true,
    sasl_mechanisms: clientMechanisms(document),
    connection_details: () => ({
      host,
      port,
      connect: (_port: number, _host: string, _options: unknown, connected: () => void) => socket(connected),
    }),
  };
  const container = rhea.create_container({ id: settings.containerId });
  return connectionOf(container.create_connection(options));
}

type ClientMechanism = () => { start(callback: (error: unknown, response: Buffer) => void): void };

/** rhea's own PLAIN counts characters, not bytes, and cuts a name or password that is not ASCII. */
function clientMechanisms(document: ConnectDocument): Record<string, ClientMechanism> {
  const answer =
    (text: string): ClientMechanism =>
    () => ({ start: (callback) => callback(undefined, Buffer.from(text, 'utf8')) });
  const { username, password } = document;
  if (username === undefined || username === '') return { ANONYMOUS: answer('anonymous') };
  return { PLAIN: answer(`\0${username}\0${password ?? ''}`) };
}

/** Compares in a time that tells nothing about where, or in what length, two secrets differ. */
export function sameSecret(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();
  return timingSafeEqual(digest(given), digest(expected));
}
