/** What the tests of this folder share. Product code never imports it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Clock,
  type Disposition,
  epoch,
  type InboundHandler,
  type InboundMessage,
  type InboundOrigin,
  sourceId,
} from '@inorder/core';
import type { AmqpLog } from './options.ts';

export const SOURCE_A = sourceId('01900000-0000-7000-8000-00000000000a');
export const SOURCE_B = sourceId('01900000-0000-7000-8000-00000000000b');
export const ORIGIN_A: InboundOrigin = { sourceId: SOURCE_A, sourceEpoch: epoch(1) };
export const ORIGIN_B: InboundOrigin = { sourceId: SOURCE_B, sourceEpoch: epoch(1) };

export const realClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** Keeps what was logged; `until` waits for a message. */
export class RecordingLog implements AmqpLog {
  readonly lines: Array<{ level: string; fields: object; message: string }> = [];
  #waiters: Array<() => void> = [];
  debug = this.#at('debug');
  info = this.#at('info');
  warn = this.#at('warn');
  error = this.#at('error');

  async until(wanted: RegExp | (() => boolean)): Promise<void> {
    const holds = wanted instanceof RegExp ? () => this.lines.some((line) => wanted.test(line.message)) : wanted;
    while (!holds()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  #at(level: string) {
    return (fields: object, message: string): void => {
      this.lines.push({ level, fields, message });
      for (const wake of this.#waiters.splice(0)) wake();
    };
  }
}

interface Taken {
  readonly message: InboundMessage;
  readonly text: string;
  readonly settle: (disposition: Disposition) => void;
}

/** A handler whose dispositions the test gives by hand, or at once by `answer`. */
export class Intake {
  readonly taken: Taken[] = [];
  answer: ((message: InboundMessage, index: number) => Disposition | undefined) | undefined;
  #waiters: Array<() => void> = [];

  readonly handler: InboundHandler = (message) =>
    new Promise((resolve) => {
      const taken = { message, text: Buffer.from(message.body).toString(), settle: resolve };
      this.taken.push(taken);
      const answer = this.answer?.(message, this.taken.length - 1);
      if (answer !== undefined) resolve(answer);
      for (const wake of this.#waiters.splice(0)) wake();
    });

  get texts(): string[] {
    return this.taken.map((t) => t.text);
  }

  at(index: number): Taken {
    const taken = this.taken[index];
    if (taken === undefined) throw new Error(`no message ${index} was taken`);
    return taken;
  }

  async until(count: number): Promise<void> {
    while (this.taken.length < count) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }
}

export const ACCEPT: Disposition = { kind: 'accept' };
export const RELEASE: Disposition = { kind: 'release' };
export const REJECT: Disposition = { kind: 'reject', code: 'INGEST_NO_INTERFACE', description: 'names no interface' };

/** Lets every I/O event and immediate that is due run. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** A self-signed certificate for 127.0.0.1, made for this run and kept nowhere. Undefined where there is no openssl. */
export function selfSigned(): KeyPair | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'inorder-amqp-'));
  const key = join(folder, 'key.pem');
  const cert = join(folder, 'cert.pem');
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  try {
    execFileSync('openssl', [...request, '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' });
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whether a socket was told TCP_NODELAY; node keeps it under a symbol and has no getsockopt. */
export function hasNoDelay(socket: object): boolean {
  const symbol = Object.getOwnPropertySymbols(socket).find((s) => s.description === 'kSetNoDelay');
  return symbol !== undefined && Reflect.get(socket, symbol) === true;
}
