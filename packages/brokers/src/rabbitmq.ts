/**
 * Debian's RabbitMQ 3.10 with its AMQP 1.0 plugin in a private folder, on loopback: the second broker. Its port mapper
 * (epmd) is a process of ours too, so that nothing stays behind.
 *
 * Setting: `INORDER_RABBITMQ_SERVER`, the start script; default Debian's. Not the one in /usr/sbin, which changes the user.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import {
  type BrokerLogin,
  BrokerMissing,
  type BrokerProcess,
  type BrokerQueue,
  type BrokerSetup,
  type BrokerTls,
  DEAD_LETTERS,
  IDLE_TIMEOUT_MS,
} from './broker.ts';
import { freePorts } from './free-port.ts';
import { loginOf, makePrivateFolder, writePrivate } from './private-folder.ts';

export interface RabbitOptions {
  /** Absolute; its configuration and its data. Kept between starts, it keeps the messages and the password. */
  readonly folder: string;
  /** Default: one that is free now. */
  readonly port?: number;
  /** Given: a second port speaks TLS. */
  readonly tls?: BrokerTls;
  /** Queues beside `DLQ`; any other is made when it is first used. */
  readonly queues?: readonly BrokerQueue[];
  readonly login?: BrokerLogin;
}

interface Ports {
  readonly amqp: number;
  readonly tls: number | undefined;
  readonly management: number;
  readonly distribution: number;
  readonly epmd: number;
}

const DEBIAN_SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server';

/** Writes the configuration and says how to run it. @throws BrokerMissing where RabbitMQ is not installed. */
export async function prepareRabbit(options: RabbitOptions): Promise<BrokerSetup> {
  const { folder, tls } = options;
  const server = process.env['INORDER_RABBITMQ_SERVER'] ?? DEBIAN_SERVER;
  if (!existsSync(server)) throw new BrokerMissing(`RabbitMQ is not installed: there is no ${server}`);
  const [amqp = 0, overTls = 0, management = 0, distribution = 0, epmd = 0] = await freePorts(5);
  const tlsPort = tls === undefined ? undefined : overTls;
  const ports: Ports = { amqp: options.port ?? amqp, tls: tlsPort, management, distribution, epmd };
  makePrivateFolder(folder);
  const login = options.login ?? loginOf(folder);
  const queues = options.queues ?? [];
  if (tls !== undefined) {
    writePrivate(path.join(folder, 'cert.pem'), tls.cert);
    writePrivate(path.join(folder, 'key.pem'), tls.key);
  }
  writePrivate(path.join(folder, 'enabled_plugins'), '[rabbitmq_amqp1_0,rabbitmq_management].\n');
  writePrivate(path.join(folder, 'rabbitmq.conf'), configOf(folder, ports));
  writePrivate(path.join(folder, 'definitions.json'), JSON.stringify(definitionsOf(login, queues), null, 1));
  const declared = new Set([DEAD_LETTERS, ...queues.map((queue) => queue.name)]);
  return {
    kind: 'rabbitmq',
    processes: [portMapper(folder, ports), broker(server, folder, ports)],
    folder,
    host: '127.0.0.1',
    port: ports.amqp,
    tlsPort,
    managementUrl: `http://127.0.0.1:${management}`,
    login,
    // `/queue/` declares, and is refused where the queue has other arguments than it would give it.
    addressOf: (queue) => (declared.has(queue) ? `/amq/queue/${queue}` : `/queue/${queue}`),
  };
}

function configOf(folder: string, ports: Ports): string {
  const at = (name: string): string => path.join(folder, name);
  return [
    `listeners.tcp.1 = 127.0.0.1:${ports.amqp}`,
    `load_definitions = ${at('definitions.json')}`,
    // It gives up after two to four of these.
    `heartbeat = ${IDLE_TIMEOUT_MS / 2_000}`,
    'management.tcp.ip = 127.0.0.1',
    `management.tcp.port = ${ports.management}`,
    ...(ports.tls === undefined
      ? []
      : [
          `listeners.ssl.1 = 127.0.0.1:${ports.tls}`,
          `ssl_options.certfile = ${at('cert.pem')}`,
          `ssl_options.keyfile = ${at('key.pem')}`,
          'ssl_options.verify = verify_none',
        ]),
    '',
  ].join('\n');
}

