/** Apache ActiveMQ Artemis in a private folder, on loopback, without Docker: the reference broker. */
import path from 'node:path';
import { brokerXml, loginConfig } from './artemis-config.ts';
import { artemisJars } from './artemis-jars.ts';
import type { BrokerLogin, BrokerQueue, BrokerSetup, BrokerTls } from './broker.ts';
import { freePorts } from './free-port.ts';
import { loginOf, makePrivateFolder, writePrivate } from './private-folder.ts';

export interface ArtemisOptions {
  /** Absolute; its configuration and its data. Kept between starts, it keeps the messages and the password. */
  readonly folder: string;
  /** Folder with the jars; default `artemisJars()`. */
  readonly jars?: string;
  /** Default: one that is free now. */
  readonly port?: number;
  /** Given: a second port speaks TLS. */
  readonly tls?: BrokerTls;
  /** Queues beside `DLQ`; any other is made when it is first used. */
  readonly queues?: readonly BrokerQueue[];
  /** Default: `inorder` and a generated password. */
  readonly login?: BrokerLogin;
  /** Java heap. Default 512. */
  readonly heapMb?: number;
}

/** Writes the configuration and says how to run it. @throws BrokerMissing without Java, or without Maven and jars. */
export async function prepareArtemis(options: ArtemisOptions): Promise<BrokerSetup> {
  const { folder, tls } = options;
  const jars = options.jars ?? (await artemisJars());
  const [free, tlsPort] = await freePorts(2);
  if (free === undefined || tlsPort === undefined) throw new Error('no free ports');
  const port = options.port ?? free;
  const etc = path.join(folder, 'etc');
  makePrivateFolder(etc);
  const login = options.login ?? loginOf(folder);
  const keyStore = path.join(etc, 'tls.pemcfg');
  if (tls !== undefined) writeTls(etc, keyStore, tls);
  const data = path.join(folder, 'data');
  const tlsAt = tls === undefined ? undefined : { port: tlsPort, keyStore };
  const queues = options.queues ?? [];
  writePrivate(path.join(etc, 'broker.xml'), brokerXml({ dataFolder: data, port, tls: tlsAt, queues }));
  writePrivate(path.join(etc, 'login.config'), loginConfig());
  writePrivate(path.join(etc, 'users.properties'), `${login.username}=${login.password}\n`);
  writePrivate(path.join(etc, 'roles.properties'), `inorder=${login.username}\n`);
  return {
    kind: 'artemis',
    processes: [
      {
        name: 'artemis',
        command: 'java',
        args: [
          `-Xmx${options.heapMb ?? 512}m`,
          `-Djava.security.auth.login.config=${path.join(etc, 'login.config')}`,
          '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
          '-Dorg.slf4j.simpleLogger.showDateTime=true',
          `-Djava.io.tmpdir=${folder}`,
          ...['-cp', path.join(jars, '*')],
          'org.apache.activemq.artemis.core.server.embedded.Main',
          folder,
        ],
        cwd: folder,
        env: {},
        ready: { kind: 'tcp', port },
        readyTimeoutMs: 60_000,
        stopTimeoutMs: 20_000,
        address: `amqp://127.0.0.1:${port}`,
      },
    ],
    folder,
    host: '127.0.0.1',
    port,
    tlsPort: tlsAt?.port,
    managementUrl: undefined,
    login,
    addressOf: (queue) => queue,
  };
}

function writeTls(etc: string, keyStore: string, { cert, key }: BrokerTls): void {
  writePrivate(path.join(etc, 'cert.pem'), cert);
  writePrivate(path.join(etc, 'key.pem'), key);
  writePrivate(keyStore, `source.key=${path.join(etc, 'key.pem')}\nsource.cert=${path.join(etc, 'cert.pem')}\n`);
}
