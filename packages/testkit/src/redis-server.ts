/**
 * A Redis of one test's own, to be killed, frozen and emptied. It ends with the process that started it: its shell waits
 * on a pipe from it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { eventually } from './eventually.ts';

const SHELL = 'redis-server "$@" >/dev/null 2>&1 & echo $!; cat >/dev/null; kill -9 $!';

export interface RedisServer extends AsyncDisposable {
  /** The same for all its lives. */
  readonly url: string;
  /** Starts it, empty, and resolves when it answers. */
  start(): Promise<void>;
  /** SIGKILL; what it held is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: it accepts connections and answers nobody. */
  freeze(): void;
  thaw(): void;
  flushAll(): Promise<void>;
}

/** Not started yet. Whether there is a redis-server at all says `testRedis()`. */
export async function redisServer(): Promise<RedisServer> {
  const port = await lastingPort();
  const url = `redis://127.0.0.1:${port}`;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-redis-'));
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
  let shell: ChildProcess | undefined;
  let pid = 0;
  const kill = async (): Promise<void> => {
    const running = shell;
    shell = undefined;
    if (running === undefined) return;
    const ended = new Promise((resolve) => running.once('close', resolve));
    process.kill(pid, 'SIGKILL');
    running.stdin?.end();
    await ended;
  };
  return {
    url,
    async start() {
      const child = spawn('sh', ['-c', SHELL, 'sh', ...args], { stdio: ['pipe', 'pipe', 'ignore'] });
      shell = child;
      pid = await new Promise<number>((resolve) =>
        createInterface({ input: child.stdout }).once('line', (line) => resolve(Number(line))),
      );
      await eventually('redis-server answers', () => asked(url, (redis) => redis.ping()), {
        withinMs: 8_000,
      });
    },
    kill,
    freeze: () => void process.kill(pid, 'SIGSTOP'),
    thaw: () => void process.kill(pid, 'SIGCONT'),
    flushAll: async () => void (await asked(url, (redis) => redis.flushall())),
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * A port that stays free while the server on it is dead: below those that systems give to whoever connects somewhere, or
 * the port of a killed Redis is soon somebody's.
 */
async function lastingPort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const probe = net.createServer();
    try {
      probe.listen(port, '127.0.0.1');
      await once(probe, 'listening');
      return port;
    } catch {
      // Taken: the next.
    } finally {
      probe.close();
    }
  }
}

async function asked<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}
