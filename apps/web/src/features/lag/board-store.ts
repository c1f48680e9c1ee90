/**
 * The browser's copy of all lanes: columns that news are written into, outside React. A row on screen listens for its
 * own version; what is not on screen costs an array write. Subscribers are told once per frame.
 */
import type { BoardChange, BoardColumns, BoardNames, BoardSnapshot, FeedState, RowChange } from './board-data.ts';
import { countHealths } from './board-data.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

export interface BoardSummary {
  readonly total: number;
  /** Position as in HEALTHS. */
  readonly healths: readonly number[];
  readonly seq: number;
  readonly feed: FeedState;
  /** Rows of which news are held back. */
  readonly held: number;
  /** When the last news came, the browser's clock. */
  readonly heardAt: number;
}

export class BoardStore {
  names: BoardNames;
  columns: Mutable<BoardColumns>;
  /** `boot:seq`: where a subscription goes on. */
  position: string;
  /** The server's clock when it rendered the first rows. */
  readonly renderedAt: number;
  #boot: string;
  #directory: number;
  #paused = false;
  readonly #held = new Map<number, RowChange>();
  #summary: BoardSummary;
  #seq: number;
  #feed: FeedState;
  #heardAt = Date.now();
  readonly #listeners = new Set<() => void>();
  #frame: number | null = null;

  constructor(snapshot: BoardSnapshot, healths?: readonly number[]) {
    this.names = snapshot.names;
    this.columns = snapshot.columns as Mutable<BoardColumns>;
    this.renderedAt = snapshot.at;
    this.#boot = snapshot.boot;
    this.#directory = snapshot.directory;
    this.#seq = snapshot.seq;
    this.#feed = snapshot.feed;
    this.position = `${snapshot.boot}:${snapshot.seq}`;
    this.#summary = this.#summarise(healths);
  }

  load(snapshot: BoardSnapshot): void {
    this.names = snapshot.names;
    this.columns = snapshot.columns as Mutable<BoardColumns>;
    this.#boot = snapshot.boot;
    this.#directory = snapshot.directory;
    this.#seq = snapshot.seq;
    this.#feed = snapshot.feed;
    this.position = `${snapshot.boot}:${snapshot.seq}`;
    this.#held.clear();
    this.#heardAt = Date.now();
    this.#later();
  }

  /** @returns false when the news do not fit this picture: a new snapshot is due. */
  apply(change: BoardChange): boolean {
    if (change.boot !== this.#boot || change.directory !== this.#directory) return false;
    this.position = `${change.boot}:${change.seq}`;
    this.#feed = change.feed;
    this.#heardAt = Date.now();
    if (this.#paused) {
      for (const row of change.rows) this.#held.set(row[0], row);
    } else {
      for (const row of change.rows) this.#write(row);
      this.#seq = change.seq;
    }
    this.#later();
    return true;
  }

  setPaused(paused: boolean): void {
    this.#paused = paused;
    if (!paused) {
      for (const row of this.#held.values()) this.#write(row);
      this.#held.clear();
      this.#seq = Number(this.position.split(':')[1]);
    }
    this.#later();
  }

  #write(change: RowChange): void {
    const [row, seq, state, checkpoint, highWater, waitingFor, oldestAt, gaps, inPerMinute, outPerMinute] = change;
    const [, , , , , , , , , , health, why, trend, dead] = change;
    const { columns } = this;
    if (row >= columns.seq.length) return;
    columns.seq[row] = seq;
    columns.state[row] = state;
    columns.checkpoint[row] = checkpoint;
    columns.highWater[row] = highWater;
    columns.waitingFor[row] = waitingFor;
    columns.oldestAt[row] = oldestAt;
    columns.gaps[row] = gaps;
    columns.inPerMinute[row] = inPerMinute;
    columns.outPerMinute[row] = outPerMinute;
    columns.health[row] = health;
    columns.why[row] = why;
    columns.trend[row] = trend;
    columns.dead[row] = dead;
  }

  #summarise(healths?: readonly number[]): BoardSummary {
    const counts = healths ?? countHealths(this.columns.health);
    return {
      total: counts.reduce((sum, count) => sum + count, 0),
      healths: counts,
      seq: this.#seq,
      feed: this.#feed,
      held: this.#held.size,
      heardAt: this.#heardAt,
    };
  }

  #later(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#summary = this.#summarise();
      for (const listener of this.#listeners) listener();
    });
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly summary = (): BoardSummary => this.#summary;

  /** The last news of a row: its version. */
  seqOf(row: number): number {
    return this.columns.seq[row] ?? 0;
  }
}
