/**
 * Lane statuses over the engines' admin HTTP: one stream per instance, opened before the snapshot is asked for, so that
 * nothing is lost in between. An instance that goes away is tried again for as long as its heartbeat is fresh.
 */
import type { LaneStatus } from '@inorder/core';
import { ADMIN_SECRET_HEADER, LANES_PATH, LANES_STREAM_PATH } from '@inorder/shared';
import { parseLaneStatuses, parseStatusText } from './lane-status.ts';

const RETRY_MS = 1000;
const CONNECT_MS = 5000;
/** One event is a batch of statuses; more than this without an end is no stream of ours. */
const EVENT_CHARS_MAX = 64 * 1024 * 1024;

export interface LaneSink {
  statuses(statuses: readonly LaneStatus[]): void;
  /** Whether every wire of this source stands. */
  connected(yes: boolean): void;
}

export class EngineSource {
  readonly #secret: string;
  readonly #sink: LaneSink;
  readonly #wires = new Map<string, { readonly stop: AbortController; up: boolean }>();

  constructor(secret: string, sink: LaneSink) {
    this.#secret = secret;
    this.#sink = sink;
  }

  /** The admin addresses of the instances that are alive now; wires to others are cut. */
  setEngines(adminUrls: readonly string[]): void {
    for (const [url, wire] of this.#wires) {
      if (adminUrls.includes(url)) continue;
      wire.stop.abort();
      this.#wires.delete(url);
    }
    for (const url of adminUrls) {
      if (this.#wires.has(url)) continue;
      const wire = { stop: new AbortController(), up: false };
      this.#wires.set(url, wire);
      void this.#keep(url, wire);
    }
    this.#tell();
  }

  close(): void {
    this.setEngines([]);
  }

  #tell(): void {
    this.#sink.connected(this.#wires.size > 0 && [...this.#wires.values()].every((wire) => wire.up));
  }

  async #keep(url: string, wire: { readonly stop: AbortController; up: boolean }): Promise<void> {
    const { signal } = wire.stop;
    while (!signal.aborted) {
      // A refused or broken wire is nothing to report: it shows as `connected(false)` and is tried again.
      await this.#follow(url, wire).catch(() => undefined);
      wire.up = false;
      this.#tell();
      await pause(RETRY_MS, signal);
    }
  }

  async #follow(url: string, wire: { readonly stop: AbortController; up: boolean }): Promise<void> {
    const headers = { [ADMIN_SECRET_HEADER]: this.#secret };
    // The time-out is for the answer's head only; the stream itself may be silent for as long as nothing changes.
    const connect = new AbortController();
    const timer = setTimeout(() => connect.abort(), CONNECT_MS);
    const signal = AbortSignal.any([wire.stop.signal, connect.signal]);
    const stream = await fetch(new URL(LANES_STREAM_PATH, url), { headers, signal });
    const lanes = await fetch(new URL(LANES_PATH, url), { headers, signal });
    clearTimeout(timer);
    if (!stream.ok || stream.body === null || !lanes.ok) return connect.abort();
    const snapshot: unknown = await lanes.json();
    if (typeof snapshot === 'object' && snapshot !== null && 'lanes' in snapshot && Array.isArray(snapshot.lanes)) {
      this.#sink.statuses(parseLaneStatuses(snapshot.lanes));
    }
    wire.up = true;
    this.#tell();
    for await (const data of eventData(stream.body)) this.#sink.statuses(parseStatusText(data));
  }
}

/** The `data:` of each server-sent event. */
async function* eventData(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true }).replaceAll('\r\n', '\n');
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const lines = rest.slice(0, end).split('\n');
      rest = rest.slice(end + 2);
      const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trimStart());
      if (data.length > 0) yield data.join('\n');
    }
    if (rest.length > EVENT_CHARS_MAX) throw new Error('the engine sent an event without an end');
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
