/**
 * Asks an engine's bull-board over its admin HTTP. What goes there is a path and whether the person may act: no cookie, no
 * body, no header of the browser. What comes back is bounded in time and size, of a type that a browser may be given.
 */
import { ADMIN_SECRET_HEADER, QUEUE_BOARD_PATH, QUEUE_BOARD_RIGHT_HEADER } from '@inorder/shared';

const READ_MS_MAX = 10_000;
/** Emptying a long queue takes its time. */
const ACT_MS_MAX = 30_000;
const BYTES_MAX = 16 * 1024 * 1024;
const ENGINES_ASKED_MAX = 3;
const TYPES =
  /^(?:text\/(?:html|css|plain|javascript)|application\/(?:json|javascript|manifest\+json)|image\/[\w.+-]+|font\/[\w.+-]+)\s*(?:;|$)/i;

export interface BoardQuestion {
  readonly method: 'GET' | 'PUT';
  /** Below QUEUE_BOARD_PATH: '' or `/api/queues`. */
  readonly path: string;
  /** With its `?`, or ''. */
  readonly query: string;
  readonly mayAct: boolean;
}

export type BoardAnswer =
  | {
      readonly kind: 'ANSWERED';
      readonly status: number;
      readonly type: string;
      readonly body: Uint8Array<ArrayBuffer>;
    }
  /** No engine could be connected to: nothing was asked of any. */
  | { readonly kind: 'AWAY' }
  /** It was asked, and what came back is late, too much or of no type for a browser. An act may have been carried out. */
  | { readonly kind: 'BROKEN'; readonly why: string };

/** @param adminUrls of engines that are alive; the next one is asked only where one cannot be connected to. */
export async function askBoard(
  adminUrls: readonly string[],
  secret: string,
  question: BoardQuestion,
): Promise<BoardAnswer> {
  for (const adminUrl of adminUrls.slice(0, ENGINES_ASKED_MAX)) {
    const answer = await askEngine(adminUrl, secret, question);
    if (answer.kind !== 'AWAY') return answer;
  }
  return { kind: 'AWAY' };
}

async function askEngine(adminUrl: string, secret: string, question: BoardQuestion): Promise<BoardAnswer> {
  const url = new URL(`${QUEUE_BOARD_PATH}${question.path}${question.query}`, adminUrl);
  const headers = {
    [ADMIN_SECRET_HEADER]: secret,
    'accept-encoding': 'identity',
    ...(question.mayAct ? { [QUEUE_BOARD_RIGHT_HEADER]: 'act' } : {}),
  };
  const signal = AbortSignal.timeout(question.method === 'PUT' ? ACT_MS_MAX : READ_MS_MAX);
  try {
    const answer = await fetch(url, { method: question.method, headers, signal, redirect: 'manual' });
    const type = answer.headers.get('content-type') ?? 'text/plain';
    const isRedirect = answer.status >= 300 && answer.status < 400;
    if (isRedirect || !TYPES.test(type)) {
      await answer.body?.cancel();
      return { kind: 'BROKEN', why: isRedirect ? 'it points elsewhere' : 'it is of an unexpected type' };
    }
    const body = await readAll(answer.body);
    if (body === null) return { kind: 'BROKEN', why: `it is larger than ${BYTES_MAX} bytes` };
    return { kind: 'ANSWERED', status: answer.status, type, body };
  } catch (error) {
    return neverConnected(error) ? { kind: 'AWAY' } : { kind: 'BROKEN', why: 'it came too late or broke off' };
  }
}

async function readAll(stream: ReadableStream<Uint8Array> | null): Promise<Uint8Array<ArrayBuffer> | null> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of stream ?? []) {
    bytes += part.byteLength;
    // Leaving the loop cancels the stream.
    if (bytes > BYTES_MAX) return null;
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}

const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function neverConnected(error: unknown): boolean {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' && NOT_CONNECTED.has(cause.code);
}
