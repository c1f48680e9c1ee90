/**
 * `inorder up`: from a clone to a running site, step by step, and back again at Ctrl-C in reverse order.
 * Whatever a run that was killed left behind is adopted (Postgres) or ended (everything else) by the next one.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stopEmbeddedPostgres } from '@inorder/db/embedded';
import { type StateFolder, stateFolder } from '../checkout.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { ensurePrismaClient } from '../prisma-client.ts';
import { findProgram } from '../program.ts';
import type { Progress } from '../steps.ts';
import { findOrInstall, REDIS } from '../test/services.ts';
import { type Broker, chooseBroker, forgetOwnBroker, OWN_BROKER } from './broker.ts';
import { ensureConsole, hasConsole } from './console-build.ts';
import {
  checkpointSum,
  type Database,
  isForeign,
  openDatabase,
  prepareDatabase,
  prepareUsers,
  seedDemonstration,
} from './database.ts';
import {
  atBroker,
  type DemonstrationPlan,
  demonstrationSite,
  demonstrationTraffic,
  readCatalogue,
  upstreamQueues,
} from './demonstration.ts';
import { type GivenServers, givenServers, lookAtRedis } from './given.ts';
import { identify } from './identity.ts';
import { engineInstances, type Layout } from './layout.ts';
import { openLogFolder } from './logs.ts';
import { PortPicker } from './ports.ts';
import { watchReplays } from './replay-witness.ts';
import { claimRun, newRun, type RunFile, writeRunFile } from './run-file.ts';
import { loadSecrets } from './secrets.ts';
import { askSignInLink } from './sign-in-link.ts';
import {
  consoleAddress,
  consoleProcess,
  engineAdminAddress,
  engineProcess,
  isPresent,
  redisProcess,
  type Site,
  simulatorProcess,
  WANTED_PORTS,
} from './site.ts';
import { StopRequest } from './stop-request.ts';
import { Supervisor } from './supervisor.ts';

export interface UpOptions {
  /** Forget all data first. */
  readonly fresh: boolean;
  /** Seed the demonstration site and run the simulator. */
  readonly demo: boolean;
  /** Orders per second of the demonstration. */
  readonly rate: number;
  /** Interfaces of the demonstration site. */
  readonly interfaces: number;
  /** Real Redis and a real JMS broker; of what the environment does not name, ours. */
  readonly distributed: boolean;
  /** Engine processes; in the split layout of each kind. */
  readonly instances: number;
  readonly layout: Layout;
}

/** Laboratory systems of the demonstration. */
const LIS_COUNT = 6;
const FIRST_ORDER_TIMEOUT_MS = 30_000;
/** Starting is work for the processor: more at a time would only make each of them late. */
const ENGINE_STARTS_MAX = 4;

/** noOrder: everything answers, and yet no demonstration order came through. */
export type StartOutcome = 'works' | 'noOrder';

/** Starts everything, calls `onReady`, and stays until a stop signal; returns when everything is stopped. */
export async function up(
  options: UpOptions,
  progress: Progress,
  onReady: (outcome: StartOutcome) => void,
): Promise<void> {
  const state = stateFolder();
  const given = givenServers(process.env, { broker: options.distributed && options.demo });
  if (options.fresh && given.databaseUrl !== undefined)
    throw new CommandFailure(
      EXIT.wrongUse,
      '--fresh does not empty the database of DATABASE_URL: do that yourself, or unset it',
    );
  const me = identify(process.pid);
  if (me === undefined) throw new Error('cannot tell our own start time');
  const stop = new StopRequest();
  const claim = await claimRun(state.runFile, newRun(me, Date.now()));
  if (claim.kind === 'running') {
    await sayAlreadyUp(claim.run, state, progress);
    onReady('works');
    return;
  }
  if (claim.cleared.length > 0) progress.say(`ended what a killed run had left: ${claim.cleared.join(', ')}`);
  const run = new Run(state, given, progress, stop, claim.run);
  try {
    onReady(await run.start(options));
    await stop.requested;
  } catch (error) {
    if (!stop.isRequested) throw error; // Else it failed because it was told to stop.
  } finally {
    await run.stop();
  }
}

