/**
 * `node service-reaper.ts FOLDER`: waits until standard input closes, which happens when the process that started it is
 * gone in whatever way, then ends the services whose process ids lie in the folder and removes the folder.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const folder = process.argv[2];
if (folder === undefined) throw new Error('usage: node service-reaper.ts FOLDER');

process.stdin.resume();
process.stdin.on('close', () => {
  void reap(folder);
});

/**
 * Process id files, in the order of their end. SIGINT is Postgres' fast shutdown; Redis, which keeps nothing here, ends
 * on it too; Erlang would ask the terminal what to do.
 */
const ENDED_BY = [
  ['redis.pid', 'SIGINT'],
  ['postgres/postmaster.pid', 'SIGINT'],
  ['artemis.pid', 'SIGTERM'],
  ['rabbitmq.pid', 'SIGTERM'],
  ['epmd.pid', 'SIGTERM'],
] as const;

async function reap(root: string): Promise<void> {
  // A start that was under way may still write its lock file: look until the folder stays quiet.
  for (let round = 0; round < 3; round += 1) {
    for (const [file, signal] of ENDED_BY) await endProcessOf(root, path.join(root, file), signal);
    await delay(50);
  }
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  if (existsSync(root) && readdirSync(root).length > 0) process.exitCode = 1;
}

async function endProcessOf(root: string, file: string, signal: NodeJS.Signals): Promise<void> {
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  for (let waited = 0; isOurs(root, pid) && waited < 5_000; waited += 50) {
    if (waited === 0) process.kill(pid, signal);
    await delay(50);
  }
  if (isOurs(root, pid)) process.kill(pid, 'SIGKILL');
}

/** Both servers work inside the run's folder; where there is no /proc the process id alone must do. */
function isOurs(root: string, pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 1) return false;
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (!existsSync('/proc/self/cwd')) return true;
  try {
    return readlinkSync(`/proc/${pid}/cwd`).startsWith(root);
  } catch {
    return false;
  }
}
