/** `.inorder/secrets.json`: made at the first start, mode 600, the same ever after. Deleting it signs everybody out. */
import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

const secretsSchema = z.object({
  /** Signs the console's sessions. */
  authSecret: z.string().min(32),
  /** Between console, engine and this program, on loopback. */
  adminSecret: z.string().min(32),
  /** 32 bytes in hex: encrypts stored credentials (G22) and keys the hashes used for search. Losing it loses both. */
  secretKey: z.string().regex(/^[0-9a-f]{64}$/),
});

export type Secrets = z.infer<typeof secretsSchema>;

/**
 * Reads the secrets, making those that are not there yet: all at the first start, one that a newer version added later.
 * @throws when the file is there and damaged; it is never replaced.
 */
export function loadSecrets(file: string): Secrets {
  const made: Secrets = { authSecret: secret(), adminSecret: secret(), secretKey: secret() };
  if (!existsSync(file)) placeFirst(file, made);
  const found: unknown = parseJson(readFileSync(file, 'utf8'));
  const parsed = secretsSchema.safeParse(
    typeof found === 'object' && found !== null ? { ...made, ...found } : undefined,
  );
  if (!parsed.success) {
    throw new Error(`${file} is damaged: restore it, or delete it and lose what only its keys can read`);
  }
  if (Object.keys(made).some((name) => !(name in Object(found)))) renameSync(draft(file, parsed.data), file);
  return parsed.data;
}

/** Unless another process is faster: then its secrets hold. */
function placeFirst(file: string, secrets: Secrets): void {
  mkdirSync(path.dirname(file), { recursive: true });
  const mine = draft(file, secrets);
  try {
    linkSync(mine, file);
  } catch (error) {
    if (!existsSync(file)) throw error;
  } finally {
    rmSync(mine);
  }
}

function draft(file: string, secrets: Secrets): string {
  const name = `${file}.${process.pid}`;
  writeFileSync(name, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  return name;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function secret(): string {
  return randomBytes(32).toString('hex');
}
