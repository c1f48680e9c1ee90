/** The servers of a run: those that the environment names, or Postgres, Redis and a JMS broker of our own. */
import { CommandFailure, EXIT } from '../exit.ts';
import { findProgram } from '../program.ts';
import { findOrInstall, REDIS } from '../test/services.ts';
import { type Broker, chooseBroker, forgetOwnBroker, OWN_BROKER } from './broker.ts';
import { type Database, openDatabase } from './database.ts';
import { lookAtRedis } from './given.ts';
import type { Run } from './run.ts';
import { redisProcess, WANTED_PORTS } from './site.ts';

/** The database server of DATABASE_URL, or the embedded one. The one step that a stop waits for. */
export async function startDatabase(run: Run): Promise<Database> {
  const { fresh, distributed } = run.options;
  if (run.given.databaseUrl === undefined) run.record({ embeddedPostgres: run.state.postgres });
  const database = await run.progress.step(
    'Postgres',
    () => openDatabase(run.given.databaseUrl, run.state, run.ports, fresh, run.progress.say),
    ({ embedded, url }) =>
      embedded === null
        ? `at ${new URL(url).host}`
        : `${embedded.adopted ? 'adopted' : 'started'} on port ${embedded.port}`,
  );
  run.recordEndpoints({ databaseUrl: database.url });
  if (distributed && database.embedded !== null)
    run.progress.say('this Postgres is for evaluation, development and tests; DATABASE_URL names one for production');
  if (fresh) forgetOwnBroker(run.state);
  return database;
}

/** @returns null where there is none and none is required. */
export async function startRedis(run: Run): Promise<string | null> {
  const required = run.options.distributed;
  const given = run.given.redisUrl;
  if (given !== undefined) {
    run.recordEndpoints({ redisUrl: given });
    await run.step(
      'Redis',
      () => lookAtRedis(given, required),
      (seen) => seen,
    );
    return given;
  }
  const program = required ? await findOrInstall(REDIS, run.progress.say) : findProgram('redis-server');
  if (program === undefined && required)
    throw new CommandFailure(
      EXIT.failed,
      '--distributed needs Redis: set REDIS_URL, or install redis-server (on Debian as root it is installed by itself)',
    );
  if (program === undefined) {
    run.progress.say(
      'Redis: none (set REDIS_URL or install redis-server). Off: bull-board; wake-ups and live lag go through Postgres',
    );
    return null;
  }
  const spec = redisProcess(run.state, program, await run.ports.pick(WANTED_PORTS.redis));
  await run.step('Redis', () => run.startProcess(spec));
  run.recordEndpoints({ redisUrl: spec.address });
  return spec.address;
}

/** @returns null when there is none and the orders are to come to our own listener. */
export async function provideBroker(run: Run, queues: readonly string[]): Promise<Broker | null> {
  const chosen = await chooseBroker(run.given.broker, run.state, run.ports, queues, run.progress.say);
  if (chosen === null) return null;
  const { broker, processes } = chosen;
  if (processes.length > 0)
    await run.step(
      `JMS broker ${OWN_BROKER}`,
      async () => {
        for (const spec of processes) await run.startProcess(spec);
      },
      () => `on port ${broker.port}, ${queues.length} exclusive queues`,
    );
  return broker;
}
