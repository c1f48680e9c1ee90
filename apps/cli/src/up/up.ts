/**
 * `inorder up`: from a clone to a running site, step by step, and back again at Ctrl-C in reverse order.
 * Whatever a run that was killed left behind is adopted (Postgres) or ended (everything else) by the next one.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stopEmbeddedPostgres } from '@inorder/db/embedded';
import { type StateFolder, stateFolder } from '../checkout.ts';
import { ensurePrismaClient } from '../prisma-client.ts';
import { findProgram } from '../program.ts';
import type { Progress } from '../steps.ts';
import { ensureConsole, hasConsole } from './console-build.ts';
import {
  checkpointSum,
  type Database,
  openDatabase,
  prepareDatabase,
  prepareUsers,
  seedDemonstration,
} from './database.ts';
import { type DemonstrationPlan, demonstrationSite, demonstrationTraffic, readCatalogue } from './demonstration.ts';
import { identify } from './identity.ts';
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
  readonly instances: number;
}

/** Laboratory systems of the demonstration. */
const LIS_COUNT = 6;
const FIRST_ORDER_TIMEOUT_MS = 30_000;

/** noOrder: everything answers, and yet no demonstration order came through. */
export type StartOutcome = 'works' | 'noOrder';

/** Starts everything, calls `onReady`, and stays until a stop signal; returns when everything is stopped. */
export async function up(
  options: UpOptions,
  progress: Progress,
  onReady: (outcome: StartOutcome) => void,
): Promise<void> {
  const state = stateFolder();
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
  const run = new Run(state, progress, stop, claim.run);
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
    run.ready ? 'Inorder is up already (inorder down stops it)' : 'another inorder up is just starting here',
  );
  if (run.endpoints.console === null) return;
  progress.say(`console: ${run.endpoints.console}`);
  progress.say(await askSignInLink(run.endpoints.console, loadSecrets(state.secrets).adminSecret));
}

interface Demonstration {
  readonly plan: DemonstrationPlan;
  /** The simulator's configuration. */
  readonly traffic: object;
}

/** One run of the site: what was started so far, and its run file. */
class Run {
  readonly #state: StateFolder;
  readonly #progress: Progress;
  readonly #stop: StopRequest;
  readonly #supervisor: Supervisor;
  readonly #logs: ReturnType<typeof openLogFolder>;
  #file: RunFile;
  #replays: ReturnType<typeof watchReplays> | undefined;

  constructor(state: StateFolder, progress: Progress, stop: StopRequest, file: RunFile) {
    this.#state = state;
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
    await this.#prepareCode();
    const database = await this.#startDatabase(ports, options.fresh);
    const redisUrl = await this.#startRedis(ports);
    const site: Site = {
      state: this.#state,
      secrets: loadSecrets(this.#state.secrets),
      databaseUrl: database.url,
      redisUrl,
      amqpPort: await ports.pick(WANTED_PORTS.amqp),
      consolePort: await ports.pick(WANTED_PORTS.console),
      engineAdminPorts: await ports.pickMany(WANTED_PORTS.engineAdmin, options.instances),
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
    await this.#sayWhere(site);
    return works ? 'works' : 'noOrder';
  }

  /** Ends everything in reverse order and forgets the run. Also called after a start that failed half way. */
  async stop(): Promise<void> {
    await this.#replays?.stop();
    await this.#supervisor.stop((name) => this.#progress.say(`stopping ${name}`));
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

  async #startDatabase(ports: PortPicker, fresh: boolean): Promise<Database> {
    if (!process.env['DATABASE_URL']) this.#record({ embeddedPostgres: this.#state.postgres });
    const database = await this.#progress.step(
      'Postgres',
      () => openDatabase(this.#state, ports, fresh, this.#progress.say),
      ({ embedded, url }) =>
        embedded === null
          ? `at ${new URL(url).host}`
          : `${embedded.adopted ? 'adopted' : 'started'} on port ${embedded.port}`,
    );
    this.#record({
      endpoints: { ...this.#file.endpoints, databaseUrl: database.url },
    });
    return database;
  }

  async #startRedis(ports: PortPicker): Promise<string | null> {
    const given = process.env['REDIS_URL'];
    if (given !== undefined && given !== '') return given;
    const program = findProgram('redis-server');
    if (program === undefined) {
      this.#progress.say(
        'Redis: none (set REDIS_URL or install redis-server). Off: bull-board; wake-ups and live lag go through Postgres',
      );
      return null;
    }
    const spec = redisProcess(this.#state, program, await ports.pick(WANTED_PORTS.redis));
    await this.#step('Redis', () => this.#supervisor.start(spec));
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
    const plan: DemonstrationPlan = {
      interfaces: options.interfaces,
      ratePerSecond: options.rate,
      amqpPort: site.amqpPort,
      mllpPorts: await ports.pickMany(WANTED_PORTS.lis, LIS_COUNT),
      fhirPort: await ports.pick(WANTED_PORTS.fhirLis),
      controlPort: await ports.pick(WANTED_PORTS.control),
    };
    const document = demonstrationSite(plan, await readCatalogue());
    const secretKey = Buffer.from(site.secrets.secretKey, 'hex');
    const outcome = await this.#step(
      'demonstration site',
      () => seedDemonstration(this.#state, database, document, secretKey),
      (result) => {
        if (result === 'foreign') return 'left out: the database of DATABASE_URL has interfaces of its own';
        return result === 'new' ? `${options.interfaces} interfaces` : 'is there';
      },
    );
    if (outcome !== 'foreign') return { plan, traffic: demonstrationTraffic(document, plan) };
    this.#progress.say('use --no-demo to run on that database as it is');
    return undefined;
  }

  async #startEngines(site: Site): Promise<void> {
    if (!isPresent('engine')) return this.#progress.say('engine: left out, it is not in this checkout');
    for (const [index, port] of site.engineAdminPorts.entries()) {
      const spec = engineProcess(site, index, port);
      mkdirSync(path.join(this.#state.path, spec.name), { recursive: true, mode: 0o700 });
      await this.#step(spec.name, () => this.#supervisor.start(spec));
      if (index === 0) this.#record({ endpoints: { ...this.#file.endpoints, engineAdmin: engineAdminAddress(port) } });
    }
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

  async #sayWhere(site: Site): Promise<void> {
    const { endpoints } = this.#file;
    if (isPresent('engine')) this.#progress.say(`JMS (AMQP 1.0): amqp://127.0.0.1:${site.amqpPort}`);
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
