/** What the shell is told. Every command uses these and no other. */
export const EXIT = {
  done: 0,
  failed: 1,
  wrongUse: 2,
  /** The server said no: the plan changed, a right is missing. */
  refused: 3,
  /** Nothing answers where Inorder should be. */
  notReachable: 4,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with a sentence for people and a code for the shell. Commands throw it; `main.ts` prints it. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** What the shell is told of an error. */
export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof CommandFailure ? error.exitCode : EXIT.failed;
}
