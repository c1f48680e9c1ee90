/**
 * Where a process writes its log: standard output, behind a bound. A reader that is slow delays nobody and costs lines at
 * most, and one that is gone ends nothing. (pino's own destination, sonic-boom 4.2, keeps what is not read without
 * limit, and at the exit of its process repeats a write for as long as it fails: with the reader gone, for ever.)
 *
 * Lines of one turn of the event loop go out in one write, one write at a time; what waits at the exit is written then, once,
 * and may come before what was on its way.
 */
import { write, writeSync } from 'node:fs';

/** What may wait for a slow reader; about 20,000 lines. */
const WAITING_BYTES_MAX = 4_194_304;
const AGAIN_MS = 100;

export class LogStream {
  readonly #fd: number;
  readonly #bytesMax: number;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #isWriting = false;
  #isGone = false;

  constructor(fd = 1, bytesMax = WAITING_BYTES_MAX) {
    this.#fd = fd;
    this.#bytesMax = bytesMax;
    process.on('exit', () => this.#last());
  }

  /** One line with its end. */
  write(line: string): void {
    if (this.#isGone) return;
    const bytes = Buffer.byteLength(line);
    if (this.#waitingBytes + bytes > this.#bytesMax) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += bytes;
    if (this.#isWriting) return;
    this.#isWriting = true;
    setImmediate(() => this.#next());
  }

  #next(): void {
    const batch = this.#take();
    if (batch === undefined) this.#isWriting = false;
    else this.#send(batch);
  }

  #send(batch: Buffer): void {
    write(this.#fd, batch, (error, written) => {
      if (error === null) {
        if (written < batch.length) this.#send(batch.subarray(written));
        else this.#next();
      } else if (error.code === 'EAGAIN') setTimeout(() => this.#send(batch), AGAIN_MS).unref();
      else this.#leave();
    });
  }

  /** All that waits, and how many lines are missing before it. */
  #take(): Buffer | undefined {
    if (this.#dropped > 0) {
      this.#waiting.push(
        `${JSON.stringify({ level: 40, time: Date.now(), lines: this.#dropped, msg: 'log lines dropped' })}\n`,
      );
      this.#dropped = 0;
    }
    if (this.#waiting.length === 0) return undefined;
    const batch = Buffer.from(this.#waiting.join(''));
    this.#waiting = [];
    this.#waitingBytes = 0;
    return batch;
  }

  /** Nobody will read any more. */
  #leave(): void {
    this.#isGone = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #last(): void {
    if (this.#isGone) return;
    try {
      for (let rest = this.#take(); rest !== undefined && rest.length > 0; )
        rest = rest.subarray(writeSync(this.#fd, rest));
    } catch {
      // The reader is gone or stands still, and so does this process's last word.
      this.#leave();
    }
  }
}
