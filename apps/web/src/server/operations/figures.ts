/** What `/metrics` of the console tells: its process, its connections to Postgres, what it knows of the engines. */
import { readAliveEngines } from '@inorder/db/console';
import { database } from '../database.ts';
import type { Family } from './exposition.ts';

const HEARTBEAT_AGE_MS_MAX = 10_000;
const ASK_MS = 2000;

export async function consoleFigures(): Promise<Family[]> {
  const { pool } = database();
  const memory = process.memoryUsage();
  const cpu = process.cpuUsage();
  const engines = await enginesAlive();
  const gauge = (name: string, help: string, value: number): Family => ({
    name,
    help,
    type: 'gauge',
    samples: [{ value }],
  });
  return [
    gauge('process_resident_memory_bytes', 'Resident memory', memory.rss),
    gauge('nodejs_heap_size_used_bytes', 'Heap in use', memory.heapUsed),
    gauge('process_start_time_seconds', 'Start since 1970', Math.round(Date.now() / 1000 - process.uptime())),
    {
      name: 'process_cpu_seconds_total',
      help: 'User and system time',
      type: 'counter',
      samples: [{ value: (cpu.user + cpu.system) / 1e6 }],
    },
    {
      name: 'inorder_console_postgres_connections',
      help: 'Connections of the pool, by what they do; waiting = requests that want one',
      type: 'gauge',
      samples: [
        { labels: { state: 'idle' }, value: pool.idleCount },
        { labels: { state: 'busy' }, value: pool.totalCount - pool.idleCount },
        { labels: { state: 'waiting' }, value: pool.waitingCount },
      ],
    },
    gauge('inorder_console_postgres_up', '1 when Postgres answered this scrape', engines === null ? 0 : 1),
    ...(engines === null
      ? []
      : [gauge('inorder_console_engines_alive', 'Engines with a heartbeat of the last 10 s', engines)]),
  ];
}

let asking: Promise<number | null> | null = null;

/** null = Postgres did not say within two seconds. Asked once at a time: scrapes that find it hanging do not pile up. */
async function enginesAlive(): Promise<number | null> {
  asking ??= readAliveEngines(database().pool, HEARTBEAT_AGE_MS_MAX)
    .then(
      (alive): number | null => alive.length,
      () => null,
    )
    .finally(() => {
      asking = null;
    });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ASK_MS);
  });
  const answer = await Promise.race([asking, late]);
  clearTimeout(timer);
  return answer;
}
