/** The demonstration of a run: its site in the database, its upstream and laboratories, and whether an order comes through. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from './broker.ts';
import { checkpointSum, type Database, isForeign, seedDemonstration } from './database.ts';
import {
  atBroker,
  type DemonstrationPlan,
  demonstrationSite,
  demonstrationTraffic,
  readCatalogue,
  upstreamQueues,
} from './demonstration.ts';
import type { Run } from './run.ts';
import { isPresent, type Site, simulatorProcess, WANTED_PORTS } from './site.ts';
import { provideBroker } from './start-servers.ts';

/** Laboratory systems of the demonstration. */
const LIS_COUNT = 6;
const FIRST_ORDER_TIMEOUT_MS = 30_000;

export interface Demonstration {
  readonly plan: DemonstrationPlan;
  /** null: the upstream sends straight to our listener. */
  readonly broker: Broker | null;
  /** The simulator's configuration. */
  readonly traffic: object;
}

/** @returns undefined when there is to be no demonstration after all. */
export async function seed(run: Run, database: Database, site: Site): Promise<Demonstration | undefined> {
  const { options, ports } = run;
  if (!isPresent('simulator') || !isPresent('engine')) {
    run.progress.say('demonstration: left out, this checkout has no simulator or no engine');
    return undefined;
  }
  if (await isForeign(run.state, database)) {
    run.progress.say('demonstration site left out: the database of DATABASE_URL has interfaces of its own');
    run.progress.say('use --no-demo to run on that database as it is');
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
  const broker = options.distributed ? await provideBroker(run, upstreamQueues(atListener)) : null;
  const document = broker === null ? atListener : atBroker(atListener, broker);
  const secretKey = Buffer.from(site.secrets.secretKey, 'hex');
  await run.step(
    'demonstration site',
    () => seedDemonstration(run.state, database, document, secretKey),
    (outcome) => (outcome === 'new' ? `${options.interfaces} interfaces` : 'is there'),
  );
  return { plan, broker, traffic: demonstrationTraffic(document, plan, broker) };
}

/** Upstream and laboratories in one process. @returns where it is asked and told things. */
export async function startSimulator(run: Run, { plan, traffic }: Demonstration): Promise<string> {
  const configFile = path.join(run.state.path, 'simulator.json');
  writeFileSync(configFile, `${JSON.stringify(traffic)}\n`, { mode: 0o600 });
  const spec = simulatorProcess(plan.controlPort, configFile);
  await run.step('simulator', () => run.startProcess(spec));
  const controlUrl = `http://127.0.0.1:${plan.controlPort}`;
  run.recordEndpoints({ simulatorControl: controlUrl });
  return controlUrl;
}

/** Whether an order was acknowledged: the checkpoints have passed `before`, their sum before the engines began. */
export function awaitFirstOrder(run: Run, databaseUrl: string, before: number): Promise<boolean> {
  return run.step(
    'first order',
    async () => {
      const deadline = performance.now() + FIRST_ORDER_TIMEOUT_MS;
      while (performance.now() < deadline && !run.isStopping) {
        if ((await checkpointSum(databaseUrl)) > before) return true;
        await delay(100);
      }
      return false;
    },
    (seen) => (seen ? 'acknowledged' : 'not acknowledged; see inorder lag'),
  );
}
