/**
 * The JMS broker of a distributed run: the one of AMQP_URL, or Apache ActiveMQ Artemis in a folder of our own. Where
 * neither is to be had the orders come straight to our own listener.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { prepareArtemis } from '@inorder/brokers/artemis';
import { ARTEMIS_VERSION, artemisJars } from '@inorder/brokers/artemis-jars';
import type { StateFolder } from '../checkout.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import type { PortPicker } from './ports.ts';
import type { ProcessSpec } from './process-spec.ts';
import { WANTED_PORTS } from './site.ts';

/** Where the demonstration's upstream sends to and the engine reads from. */
export interface Broker {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
}

interface ChosenBroker {
  readonly broker: Broker;
  /** To be started first, in this order; none where it runs already. */
  readonly processes: readonly ProcessSpec[];
}

const AMQP_PORT = 5672;

/** The broker of AMQP_URL; undefined where it is not set. */
export function givenBroker(text: string | undefined): Broker | undefined {
  if (text === undefined || text === '') return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'amqps:')
    throw new CommandFailure(
      EXIT.wrongUse,
      'AMQP_URL: the simulated upstream speaks amqp:// without TLS. Use --no-demo, and name the broker in a site file',
    );
  if (url?.protocol !== 'amqp:' || url.hostname === '')
    throw new CommandFailure(EXIT.wrongUse, 'AMQP_URL: it takes amqp://user:password@host:port');
  return {
    host: url.hostname,
    port: url.port === '' ? AMQP_PORT : Number(url.port),
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
  };
}

/** `Artemis 2.55.0`. */
export const OWN_BROKER = `Artemis ${ARTEMIS_VERSION}`;

/** @returns null where the orders are to come to our own listener; why is said. */
export async function chooseBroker(
  given: Broker | undefined,
  state: StateFolder,
  ports: PortPicker,
  queues: readonly string[],
  say: (line: string) => void,
): Promise<ChosenBroker | null> {
  if (given !== undefined) {
    const others = queues.length > 1 ? ` and ${queues.length - 1} more` : '';
    say(`JMS broker: ${given.host}:${given.port}. Its queues ${queues[0]}${others} should be exclusive`);
    return { broker: given, processes: [] };
  }
  try {
    return await ownBroker(state, await ports.pick(WANTED_PORTS.broker), queues, say);
  } catch (error) {
    say(`JMS broker: none. ${error instanceof Error ? error.message : String(error)}`);
    say('orders come straight to our own listener; AMQP_URL names a broker');
    return null;
  }
}

/**
 * Artemis as processes to start, its queues exclusive so that order survives a change of reader (G3). It keeps its
 * messages and its password in the state folder.
 * @throws where Java is missing, or Maven is and its jars are not here yet.
 */
async function ownBroker(
  state: StateFolder,
  port: number,
  queues: readonly string[],
  say: (line: string) => void,
): Promise<ChosenBroker> {
  const { host, login, processes } = await prepareArtemis({
    folder: brokerFolder(state),
    jars: await artemisJars(say),
    port,
    queues: queues.map((name) => ({ name, exclusive: true })),
  });
  return { broker: { host, port, ...login }, processes };
}

/** Forgets the messages of our own broker. */
export function forgetOwnBroker(state: StateFolder): void {
  rmSync(brokerFolder(state), { recursive: true, force: true });
}

function brokerFolder(state: StateFolder): string {
  return path.join(state.path, 'artemis');
}
