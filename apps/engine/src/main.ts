/** The engine's process: reads the environment, runs an engine until it is told to stop, and says how it ended. */
import { openLog } from '@inorder/log';
import { systemClock } from './adapters/clock/system-clock.ts';
import { assembleEngine } from './composition/engine.ts';
import { type EngineConfig, readConfig, shown } from './config.ts';

/** A stop that lasts longer helps nobody: whoever asked for it kills next. */
const STOP_MS_MAX = 30_000;

async function run(config: EngineConfig): Promise<void> {
  const logger = openLog({ level: config.logLevel, base: { instance: config.instance } });
  logger.info(shown(config), 'engine starts');
  const engine = await assembleEngine(config, systemClock, logger);
  await engine.start();
  await stopSignal();
  logger.info({}, 'engine stops');
  // Postgres may be away or frozen: what is not given back is taken over after its lease.
  systemClock.schedule(STOP_MS_MAX, () => {
    logger.error({}, 'engine did not stop in time and ends');
    process.exit(1);
  });
  await engine.stop();
  logger.info({}, 'engine stopped');
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
}

const read = readConfig(process.env);
if (read.ok) {
  try {
    await run(read.config);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`engine cannot run: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
} else {
  process.stderr.write(`engine configuration is not valid:\n${read.problems.map((p) => `  ${p}`).join('\n')}\n`);
  process.exit(2);
}