/** A policy sends the rejected messages of every queue to `DLQ`; a queue's own arguments go before it. */
function definitionsOf({ username, password }: BrokerLogin, queues: readonly BrokerQueue[]): object {
  const all: BrokerQueue[] = [
    ...queues.filter((queue) => queue.name !== DEAD_LETTERS),
    { name: DEAD_LETTERS, deadLetter: null },
  ];
  return {
    users: [
      {
        name: username,
        password_hash: passwordHash(password),
        hashing_algorithm: 'rabbit_password_hashing_sha256',
        tags: 'administrator',
      },
    ],
    vhosts: [{ name: '/' }],
    permissions: [{ user: username, vhost: '/', configure: '.*', write: '.*', read: '.*' }],
    policies: [
      {
        vhost: '/',
        name: 'dead-letters',
        pattern: `^(?!(${all
          .filter((queue) => queue.deadLetter === null)
          .map(literally)
          .join('|')})$)`,
        'apply-to': 'queues',
        definition: { 'dead-letter-exchange': '', 'dead-letter-routing-key': DEAD_LETTERS },
      },
    ],
    queues: all.map((queue) => ({
      name: queue.name,
      vhost: '/',
      durable: true,
      auto_delete: false,
      arguments: argumentsOf(queue),
    })),
  };
}

function literally({ name }: BrokerQueue): string {
  return name.replace(/[^A-Za-z0-9_-]/g, (sign) => `\\${sign}`);
}

function argumentsOf(queue: BrokerQueue): Record<string, unknown> {
  return {
    ...(queue.exclusive === true ? { 'x-single-active-consumer': true } : {}),
    ...(queue.deadLetter === undefined || queue.deadLetter === null
      ? {}
      : { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': queue.deadLetter }),
    // Only quorum queues count deliveries.
    ...(queue.deliveriesMax === undefined ? {} : { 'x-queue-type': 'quorum', 'x-delivery-limit': queue.deliveriesMax }),
    ...(queue.expiryMs === undefined ? {} : { 'x-message-ttl': queue.expiryMs }),
  };
}

/** RabbitMQ's own form: four bytes of salt, then SHA-256 over salt and password. */
function passwordHash(password: string): string {
  const salt = randomBytes(4);
  const digest = createHash('sha256').update(salt).update(password, 'utf8').digest();
  return Buffer.concat([salt, digest]).toString('base64');
}

/** Erlang starts one by itself where none answers, and leaves it behind. */
function portMapper(folder: string, ports: Ports): BrokerProcess {
  return {
    name: 'epmd',
    command: 'epmd',
    args: ['-port', String(ports.epmd), '-address', '127.0.0.1'],
    cwd: folder,
    env: {},
    ready: { kind: 'tcp', port: ports.epmd },
    readyTimeoutMs: 10_000,
    stopTimeoutMs: 5_000,
    address: `epmd://127.0.0.1:${ports.epmd}`,
  };
}

function broker(server: string, folder: string, ports: Ports): BrokerProcess {
  const at = (name: string): string => path.join(folder, name);
  return {
    name: 'rabbitmq',
    command: server,
    args: [],
    cwd: folder,
    env: {
      HOME: folder,
      RABBITMQ_NODENAME: 'inorder@localhost',
      RABBITMQ_DIST_PORT: String(ports.distribution),
      ERL_EPMD_PORT: String(ports.epmd),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_MNESIA_BASE: at('mnesia'),
      RABBITMQ_LOG_BASE: at('log'),
      RABBITMQ_GENERATED_CONFIG_DIR: at('generated'),
      RABBITMQ_SCHEMA_DIR: at('schema'),
      RABBITMQ_CONFIG_FILE: at('rabbitmq'),
      RABBITMQ_ENABLED_PLUGINS_FILE: at('enabled_plugins'),
      RABBITMQ_PID_FILE: at('server.pid'),
      RABBITMQ_CONF_ENV_FILE: '/dev/null',
      // With it the start script becomes the server; else a shell stands between our signals and it.
      RABBITMQ_ALLOW_INPUT: '1',
      // Without the second, distribution listens on every address of the machine.
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-noinput -kernel inet_dist_use_interface {127,0,0,1}',
    },
    ready: { kind: 'tcp', port: ports.amqp },
    readyTimeoutMs: 120_000,
    stopTimeoutMs: 30_000,
    address: `amqp://127.0.0.1:${ports.amqp}`,
  };
}
