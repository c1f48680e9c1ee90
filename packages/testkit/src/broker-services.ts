/**
 * A real broker of a test file's own: Artemis or RabbitMQ in a folder that goes, with everything that runs in it, when
 * this process ends in whatever way. Under `CI=true` a broker that cannot run here is a failure, not a skip.
 */
import { prepareArtemis } from '@inorder/brokers/artemis';
import { type BrokerKind, BrokerMissing, type BrokerQueue, type BrokerTls } from '@inorder/brokers/broker';
import { prepareRabbit } from '@inorder/brokers/rabbitmq';
import { type RunningBroker, startBroker } from '@inorder/brokers/run-broker';
import { openRunFolder } from './service-host.ts';

export interface TestBrokerOptions {
  readonly queues?: readonly BrokerQueue[];
  readonly tls?: BrokerTls;
}

const PREPARE = { artemis: prepareArtemis, rabbitmq: prepareRabbit } as const;

/**
 * Dispose of it to stop it and to remove its data. undefined: it cannot run here, which has been said; skip by name.
 * @throws under CI=true where it cannot run, and anywhere when it fails to start.
 */
export async function testBroker(
  kind: BrokerKind,
  { queues, tls }: TestBrokerOptions = {},
): Promise<RunningBroker | undefined> {
  const folder = openRunFolder();
  try {
    const setup = await PREPARE[kind]({
      folder: folder.path,
      ...(queues === undefined ? {} : { queues }),
      ...(tls === undefined ? {} : { tls }),
    });
    const broker = await startBroker(setup);
    const stopBroker = broker[Symbol.asyncDispose].bind(broker);
    broker[Symbol.asyncDispose] = async () => {
      await stopBroker();
      await folder.close();
    };
    return broker;
  } catch (error) {
    await folder.close();
    if (!(error instanceof BrokerMissing)) throw error;
    if (process.env['CI'] === 'true') throw new Error(`${kind} tests cannot run: ${error.message}`, { cause: error });
    process.stderr.write(`skipped: tests that need ${kind} (${error.message})\n`);
    return undefined;
  }
}
