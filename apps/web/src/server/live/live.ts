/**
 * Runs the process's one LaneFeed: the wire to the lanes' owners, the directory, Postgres as the net below. Started by
 * the first reader, for the life of the process.
 */
import { readAliveEngines, readDirectory, readLaneNumbers, readOpenDeadLetters } from '@inorder/db/console';
import { env } from '../../env.ts';
import { database } from '../database.ts';
import { log } from '../log.ts';
import { EngineSource, type LaneSink } from './engine-source.ts';
import { HEALTH_RULES, SAMPLE_MS } from './health.ts';
import { LaneFeed } from './lane-feed.ts';
import { RedisSource } from './redis-source.ts';

const FLUSH_MS = 500;
const JUDGE_MS = 2000;
const ENGINES_MS = 3000;
const NUMBERS_MS = 5000;
/** While the owners tell, Postgres is asked only for lanes that nobody owns. */
const NUMBERS_BESIDE_MS = 30_000;
const DIRECTORY_MS = 15_000;
/** Sooner when an owner tells of an interface that nobody has the name of. */
const UNNAMED_MS = 1000;
const DEAD_LETTERS_MS = 5000;
const HEARTBEAT_AGE_MS_MAX = 10_000;

const holder = globalThis as typeof globalThis & { inorderLaneFeed?: Promise<LaneFeed> };

/** The feed, with a first picture from Postgres in it. */
export function laneFeed(): Promise<LaneFeed> {
  holder.inorderLaneFeed ??= start().catch((error: unknown) => {
    // Postgres was away at the first reader: the next one tries again.
    delete holder.inorderLaneFeed;
    throw error;
  });
  return holder.inorderLaneFeed;
}

async function start(): Promise<LaneFeed> {
  const { pool } = database();
  const settings = env();
  const feed = new LaneFeed({ ...HEALTH_RULES, oldestAgeMsMax: settings.INORDER_OLDEST_AGE_MS_MAX });
  let connected = false;
  let engines = 0;
  let numbersReadAt = 0;

  const tellState = () =>
    feed.applyFeedState({
      source: connected ? (settings.REDIS_URL === undefined ? 'engine' : 'redis') : 'postgres',
      stale: !connected || engines === 0,
      engines,
    });
  const sink: LaneSink = {
    statuses: (statuses) => feed.applyStatuses(statuses, Date.now()),
    connected: (yes) => {
      connected = yes;
      tellState();
    },
  };

  const readNames = async () => feed.applyDirectory(await readDirectory(pool));
  const readDead = async () => feed.applyDeadLetters(await readOpenDeadLetters(pool));
  const readNumbers = async () => {
    const told = connected && engines > 0;
    if (told && Date.now() - numbersReadAt < NUMBERS_BESIDE_MS) return;
    feed.applyNumbers(await readLaneNumbers(pool), Date.now(), !told);
    numbersReadAt = Date.now();
  };

  await readNames();
  await Promise.all([readNumbers(), readDead()]);
  feed.sample(Date.now());
  feed.flush(Date.now());

  const overEngines =
    settings.REDIS_URL === undefined ? new EngineSource(settings.INORDER_ADMIN_SECRET, sink) : undefined;
  if (settings.REDIS_URL !== undefined) new RedisSource(settings.REDIS_URL, sink);
  const readEngines = async () => {
    const alive = await readAliveEngines(pool, HEARTBEAT_AGE_MS_MAX);
    engines = alive.length;
    overEngines?.setEngines(alive.flatMap((engine) => engine.adminUrl ?? []));
    tellState();
  };
  await readEngines();

  every(ENGINES_MS, readEngines);
  every(NUMBERS_MS, readNumbers);
  every(DIRECTORY_MS, readNames);
  every(UNNAMED_MS, () => feed.hasUnnamed && readNames());
  every(DEAD_LETTERS_MS, readDead);
  every(SAMPLE_MS, () => feed.sample(Date.now()));
  every(JUDGE_MS, () => feed.judgeAll(Date.now()));
  every(FLUSH_MS, () => feed.flush(Date.now()));
  return feed;
}

/** One after the other, never two at once; a failed round is logged and the next one tries again. */
function every(periodMs: number, work: () => unknown): void {
  const round = async () => {
    try {
      await work();
    } catch (error) {
      log().warn({ err: error }, 'live feed: a round failed');
    }
    setTimeout(() => void round(), periodMs).unref();
  };
  setTimeout(() => void round(), periodMs).unref();
}
