/** The start of a site in its order: servers, code, schema, users, demonstration, engines, console, traffic. */
import { ensurePrismaClient } from '../prisma-client.ts';
import { ensureConsole, hasConsole } from './console-build.ts';
import { checkpointSum, prepareDatabase, prepareUsers } from './database.ts';
import { engineInstances } from './layout.ts';
import type { Run } from './run.ts';
import { loadSecrets } from './secrets.ts';
import { askSignInLink } from './sign-in-link.ts';
import { isPresent, type Site, WANTED_PORTS } from './site.ts';
import { awaitFirstOrder, type Demonstration, seed, startSimulator } from './start-demonstration.ts';
import { startConsole, startEngines } from './start-processes.ts';
import { startDatabase, startRedis } from './start-servers.ts';

/** noOrder: everything answers, and yet no demonstration order came through. */
export type StartOutcome = 'works' | 'noOrder';

/** Starts what the options ask for. @throws where something does not start, or a stop is asked for; `run.stop` ends the rest. */
export async function startSite(run: Run): Promise<StartOutcome> {
  const { options, ports } = run;
  // Before the minute that a build takes: a server that does not answer ends the start at once.
  const database = await startDatabase(run);
  const redisUrl = await startRedis(run);
  await prepareCode(run);
  const instances = engineInstances(options.layout, options.instances);
  const adminPorts = await ports.pickMany(WANTED_PORTS.engineAdmin, instances.length);
  const site: Site = {
    state: run.state,
    secrets: loadSecrets(run.state.secrets),
    databaseUrl: database.url,
    redisUrl,
    amqpPort: await ports.pick(WANTED_PORTS.amqp),
    consolePort: await ports.pick(WANTED_PORTS.console),
    engines: instances.map((instance, index) => ({ ...instance, adminPort: adminPorts[index] ?? 0 })),
  };
  await run.step(
    'database schema',
    () => prepareDatabase(database.url, run.progress.say),
    (applied) => (applied === 0 ? 'is up to date' : `${applied} migrations applied`),
  );
  await makeFirstUsers(run, database.url);
  const demonstration = options.demo ? await seed(run, database, site) : undefined;
  const checkpointsBefore = await checkpointSum(database.url);
  await startEngines(run, site);
  await startConsole(run, site);
  // Not before the engine listens: it would only knock at a closed door.
  if (demonstration !== undefined) {
    const controlUrl = await startSimulator(run, demonstration);
    run.watchReplays(database.url, controlUrl);
  }
  const ordersCome = demonstration !== undefined && options.rate > 0;
  const works = !ordersCome || (await awaitFirstOrder(run, database.url, checkpointsBefore));
  run.record({ ready: true });
  await sayWhere(run, site, demonstration);
  return works ? 'works' : 'noOrder';
}

async function prepareCode(run: Run): Promise<void> {
  await run.step('Prisma client', ensurePrismaClient, (made) => (made ? 'generated' : 'is fresh'));
  if (hasConsole())
    await run.step(
      'console',
      () => ensureConsole(run.state),
      (made) => (made ? 'built' : 'is built'),
    );
}

async function makeFirstUsers(run: Run, databaseUrl: string): Promise<void> {
  const users = await run.step(
    'users',
    () => prepareUsers(databaseUrl, run.state, run.options.demo),
    (result) => (result.made > 0 ? `${result.made} made` : 'are there'),
  );
  if ('file' in users) run.progress.say(`first passwords: ${users.file} (readable by you alone; delete it)`);
  else if (users.token === 'none')
    run.progress.say('this machine has no token for the console: commands that act will be refused');
}

async function sayWhere(run: Run, site: Site, demonstration: Demonstration | undefined): Promise<void> {
  const { endpoints } = run;
  const broker = demonstration?.broker ?? null;
  if (broker !== null) run.progress.say(`JMS broker (AMQP 1.0): amqp://${broker.host}:${broker.port}`);
  if (isPresent('engine'))
    run.progress.say(`${broker === null ? 'JMS' : 'our own listener'} (AMQP 1.0): amqp://127.0.0.1:${site.amqpPort}`);
  if (endpoints.console === null) return;
  run.progress.say(`console: ${endpoints.console}`);
  run.progress.say(await askSignInLink(endpoints.console, site.secrets.adminSecret));
}
