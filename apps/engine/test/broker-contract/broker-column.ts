/** A real broker as a column: our receiver reads it. */
import type { BrokerKind, BrokerQueue } from '@inorder/brokers/broker';
import { epoch, type InboundHandler } from '@inorder/core';
import { testBroker } from '@inorder/testkit/broker-services';
import { LOCALHOST_CERT, LOCALHOST_KEY } from '@inorder/testkit/tls-fixture';
import type { ConnectDocument } from '../../src/adapters/amqp/connection-parts.ts';
import { AMQP_DEFAULTS } from '../../src/adapters/amqp/options.ts';
import { AmqpReceiver } from '../../src/adapters/amqp/receiver.ts';
import { ACCEPT, RecordingLog, realClock, SOURCE_A } from '../../src/adapters/amqp/test-parts.ts';
import type { Peer, Reader, ReadQueue } from './column.ts';
import { MANY } from './queues.ts';

/** A queue that is there for nothing but being opened. */
const PROBE = 'probe';

/** undefined: it cannot run here. @throws under CI=true instead. */
export async function openBroker(kind: BrokerKind, queues: readonly BrokerQueue[]): Promise<Peer | undefined> {
  const broker = await testBroker(kind, { queues, tls: { cert: LOCALHOST_CERT, key: LOCALHOST_KEY } });
  if (broker === undefined) return undefined;
  const { host, port, tlsPort = 0, login, addressOf } = broker.setup;
  const document: ConnectDocument = {
    ...{ kind: 'CONNECT', host, port, ...login },
    ...{ reconnectDelayMs: 50, reconnectDelayMsMax: 500 },
  };
  const open = (over: Partial<ConnectDocument>, queues: readonly ReadQueue[], handler: InboundHandler) =>
    openReceiver({ ...document, ...over }, queues, handler, addressOf);
  const ending = async (over: Partial<ConnectDocument>): Promise<string> => {
    const { reader, opened } = open(over, [{ name: PROBE, sourceId: SOURCE_A, credit: 1 }], async () => ACCEPT);
    const said = await opened;
    await reader.close();
    return said;
  };
  return {
    port,
    login,
    broker,
    addressOf,
    connection: () => document,
    overTls: (ca) => ending({ port: tlsPort, tls: { ca, verify: true } }),
    withPassword: (password) => ending({ password }),
    read: async (wanted, handler) => {
      const { reader, opened } = open({}, wanted, handler);
      const said = await opened;
      if (said !== 'open') throw new Error(`not opened: ${said}`);
      return reader;
    },
    [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
  };
}

/** `opened`: `open` once every queue is, or why the first of them is not. */
function openReceiver(
  connection: ConnectDocument,
  queues: readonly ReadQueue[],
  handler: InboundHandler,
  addressOf: (queue: string) => string,
): { reader: Reader; opened: Promise<string> } {
  const pending = new Set<string>(queues.map(({ sourceId }) => sourceId));
  let say: (said: string) => void = () => undefined;
  const opened = new Promise<string>((resolve) => {
    say = resolve;
  });
  const receiver = new AmqpReceiver({
    connection,
    handler,
    log: new RecordingLog(),
    clock: realClock,
    drainMs: 500,
    // Every attach waits for the ones before it: the default is for a thousand.
    connectTimeoutMs: Math.max(AMQP_DEFAULTS.connectTimeoutMs, 10 * MANY),
    onStatus: ({ sourceId, state, detail }) => {
      if (state === 'OPEN') pending.delete(sourceId);
      if (state === 'RETRYING') say(detail);
      if (pending.size === 0) say('open');
    },
  });
  for (const { name, sourceId, credit } of queues)
    receiver.attach({ origin: { sourceId, sourceEpoch: epoch(1) }, address: addressOf(name), credit });
  receiver.start();
  return { reader: { counters: receiver.counters, close: () => receiver.stop() }, opened };
}
