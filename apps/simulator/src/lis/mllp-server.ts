/**
 * The simulated laboratory's MLLP endpoint. Each message is judged the moment its frame is complete; answers leave in the
 * order of the messages, one after the other, each with the faults the switches ask for.
 *
 * A connection is *open* (reads, answers), *mute* (a `hang` met it: reads and throws away until the peer leaves) or
 * *ended*.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { acknowledgement } from '../messages/acknowledgement.ts';
import { type Endpoint, Listener } from './listener.ts';
import { FrameReader, frame } from './mllp-frames.ts';
import { type EndpointCounts, emptyCounts, type Handling, type Reception } from './reception.ts';

export interface MllpServerOptions {
  readonly name: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly reception: Reception;
  readonly frameBytesMax?: number;
}

/** Messages of one connection whose answer is due; above it the socket is not read. */
const UNANSWERED_MAX = 1000;

export class MllpServer implements Endpoint {
  readonly kind = 'MLLP';
  readonly name: string;
  readonly counts: EndpointCounts = emptyCounts();
  readonly #listener: Listener;

  constructor(options: MllpServerOptions) {
    this.name = options.name;
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
      this.counts.connectionsAccepted += 1;
      serve(socket, options, this.counts);
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
}

function serve(socket: Socket, options: MllpServerOptions, counts: EndpointCounts): void {
  const { name, reception } = options;
  const connection = reception.nextConnection();
  const reader = new FrameReader(options.frameBytesMax === undefined ? {} : { frameBytesMax: options.frameBytesMax });
  const ended = new AbortController();
  const due: Handling[] = [];
  let answering = false;
  let mute = false;

  const answerAll = async (): Promise<void> => {
    answering = true;
    for (let next = due[0]; next !== undefined; next = due[0]) {
      const answered = await answer(socket, next, reception.now(), ended.signal);
      due.shift();
      reception.finished(next, name, counts, answered);
      if (due.length < UNANSWERED_MAX) socket.resume();
    }
    answering = false;
    if (socket.readableEnded) socket.end();
  };

  socket.on('data', (chunk) => {
    if (mute) return;
    const { frames, tooLong } = reader.push(chunk);
    for (const content of frames) {
      const handling = reception.receive(content, name, connection, counts);
      due.push(handling);
      mute = handling.course.wire?.kind === 'hang';
      if (mute) break;
    }
    if (tooLong) {
      counts.unreadable += 1;
      socket.destroy();
      return;
    }
    if (due.length >= UNANSWERED_MAX) socket.pause();
    if (!answering && due.length > 0) void answerAll();
  });
  // The peer said its last: what is due may still be answered, then we close too.
  socket.on('end', () => {
    if (!answering || mute) socket.end();
  });
  // A reset peer is an everyday event here; 'close' follows.
  socket.on('error', () => undefined);
  socket.on('close', () => ended.abort());
}

/** True when the whole answer was handed to the network. Never rejects. */
async function answer(socket: Socket, handling: Handling, atMs: number, ended: AbortSignal): Promise<boolean> {
  try {
    const { course } = handling;
    if (course.delay !== undefined) await delay(course.delay.ms, undefined, { signal: ended });
    if (ended.aborted) return false;
    const bytes = frame(Buffer.from(answerText(handling, atMs), 'utf8'));
    switch (course.wire?.kind) {
      case undefined:
        socket.write(bytes);
        return true;
      case 'dropAnswer':
        return false;
      case 'hang':
        await once(ended, 'abort');
        return false;
      case 'halfClose':
        socket.end();
        return false;
      case 'reset':
        socket.resetAndDestroy();
        return false;
      case 'closeInTheMiddle':
        socket.end(bytes.subarray(0, Math.ceil(bytes.length / 2)));
        return false;
      case 'slowBytes':
        for (const byte of bytes) {
          if (ended.aborted) return false;
          socket.write(Buffer.of(byte));
          await delay(course.wire.everyMs, undefined, { signal: ended });
        }
        return true;
    }
  } catch {
    // The only thing that throws here is the delay, cut short because the connection ended.
    return false;
  }
}

function answerText(handling: Handling, atMs: number): string {
  if (handling.course.answer?.kind === 'junk') return handling.course.answer.text;
  const { code, errorCode } = handling.verdict;
  return acknowledgement(handling.order?.header, {
    code,
    controlId: handling.answeredId,
    ownControlId: `A${Math.round(atMs).toString(36).toUpperCase()}`,
    atMs,
    ...(errorCode === undefined ? {} : { errorCode }),
  });
}
