/** Skips work whose inputs have not changed since it was last done: a stamp file holds the hash of the inputs. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const NEVER_AN_INPUT = new Set(['node_modules', '.next', '.turbo', 'test-results', 'next-env.d.ts']);

/** Hash of the contents and names of files and of all files below folders. What is not there counts as absent. */
export function hashInputs(inputs: readonly string[]): string {
  const hash = createHash('sha256');
  for (const input of inputs) addInput(hash, input);
  return hash.digest('hex');
}

function addInput(hash: ReturnType<typeof createHash>, input: string): void {
  const status = statSync(input, { throwIfNoEntry: false });
  if (status === undefined || NEVER_AN_INPUT.has(path.basename(input)) || input.endsWith('.tsbuildinfo')) return;
  if (status.isDirectory()) {
    for (const entry of readdirSync(input).sort()) addInput(hash, path.join(input, entry));
  } else if (status.isFile()) {
    hash.update(`${input}\0${status.size}\0`).update(readFileSync(input));
  }
}

/**
 * Does the work unless the stamp says that it was done for these inputs and its product is there.
 * @returns whether the work was done now.
 */
export async function unlessFresh(
  stampFile: string,
  inputs: readonly string[],
  product: string,
  work: () => Promise<void>,
): Promise<boolean> {
  const hash = hashInputs(inputs);
  if (existsSync(product) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === hash) return false;
  rmSync(stampFile, { force: true });
  await work();
  mkdirSync(path.dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, hash);
  return true;
}
