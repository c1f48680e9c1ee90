/** Progress for people: one line a step, with its time. On a terminal the step under way is shown too. */
import pc from 'picocolors';

export interface Progress {
  /** Runs a step; prints ✓ or ✗ with its time. What it returns as text, if any, is printed behind the title. */
  step<T>(title: string, work: () => Promise<T>, detail?: (result: T) => string): Promise<T>;
  /** One plain line. */
  say(line: string): void;
}

export function createProgress(write: (text: string) => void, terminal: boolean): Progress {
  return {
    async step(title, work, detail) {
      const before = performance.now();
      if (terminal) write(`${pc.dim('…')} ${title}`);
      const line = (mark: string, more: string): void => {
        write(
          `${terminal ? '\r\u001B[2K' : ''}${mark} ${title}${more} ${pc.dim(seconds(performance.now() - before))}\n`,
        );
      };
      try {
        const result = await work();
        const more = detail?.(result) ?? '';
        line(pc.green('✓'), more === '' ? '' : ` ${more}`);
        return result;
      } catch (error) {
        line(pc.red('✗'), '');
        throw error;
      }
    },
    say: (text) => write(`${text}\n`),
  };
}

/** Progress where people read it: on standard output, or beside a document for programs on standard error. */
export function terminalProgress(json = false): Progress {
  const stream = json ? process.stderr : process.stdout;
  return createProgress((text) => stream.write(text), stream.isTTY);
}

/** `1.2 s`. */
export function seconds(durationMs: number): string {
  return `${(durationMs / 1_000).toFixed(1)} s`;
}