async function sayAlreadyUp(run: RunFile, state: StateFolder, progress: Progress): Promise<void> {
  progress.say(
    run.ready
      ? 'Inorder is up already, with the options of its own start (inorder down stops it)'
      : 'another inorder up is just starting here',
  );
  if (run.endpoints.console === null) return;
  progress.say(`console: ${run.endpoints.console}`);
  progress.say(await askSignInLink(run.endpoints.console, loadSecrets(state.secrets).adminSecret));
}

interface Demonstration {
  readonly plan: DemonstrationPlan;
  /** null: the upstream sends straight to our listener. */
  readonly broker: Broker | null;
  /** The simulator's configuration. */
  readonly traffic: object;
}

/** One run of the site: what was started so far, and its run file. */
class Run {
  readonly #state: StateFolder;
  readonly #given: GivenServers;
  readonly #progress: Progress;
  readonly #stop: StopRequest;
  readonly #supervisor: Supervisor;
  readonly #logs: ReturnType<typeof openLogFolder>;
  #file: RunFile;
  #replays: ReturnType<typeof watchReplays> | undefined;

  constructor(state: StateFolder, given: GivenServers, progress: Progress, stop: StopRequest, file: RunFile) {
    this.#state = state;
    this.#given = given;
    this.#progress = progress;
    this.#stop = stop;
    this.#file = file;
    this.#logs = openLogFolder(state.logs);
    this.#supervisor = new Supervisor({
      logs: this.#logs,
      say: progress.say,
      onChange: (processes) => this.#record({ processes: [...processes] }),
    });
  }

  async start(options: UpOptions): Promise<StartOutcome> {
    const ports = new PortPicker(this.#progress.say);
    // Before the minute that a build takes: a server that does not answer ends the start at once.
    const database = await this.#startDatabase(ports, options);
    const redisUrl = await this.#startRedis(ports, options.distributed);
    await this.#prepareCode();
    const instances = engineInstances(options.layout, options.instances);
    const adminPorts = await ports.pickMany(WANTED_PORTS.engineAdmin, instances.length);
    const site: Site = {
      state: this.#state,
      secrets: loadSecrets(this.#state.secrets),
      databaseUrl: database.url,
      redisUrl,
      amqpPort: await ports.pick(WANTED_PORTS.amqp),
      consolePort: await ports.pick(WANTED_PORTS.console),
      engines: instances.map((instance, index) => ({ ...instance, adminPort: adminPorts[index] ?? 0 })),
    };
    await this.#step(
      'database schema',
      () => prepareDatabase(database.url, this.#progress.say),
      (applied) => (applied === 0 ? 'is up to date' : `${applied} migrations applied`),
    );
    await this.#prepareUsers(database.url, options.demo);
    const demonstration = options.demo ? await this.#seed(database, site, ports, options) : undefined;
    const checkpointsBefore = await checkpointSum(database.url);
    await this.#startEngines(site);
    await this.#startConsole(site);
    // Not before the engine listens: it would only knock at a closed door.
    if (demonstration !== undefined) {
      const controlUrl = await this.#startSimulator(demonstration);
      this.#replays = watchReplays(database.url, controlUrl);
    }
    const ordersCome = demonstration !== undefined && options.rate > 0;
    const works = !ordersCome || (await this.#awaitFirstOrder(database.url, checkpointsBefore));
    this.#record({ ready: true });
    await this.#sayWhere(site, demonstration);
    return works ? 'works' : 'noOrder';
  }

  /** Ends everything in reverse order and forgets the run. Also called after a start that failed half way. */
  async stop(): Promise<void> {
    await this.#replays?.stop();
    await this.#supervisor.stop((names) => this.#progress.say(`stopping ${names.join(', ')}`));
    if (this.#file.embeddedPostgres !== null) {
      this.#progress.say('stopping postgres');
      await stopEmbeddedPostgres(this.#file.embeddedPostgres);
    }
    this.#logs.close();
    rmSync(this.#state.runFile, { force: true });
  }

  async #prepareCode(): Promise<void> {
    await this.#step('Prisma client', ensurePrismaClient, (made) => (made ? 'generated' : 'is fresh'));
    if (hasConsole())
      await this.#step(
        'console',
        () => ensureConsole(this.#state),
        (made) => (made ? 'built' : 'is built'),
      );
  }

  async #startDatabase(ports: PortPicker, { fresh, distributed }: UpOptions): Promise<Database> {
    if (this.#given.databaseUrl === undefined) this.#record({ embeddedPostgres: this.#state.postgres });
    const database = await this.#progress.step(
      'Postgres',
      () => openDatabase(this.#given.databaseUrl, this.#state, ports, fresh, this.#progress.say),
      ({ embedded, url }) =>
        embedded === null
          ? `at ${new URL(url).host}`
          : `${embedded.adopted ? 'adopted' : 'started'} on port ${embedded.port}`,
    );
    this.#record({
      endpoints: { ...this.#file.endpoints, databaseUrl: database.url },
    });
    if (distributed && database.embedded !== null)
      this.#progress.say(
        'this Postgres is for evaluation, development and tests; DATABASE_URL names one for production',
      );
    if (fresh) forgetOwnBroker(this.#state);
    return database;
  }

  async #startRedis(ports: PortPicker, required: boolean): Promise<string | null> {
    const given = this.#given.redisUrl;
    if (given !== undefined) {
      this.#record({ endpoints: { ...this.#file.endpoints, redisUrl: given } });
      await this.#step(
        'Redis',
        () => lookAtRedis(given, required),
        (seen) => seen,
      );
      return given;
    }
    const program = required ? await findOrInstall(REDIS, this.#progress.say) : findProgram('redis-server');
    if (program === undefined && required)
      throw new CommandFailure(
        EXIT.failed,
        '--distributed needs Redis: set REDIS_URL, or install redis-server (on Debian as root it is installed by itself)',
      );
    if (program === undefined) {
      this.#progress.say(
        'Redis: none (set REDIS_URL or install redis-server). Off: bull-board; wake-ups and live lag go through Postgres',
      );
      return null;
    }
    const spec = redisProcess(this.#state, program, await ports.pick(WANTED_PORTS.redis));
    await this.#step('Redis', () => this.#supervisor.start(spec));
    this.#record({ endpoints: { ...this.#file.endpoints, redisUrl: spec.address } });
    return spec.address;
  }

  async #prepareUsers(databaseUrl: string, demo: boolean): Promise<void> {
    const users = await this.#step(
      'users',
      () => prepareUsers(databaseUrl, this.#state, demo),
      (result) => (result.made > 0 ? `${result.made} made` : 'are there'),
    );
    if ('file' in users) this.#progress.say(`first passwords: ${users.file} (readable by you alone; delete it)`);
    else if (users.token === 'none')
      this.#progress.say('this machine has no token for the console: commands that act will be refused');
  }

  /** @returns undefined when there is to be no demonstration after all. */
  async #seed(
    database: Database,
    site: Site,
    ports: PortPicker,
    options: UpOptions,
  ): Promise<Demonstration | undefined> {
    if (!isPresent('simulator') || !isPresent('engine')) {
      this.#progress.say('demonstration: left out, this checkout has no simulator or no engine');
      return undefined;
    }
    if (await isForeign(this.#state, database)) {
      this.#progress.say('demonstration site left out: the database of DATABASE_URL has interfaces of its own');
      this.#progress.say('use --no-demo to run on that database as it is');
      return undefined;
    }
    const plan: DemonstrationPlan = {
      interfaces: options.interfaces,
      ratePerSecond: options.rate,
      amqpPort: site.amqpPort,
      mllpPorts: await ports.pickMany(WANTED_PORTS.lis, LIS_COUNT),
      fhirPort: await ports.pick(WANTED_PORTS.fhirLis),
      controlPort: await ports.pick(WANTED_PORTS.control),
    };
    const atListener = demonstrationSite(plan, await readCatalogue());
    const broker = options.distributed ? await this.#provideBroker(ports, upstreamQueues(atListener)) : null;
    const document = broker === null ? atListener : atBroker(atListener, broker);
    const secretKey = Buffer.from(site.secrets.secretKey, 'hex');
    await this.#step(
      'demonstration site',
      () => seedDemonstration(this.#state, database, document, secretKey),
      (outcome) => (outcome === 'new' ? `${options.interfaces} interfaces` : 'is there'),
    );
    return { plan, broker, traffic: demonstrationTraffic(document, plan, broker) };
  }

  /** @returns null when there is none and the orders are to come to our own listener. */
  async #provideBroker(ports: PortPicker, queues: readonly string[]): Promise<Broker | null> {
    const chosen = await chooseBroker(this.#given.broker, this.#state, ports, queues, this.#progress.say);
    if (chosen === null) return null;
    const { broker, processes } = chosen;
    if (processes.length > 0)
      await this.#step(
        `JMS broker ${OWN_BROKER}`,
        async () => {
          for (const spec of processes) await this.#supervisor.start(spec);
        },
        () => `on port ${broker.port}, ${queues.length} exclusive queues`,
      );
    return broker;
  }

  async #startEngines(site: Site): Promise<void> {
    if (!isPresent('engine')) return this.#progress.say('engine: left out, it is not in this checkout');
    const left = site.engines.values();
    const startNext = async (): Promise<void> => {
      for (const engine of left) {
        const spec = engineProcess(site, engine);
        mkdirSync(path.join(this.#state.path, spec.name), { recursive: true, mode: 0o700 });
        await this.#step(
          spec.name,
          () => this.#supervisor.start(spec),
          () => rolesText(engine.roles),
        );
      }
    };
    await Promise.all(Array.from({ length: ENGINE_STARTS_MAX }, startNext));
    const [first] = site.engines;
    if (first !== undefined)
      this.#record({ endpoints: { ...this.#file.endpoints, engineAdmin: engineAdminAddress(first.adminPort) } });
  }

  async #startConsole(site: Site): Promise<void> {
    if (!isPresent('console')) return this.#progress.say('console: left out, it is not in this checkout');
    await this.#step('console server', () => this.#supervisor.start(consoleProcess(site)));
    this.#record({ endpoints: { ...this.#file.endpoints, console: consoleAddress(site) } });
  }

  async #startSimulator({ plan, traffic }: Demonstration): Promise<string> {
    const configFile = path.join(this.#state.path, 'simulator.json');
    writeFileSync(configFile, `${JSON.stringify(traffic)}\n`, { mode: 0o600 });
    const spec = simulatorProcess(plan.controlPort, configFile);
    await this.#step('simulator', () => this.#supervisor.start(spec));
    const controlUrl = `http://127.0.0.1:${plan.controlPort}`;
    this.#record({ endpoints: { ...this.#file.endpoints, simulatorControl: controlUrl } });
    return controlUrl;
  }

  #awaitFirstOrder(databaseUrl: string, before: number): Promise<boolean> {
    return this.#step(
      'first order',
      async () => {
        const deadline = performance.now() + FIRST_ORDER_TIMEOUT_MS;
        while (performance.now() < deadline && !this.#stop.isRequested) {
          if ((await checkpointSum(databaseUrl)) > before) return true;
          await delay(100);
        }
        return false;
      },
      (seen) => (seen ? 'acknowledged' : 'not acknowledged; see inorder lag'),
    );
  }

  async #sayWhere(site: Site, demonstration: Demonstration | undefined): Promise<void> {
    const { endpoints } = this.#file;
    const broker = demonstration?.broker ?? null;
    if (broker !== null) this.#progress.say(`JMS broker (AMQP 1.0): amqp://${broker.host}:${broker.port}`);
    if (isPresent('engine'))
      this.#progress.say(
        `${broker === null ? 'JMS' : 'our own listener'} (AMQP 1.0): amqp://127.0.0.1:${site.amqpPort}`,
      );
    if (endpoints.console === null) return;
    this.#progress.say(`console: ${endpoints.console}`);
    this.#progress.say(await askSignInLink(endpoints.console, site.secrets.adminSecret));
  }

  /** A step that is given up as soon as a stop is asked for; what it started is then ended by `stop`. */
  #step<T>(title: string, work: () => Promise<T>, detail?: (result: T) => string): Promise<T> {
    return this.#progress.step(title, () => this.#stop.orElse(work), detail);
  }

  #record(change: Partial<RunFile>): void {
    this.#file = { ...this.#file, ...change };
    writeRunFile(this.#state.runFile, this.#file);
  }
}

/** What the name of the process does not say. */
function rolesText(roles: readonly string[]): string {
  if (roles.length === 1) return '';
  return roles.length > 2 ? 'all roles' : `with ${roles.slice(1).join(', ')}`;
}
