/** The bytes that wait to be sent, bounded; what does not fit is read again by its key, many in one read (G19). */
import type { MessageId } from '@inorder/core';
import type { OutboundPayload } from '../adapters/postgres/lane-queries.ts';

export interface OutboundPayloadsOptions {
  readonly bytesMax: number;
  /** One batched key read. @throws where Postgres is away. */
  readonly read: (ids: readonly MessageId[]) => Promise<Map<MessageId, OutboundPayload>>;
}

/** Messages in one read: at a takeover thousands of lanes ask in one tick, and a read that outlasts its time-out helps none. */
const READ_MAX = 500;

export class OutboundPayloads {
  private readonly options: OutboundPayloadsOptions;
  private readonly kept = new Map<MessageId, OutboundPayload>();
  private bytes = 0;
  private readonly wanted = new Map<
    MessageId,
    { resolve: (payload: OutboundPayload | undefined) => void; reject: (cause: unknown) => void }[]
  >();
  private reading = false;
  /** Messages whose bytes had to be read; the measure of ARCHITECTURE.md counts them. */
  reads = 0;

  constructor(options: OutboundPayloadsOptions) {
    this.options = options;
  }

  /** What comes last counts: a number that was repaired has other bytes than before. */
  keep(id: MessageId, payload: OutboundPayload): void {
    this.drop(id);
    this.kept.set(id, payload);
    this.bytes += payload.bytes.byteLength;
    for (const [oldest, old] of this.kept) {
      if (this.bytes <= this.options.bytesMax) break;
      this.kept.delete(oldest);
      this.bytes -= old.bytes.byteLength;
    }
  }

  drop(id: MessageId): void {
    const payload = this.kept.get(id);
    if (payload === undefined) return;
    this.kept.delete(id);
    this.bytes -= payload.bytes.byteLength;
  }

  /** At hand, or undefined. */
  peek(id: MessageId): OutboundPayload | undefined {
    return this.kept.get(id);
  }

  /** undefined = there is none, or it was made before a repair. @throws where Postgres is away. */
  load(id: MessageId): Promise<OutboundPayload | undefined> {
    return new Promise((resolve, reject) => {
      const list = this.wanted.get(id) ?? [];
      list.push({ resolve, reject });
      this.wanted.set(id, list);
      if (!this.reading) void this.readAll();
    });
  }

  private async readAll(): Promise<void> {
    this.reading = true;
    // What is asked for in the same tick shares the read.
    await Promise.resolve();
    while (this.wanted.size > 0) {
      const batch = new Map([...this.wanted].slice(0, READ_MAX));
      for (const id of batch.keys()) this.wanted.delete(id);
      try {
        const found = await this.options.read([...batch.keys()]);
        this.reads += batch.size;
        for (const [id, waiters] of batch) for (const w of waiters) w.resolve(found.get(id));
      } catch (error) {
        for (const waiters of batch.values()) for (const w of waiters) w.reject(error);
      }
    }
    this.reading = false;
  }
}
