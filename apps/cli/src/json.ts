/**
 * `--json` of commands that work for a while: one document on standard output, when they are done or know why they cannot
 * be. What people read meanwhile goes to standard error, and the exit code is the same as without.
 */
import { type ExitCode, exitCodeOf } from './exit.ts';

/** `error` of a document: why a command did not do what it should, and the exit code it ends with. */
export interface FailureDocument {
  readonly exitCode: ExitCode;
  readonly message: string;
}

export type PrintDocument = (document: object) => void;

export function failureDocument(error: unknown): FailureDocument {
  return { exitCode: exitCodeOf(error), message: error instanceof Error ? error.message : String(error) };
}

/**
 * Runs a command and hands it what prints its document, the first time and with `--json` only. When it fails before
 * that, `{"error":{"exitCode","message"}}` is the document. The failure goes on to whoever ends the program.
 */
export async function tellInJson(json: boolean, work: (print: PrintDocument) => Promise<void>): Promise<void> {
  let isOpen = json;
  const print = (document: object): void => {
    if (isOpen) process.stdout.write(`${JSON.stringify(document)}\n`);
    isOpen = false;
  };
  try {
    await work(print);
  } catch (error) {
    print({ error: failureDocument(error) });
    throw error;
  }
}
