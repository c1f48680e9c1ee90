/**
 * Services that tests need from the machine: Redis, a browser, RabbitMQ, and Artemis from Maven Central. Debian as root
 * gets the first three through apt-get; elsewhere variables say where they are. Without them the tests that need them are skipped by name, except
 * under `CI=true`, where that is a failure: a green run must mean that they ran.
 */
import { existsSync } from 'node:fs';
import { artemisJars } from '@inorder/brokers/artemis-jars';
import { BrokerMissing } from '@inorder/brokers/broker';
import { CommandFailure, EXIT } from '../exit.ts';
import { findProgram, runQuietly } from '../program.ts';

export interface Service {
  readonly name: string;
  readonly variable: 'REDIS_URL' | 'CHROME_PATH' | 'INORDER_RABBITMQ_SERVER';
  readonly programs: readonly string[];
  /** Where it lies when it is not on PATH. */
  readonly files: readonly string[];
  readonly debianPackage: string;
}

export const REDIS: Service = {
  name: 'Redis',
  variable: 'REDIS_URL',
  programs: ['redis-server'],
  files: [],
  debianPackage: 'redis-server',
};

export const BROWSER: Service = {
  name: 'Chromium',
  variable: 'CHROME_PATH',
  programs: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
  files: [
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ],
  debianPackage: 'chromium',
};

export const RABBITMQ: Service = {
  name: 'RabbitMQ',
  variable: 'INORDER_RABBITMQ_SERVER',
  // The one on PATH changes the user; the one of the package is run as who we are.
  programs: [],
  files: ['/usr/lib/rabbitmq/bin/rabbitmq-server'],
  debianPackage: 'rabbitmq-server',
};

/** Has the jars of Artemis ready before tests are timed. @throws under CI=true when they are not to be had. */
export async function provideArtemis(say: (line: string) => void): Promise<void> {
  try {
    await artemisJars(say);
  } catch (error) {
    // What fails although Java and Maven are there is told by the tests that need it.
    const reason = error instanceof Error ? error.message : String(error);
    if (process.env['CI'] === 'true') throw new CommandFailure(EXIT.failed, `${reason} (CI=true allows no skip)`);
    say(error instanceof BrokerMissing ? `skipped: tests that need Artemis. ${reason}` : reason);
  }
}

/**
 * Where a service is, after installing it if that is possible here; undefined: tests that need it are to be skipped.
 * @throws under CI=true when there is none.
 */
export async function provide(service: Service, say: (line: string) => void): Promise<string | undefined> {
  const found = await findOrInstall(service, say);
  if (found !== undefined) return found;
  const reason = `${service.name} is missing: set ${service.variable}, or install ${service.programs[0] ?? service.name}`;
  if (process.env['CI'] === 'true') throw new CommandFailure(EXIT.failed, `${reason} (CI=true allows no skip)`);
  say(`skipped: tests that need ${service.name}. ${reason}`);
  return undefined;
}

/** Where a service is, after installing it if that is possible here. */
export async function findOrInstall(service: Service, say: (line: string) => void): Promise<string | undefined> {
  return locate(service) ?? (await install(service, say));
}

function locate(service: Service): string | undefined {
  const given = process.env[service.variable];
  if (given !== undefined && given !== '') return given;
  for (const program of service.programs) {
    const file = findProgram(program);
    if (file !== undefined) return file;
  }
  return service.files.find((file) => existsSync(file));
}

async function install(service: Service, say: (line: string) => void): Promise<string | undefined> {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version') || findProgram('apt-get') === undefined)
    return undefined;
  say(`installing ${service.debianPackage} with apt-get`);
  const env = {
    DEBIAN_FRONTEND: 'noninteractive',
    // The package's own service is not wanted: at this run level none is started.
    RUNLEVEL: '1',
  };
  const run = () =>
    runQuietly({ command: 'apt-get', args: ['install', '-y', '--no-install-recommends', service.debianPackage], env });
  let result = await run();
  if (result.code !== 0) {
    await runQuietly({ command: 'apt-get', args: ['update'], env });
    result = await run();
  }
  if (result.code !== 0)
    say(`apt-get install ${service.debianPackage} failed: ${result.output.trim().split('\n').at(-1) ?? ''}`);
  return locate(service);
}
