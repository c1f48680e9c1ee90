/**
 * The wires to other people's systems: reachable, encrypted, with certificates that hold for a while (G22). Connects and
 * says nothing: not a byte of a message, not a credential.
 */
import { X509Certificate } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import type { ConnectionDocument, DestinationDocument, SiteDocument, TlsDocument } from '@inorder/shared';
import { count, type Finding, Findings, isLoopback, names, reasonOf } from './finding.ts';

const CONNECT_MS_MAX = 5000;
/** Destinations at once. */
const PARALLEL = 20;
const EXPIRY_DAYS = 30;
const DAY_MS = 86_400_000;

export interface Wire {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly tls: TlsDocument | null;
  readonly timeoutMs: number;
}

/** What came of connecting once. */
export interface Touch {
  /** null: it answered. */
  readonly failure: string | null;
  /** Where a certificate was shown: why it is not trusted, or null, and when it ends. */
  readonly untrusted: string | null;
  readonly validTo: Date | null;
}

type Connections = SiteDocument['connections'];

/** null: a JMS destination whose connection leads to no broker. */
function destinationWire(name: string, document: DestinationDocument, connections: Connections): Wire | null {
  const timeoutMs = Math.min(document.connectTimeoutMs, CONNECT_MS_MAX);
  if (document.kind === 'JMS') {
    const connection = connections[document.connection];
    return connection?.kind === 'CONNECT' ? { ...connectionWire(name, connection), timeoutMs } : null;
  }
  if (document.kind === 'MLLP')
    return { name, host: document.host, port: document.port, tls: document.tls ?? null, timeoutMs };
  const { protocol, hostname, port } = new URL(document.url);
  const secure = protocol === 'https:';
  return {
    name,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port === '' ? (secure ? 443 : 80) : port),
    tls: secure ? (document.tls ?? { verify: true }) : null,
    timeoutMs,
  };
}

export function connectionWire(name: string, document: ConnectionDocument): Wire {
  const { host, port } = document;
  return { name, host, port, tls: document.tls ?? null, timeoutMs: CONNECT_MS_MAX };
}

export async function examineDestinations(
  { destinations, connections }: Pick<SiteDocument, 'destinations' | 'connections'>,
  connect: boolean,
): Promise<Finding[]> {
  const found = new Findings('destinations');
  const all = Object.entries(destinations).map(([name, document]) => ({
    name,
    wire: destinationWire(name, document, connections),
  }));
  const wires = all.flatMap(({ wire }) => (wire === null ? [] : [wire]));
  const nowhere = all.filter(({ wire }) => wire === null);
  if (nowhere.length > 0)
    found.problem(
      `the connection of ${names(nowhere.map(({ name }) => name))} leads to no broker`,
      'Their lanes wait; nothing is lost or skipped.',
      'Name a connection of kind CONNECT in the destination.',
    );
  if (all.length === 0) {
    found.warning('no destination is configured', 'Nothing can be delivered.', './inorder interface apply takes them.');
    return found.list;
  }
  encryption(found, wires);
  if (!connect) {
    found.unknown('whether they can be reached was not tried', '--no-connect was given.', '');
    return found.list;
  }
  const touched = await touchAll(wires);
  const away = touched.filter(({ touch }) => touch.failure !== null);
  for (const [failure, same] of Map.groupBy(away, ({ touch }) => touch.failure))
    found.problem(
      `${names(same.map(({ wire }) => `${wire.name} (${wire.host}:${wire.port})`))} cannot be reached: ${failure ?? ''}`,
      'Their lanes wait; nothing is lost or skipped.',
      'Ask whoever runs the other side, or correct the address.',
    );
  certificates(found, touched);
  const up = touched.length - away.length;
  if (up > 0) found.ok(`${count(up, 'destination')} of ${all.length} can be reached`);
  return found.list;
}

/** Plain wires and certificates nobody checks are problems, but on this machine. */
export function encryption(found: Findings, wires: readonly Wire[]): void {
  const away = wires.filter((wire) => !isLoopback(wire.host));
  const plain = away.filter((wire) => wire.tls === null);
  const unchecked = away.filter((wire) => wire.tls?.verify === false);
  if (plain.length > 0)
    found.problem(
      `TLS is off to ${names(plain.map((wire) => wire.name))}`,
      'Orders cross the network in clear: whoever listens reads them.',
      'Agree on TLS with the other side and add tls to the document; or keep the wire inside a tunnel.',
    );
  if (unchecked.length > 0)
    found.problem(
      `the certificate of ${names(unchecked.map((wire) => wire.name))} is not checked (verify: false)`,
      'Anybody on the way can pose as the other side.',
      'Set tls.ca to the certificate authority of the other side and verify to true.',
    );
  if (plain.length + unchecked.length === 0) found.ok('no wire leaves this machine unencrypted or unchecked');
}

