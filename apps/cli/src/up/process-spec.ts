/** Processes as data: what the supervisor needs to know of one, and nothing that only one of them has. */

/** How it is known that a process does its work. */
export type ReadyCheck =
  /** A GET that answers 2xx. */
  | { readonly kind: 'http'; readonly url: string }
  /** Something accepts connections. */
  | { readonly kind: 'tcp'; readonly port: number };

export interface ProcessSpec {
  /** Names its log, its line in `status`, its messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** On top of ours; undefined removes a variable. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly ready: ReadyCheck;
  readonly readyTimeoutMs: number;
  /** From SIGTERM to SIGKILL. */
  readonly stopTimeoutMs: number;
  /** What people and other commands reach it at. */
  readonly address: string | null;
  /** Processes of one kind depend on none of their kind: started next to each other, they are also ended at once. */
  readonly kind?: 'engine';
}
