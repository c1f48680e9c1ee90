/**
 * Asks a Redis a few questions over its wire protocol (RESP2). A client library would reconnect, queue and retry: what a
 * check must not do.
 */
import net from 'node:net';
import tls from 'node:tls';

const ANSWER_BYTES_MAX = 1_000_000;

export type RespValue = string | number | null | readonly RespValue[] | RespError;

/** What the server refused to answer. */
export class RespError extends Error {
  override readonly name = 'RespError';
}

/** Sends the commands on one connection and gives their answers, refusals among them. @throws where it cannot connect. */
export function askRedis(
  url: string,
  commands: readonly (readonly string[])[],
  timeoutMs: number,
): Promise<RespValue[]> {
  const { protocol, hostname, port, username, password } = new URL(url);
  const login =
    password === ''
      ? []
      : [['AUTH', ...(username === '' ? [] : [decodeURIComponent(username)]), decodeURIComponent(password)]];
  const asked = [...login, ...commands];
  const options = { host: hostname, port: Number(port === '' ? 6379 : port) };
  const secure = protocol === 'rediss:';
  return new Promise((resolve, reject) => {
    const socket = secure ? tls.connect({ ...options, servername: hostname }) : net.connect(options);
    const timer = setTimeout(
      () => fail(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })),
      timeoutMs,
    );
    let received = Buffer.alloc(0);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    socket.on('error', fail);
    socket.on('close', () => fail(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
    socket.once(secure ? 'secureConnect' : 'connect', () => socket.write(asked.map(command).join('')));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.byteLength > ANSWER_BYTES_MAX) return fail(new Error('the answer is too long'));
      const answers = tryRead(received, asked.length);
      if (answers === 'more') return;
      if (answers === 'foreign') return fail(new Error('this is not Redis'));
      const [first] = answers;
      if (login.length > 0 && first instanceof RespError) return fail(Object.assign(first, { code: 'WRONGPASS' }));
      clearTimeout(timer);
      socket.removeAllListeners('close');
      socket.destroy();
      resolve(answers.slice(login.length));
    });
  });
}

function command(words: readonly string[]): string {
  const lines = [`*${words.length}`, ...words.flatMap((word) => [`$${Buffer.byteLength(word)}`, word])];
  return lines.map((line) => `${line}\r\n`).join('');
}

function tryRead(bytes: Buffer, wanted: number): RespValue[] | 'more' | 'foreign' {
  try {
    return readAnswers(bytes, wanted) ?? 'more';
  } catch {
    return 'foreign';
  }
}

/** undefined: not all of them are there yet. @throws where the bytes are not this protocol. */
function readAnswers(bytes: Buffer, wanted: number): RespValue[] | undefined {
  const answers: RespValue[] = [];
  let at = 0;
  while (answers.length < wanted) {
    const next = readValue(bytes, at);
    if (next === undefined) return undefined;
    answers.push(next.value);
    at = next.end;
  }
  return answers;
}

function readValue(bytes: Buffer, at: number): { readonly value: RespValue; readonly end: number } | undefined {
  const lineEnd = bytes.indexOf('\r\n', at);
  if (lineEnd === -1) return undefined;
  const line = bytes.toString('utf8', at + 1, lineEnd);
  const end = lineEnd + 2;
  switch (bytes.toString('latin1', at, at + 1)) {
    case '+':
      return { value: line, end };
    case '-':
      return { value: new RespError(line), end };
    case ':':
      return { value: Number(line), end };
    case '$':
      return readBulk(bytes, end, Number(line));
    case '*':
      return readList(bytes, end, Number(line));
    default:
      throw new Error('this is not Redis');
  }
}

function readBulk(bytes: Buffer, from: number, length: number): { value: RespValue; end: number } | undefined {
  if (length < 0) return { value: null, end: from };
  const end = from + length + 2;
  return bytes.byteLength < end ? undefined : { value: bytes.toString('utf8', from, from + length), end };
}

function readList(bytes: Buffer, from: number, length: number): { value: RespValue; end: number } | undefined {
  const items: RespValue[] = [];
  let at = from;
  for (let i = 0; i < length; i++) {
    const next = readValue(bytes, at);
    if (next === undefined) return undefined;
    items.push(next.value);
    at = next.end;
  }
  return { value: items, end: at };
}
