/**
 * The simulated laboratory's HTTP endpoint: POST of one HL7 v2 message or one FHIR resource on any path. Faults are the
 * same as with MLLP as far as HTTP has them. A refusal is 422 with an OperationOutcome (or the ACK, for HL7 v2); "already
 * have it" is 409.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { acknowledgement } from '../messages/acknowledgement.ts';
import { type Endpoint, Listener } from './listener.ts';
import { type EndpointCounts, emptyCounts, type Handling, type Reception } from './reception.ts';

export interface HttpServerOptions {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly reception: Reception;
  readonly bodyBytesMax?: number;
  /** Repeat the answer of the first time to an Idempotency-Key seen before (the last 10,000 keys). Default false. */
  readonly idempotency?: boolean;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const KEYS_MAX = 10_000;
const HL7_TYPE = 'application/hl7-v2; charset=utf-8';
const FHIR_TYPE = 'application/fhir+json; charset=utf-8';

export class HttpServer implements Endpoint {
  readonly kind = 'HTTP';
  readonly name: string;
  readonly counts: EndpointCounts = emptyCounts();
  readonly #listener: Listener;
  readonly #options: HttpServerOptions;
  /** Answers by Idempotency-Key, oldest first. */
  readonly #answers = new Map<string, Answer>();
  readonly #ordinals = new WeakMap<object, number>();

  constructor(options: HttpServerOptions) {
    this.name = options.name;
    this.#options = options;
    const server = createServer((request, response) => {
      // Whoever leaves in the middle of a request is an everyday event here.
      this.#serve(request, response).catch(() => response.destroy());
    });
    server.on('connection', (socket) => {
      this.counts.connectionsAccepted += 1;
      this.#ordinals.set(socket, options.reception.nextConnection());
    });
    this.#listener = new Listener(server, options.host, options.port);
  }

  get port(): number {
    return this.#listener.port;
  }

  get listening(): boolean {
    return this.#listener.listening;
  }

  get connections(): number {
    return this.#listener.connections;
  }

  open(): Promise<void> {
    return this.#listener.open();
  }

  close(): Promise<void> {
    return this.#listener.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST') {
      request.resume();
      send(response, { status: 405, type: 'text/plain', body: 'POST only' });
      return;
    }
    const body = await readBody(request, this.#options.bodyBytesMax ?? 10 * 1024 * 1024);
    if (body === undefined) {
      this.counts.unreadable += 1;
      send(response, { status: 413, type: 'text/plain', body: 'too large' });
      return;
    }
    const { reception } = this.#options;
    const handling = reception.receive(body, this.name, this.#ordinals.get(request.socket) ?? 0, this.counts);
    const answer = this.#once(request.headers['idempotency-key'], () => answerOf(handling, reception.now()));
    const answered = await respond(request, response, handling, answer);
    reception.finished(handling, this.name, this.counts, answered);
  }

  #once(key: string | string[] | undefined, make: () => Answer): Answer {
    if (this.#options.idempotency !== true || typeof key !== 'string') return make();
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const fresh = make();
    this.#answers.set(key, fresh);
    const oldest = this.#answers.keys().next();
    if (this.#answers.size > KEYS_MAX && oldest.done !== true) this.#answers.delete(oldest.value);
    return fresh;
  }
}

async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request) {
    const chunk = piece as Buffer; // no encoding was set, so the stream gives nothing else
    bytes += chunk.length;
    if (bytes > bytesMax) return undefined;
    pieces.push(chunk);
  }
  return Buffer.concat(pieces);
}

function answerOf(handling: Handling, atMs: number): Answer {
  const { answer } = handling.course;
  if (answer?.kind === 'junk') return { status: 200, type: 'text/plain', body: answer.text };
  const { code, errorCode } = handling.verdict;
  const isPositive = code === 'AA' || code === 'CA';
  const forced = answer?.kind === 'answer' ? answer.httpStatus : undefined;
  const usual = isPositive ? (handling.order?.kind === 'FHIR_JSON' ? 201 : 200) : errorCode === '205' ? 409 : 422;
  const status = forced ?? usual;
  if (handling.order?.kind !== 'FHIR_JSON') {
    const body = acknowledgement(handling.order?.header, {
      code,
      controlId: handling.answeredId,
      ownControlId: `A${Math.round(atMs).toString(36).toUpperCase()}`,
      atMs,
      ...(errorCode === undefined ? {} : { errorCode }),
    });
    return { status, type: HL7_TYPE, body };
  }
  const outcome = {
    resourceType: 'OperationOutcome',
    issue: [
      {
        severity: isPositive ? 'information' : 'error',
        code: isPositive ? 'informational' : errorCode === '205' ? 'duplicate' : 'processing',
        diagnostics: handling.answeredId,
      },
    ],
  };
  return { status, type: FHIR_TYPE, body: JSON.stringify(outcome) };
}

/** True when the whole answer was handed to the network. */
async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  handling: Handling,
  answer: Answer,
): Promise<boolean> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const { delay: late, wire } = handling.course;
  if (late !== undefined) await delay(late.ms, undefined, { signal: gone.signal }).catch(() => undefined);
  if (response.destroyed) return false;
  switch (wire?.kind) {
    case undefined:
      send(response, answer);
      return true;
    case 'dropAnswer':
    case 'hang':
      await new Promise((resolve) => response.once('close', resolve));
      return false;
    case 'halfClose':
      request.socket.end();
      return false;
    case 'reset':
      request.socket.resetAndDestroy();
      return false;
    case 'closeInTheMiddle':
      response.writeHead(answer.status, {
        'content-type': answer.type,
        'content-length': Buffer.byteLength(answer.body),
      });
      response.write(answer.body.slice(0, Math.ceil(answer.body.length / 2)), () => request.socket.destroy());
      return false;
    case 'slowBytes':
      response.writeHead(answer.status, {
        'content-type': answer.type,
        'content-length': Buffer.byteLength(answer.body),
      });
      for (const byte of Buffer.from(answer.body)) {
        response.write(Buffer.of(byte));
        await delay(wire.everyMs, undefined, { signal: gone.signal }).catch(() => undefined);
        if (response.destroyed) return false;
      }
      response.end();
      return true;
  }
}

function send(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, { 'content-type': answer.type });
  response.end(answer.body);
}