export function certificates(
  found: Findings,
  touched: readonly { readonly wire: Wire; readonly touch: Touch }[],
  nowAt = Date.now(),
): void {
  const untrusted = touched.filter(({ touch }) => touch.untrusted !== null);
  for (const { wire, touch } of untrusted.slice(0, 20))
    found.problem(
      `the certificate of ${wire.name} is not trusted: ${touch.untrusted}`,
      'The engine refuses the connection and the lanes wait.',
      'Correct tls.ca or tls.servername, or have the certificate renewed.',
    );
  for (const { wire, touch } of touched) {
    const days = touch.validTo === null ? Number.POSITIVE_INFINITY : (touch.validTo.getTime() - nowAt) / DAY_MS;
    if (days > EXPIRY_DAYS) continue;
    const until = touch.validTo?.toISOString().slice(0, 10) ?? '';
    const why = 'From that day on the engine refuses the connection and the lanes wait.';
    const todo = 'Have it renewed and tell whoever runs the other side.';
    if (days < 0) found.problem(`the certificate of ${wire.name} ended on ${until}`, why, todo);
    else
      found.warning(
        `the certificate of ${wire.name} ends on ${until}, in ${count(Math.floor(days), 'day')}`,
        why,
        todo,
      );
  }
  const soon = ownCertificates(
    touched.map(({ wire }) => wire),
    nowAt,
  );
  for (const { wire, until } of soon)
    found.warning(
      `our own certificate for ${wire.name} ends on ${until}`,
      'From that day on the other side may refuse us.',
      'Have it renewed, then apply the document again.',
    );
}

/** Certificates that stand in our own documents and end soon. */
function ownCertificates(wires: readonly Wire[], nowAt: number): { readonly wire: Wire; readonly until: string }[] {
  return wires.flatMap((wire) => {
    const until = wire.tls?.cert === undefined ? null : endOf(wire.tls.cert);
    return until !== null && (until.getTime() - nowAt) / DAY_MS <= EXPIRY_DAYS
      ? [{ wire, until: until.toISOString().slice(0, 10) }]
      : [];
  });
}

/** When a PEM certificate ends; null where it is none. */
function endOf(pem: string): Date | null {
  try {
    return new Date(new X509Certificate(pem).validTo);
  } catch {
    return null;
  }
}

export async function touchAll(wires: readonly Wire[]): Promise<{ readonly wire: Wire; readonly touch: Touch }[]> {
  const touched: { wire: Wire; touch: Touch }[] = [];
  const waiting = [...wires];
  const worker = async (): Promise<void> => {
    for (let wire = waiting.shift(); wire !== undefined; wire = waiting.shift())
      touched.push({ wire, touch: await touchWire(wire) });
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return touched.sort((a, b) => (a.wire.name < b.wire.name ? -1 : 1));
}

/** Opens a connection, looks at the certificate if there is one, and closes it again. Never rejects. */
export function touchWire(wire: Wire): Promise<Touch> {
  return new Promise((resolve) => {
    const { host, port, timeoutMs } = wire;
    let socket: net.Socket | undefined;
    const end = (touch: Touch): void => {
      clearTimeout(timer);
      socket?.destroy();
      resolve(touch);
    };
    const failed = (failure: string): void => end({ failure, untrusted: null, validTo: null });
    const timer = setTimeout(() => failed(`not open within ${timeoutMs} ms`), timeoutMs);
    try {
      if (wire.tls === null) {
        socket = net.connect({ host, port }, () => end({ failure: null, untrusted: null, validTo: null }));
      } else {
        const { ca, servername, verify } = wire.tls;
        const name = servername ?? (net.isIP(host) === 0 ? host : '');
        const secure = tls.connect(
          // We judge the certificate below instead of being cut off: its words are what people need.
          { host, port, ca, servername: name, rejectUnauthorized: false },
          () => {
            const { valid_to } = secure.getPeerCertificate();
            // Node gives a code, or an error whose words hold names of the certificate alone.
            const untrusted = secure.authorized || !verify ? null : String(secure.authorizationError);
            end({ failure: null, untrusted, validTo: valid_to ? new Date(valid_to) : null });
          },
        );
        socket = secure;
      }
      socket.on('error', (error) => failed(reasonOf(error)));
      socket.on('close', () => failed('closed by the other side'));
    } catch (error) {
      failed(`unusable TLS settings (${reasonOf(error)})`);
    }
  });
}
