/** A plain MLLP client for the tests of the simulated laboratory: what was sent, what came back, how it ended. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { FrameReader, frame } from '../src/lis/mllp-frames.ts';

export const order = (controlId: string, note = ''): string =>
  [
    `MSH|^~\\&|UP|SITE|LIS|LAB|20260101120000||ORM^O01|${controlId}|P|2.5.1`,
    'PID|1||P1||Testalder^Ina',
    'ORC|NW|PL-1',
    'OBR|1|PL-1||GLUC^Glucose^L',
    ...(note === '' ? [] : [`NTE|1||${note}`]),
    '',
  ].join('\r');

export class LisClient {
  readonly socket: Socket;
  readonly answers: string[] = [];
  readonly chunks: Buffer[] = [];
  readonly closed: Promise<unknown>;
  readonly #reader = new FrameReader();
  #waiters: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      this.chunks.push(chunk);
      for (const content of this.#reader.push(chunk).frames) this.answers.push(content.toString('utf8'));
      for (const wake of this.#waiters.splice(0)) wake();
    });
    this.closed = new Promise((resolve) => socket.once('close', resolve));
  }

  static async open(port: number): Promise<LisClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new LisClient(socket);
  }

  send(text: string): void {
    this.socket.write(frame(Buffer.from(text, 'utf8')));
  }

  async answer(n: number): Promise<string> {
    while (this.answers[n] === undefined) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    return this.answers[n];
  }

  async ask(text: string): Promise<string> {
    const n = this.answers.length;
    this.send(text);
    return await this.answer(n);
  }
}

/** `AA|LAB-0042.000001`, of the MSA segment. */
export const msa = (answer: string): string => /\rMSA\|([^\r]*)/.exec(answer)?.[1] ?? '';
