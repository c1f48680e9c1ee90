/**
 * The jars of Apache ActiveMQ Artemis, from Maven Central through `mvn`, in a folder that is filled once.
 *
 * Settings: `INORDER_ARTEMIS_JARS` a folder that holds them already (no Maven needed) · `INORDER_BROKERS_DIR` where
 * brokers are kept, default `.inorder/brokers` of the checkout · `INORDER_MAVEN_REPOSITORY` Maven's local repository,
 * default Maven's own.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { BrokerMissing } from './broker.ts';

/** Needs Java 17. */
export const ARTEMIS_VERSION = '2.55.0';
const SLF4J_VERSION = '2.0.18';

/** What of Maven Central is asked for; everything else comes with it. */
const ARTIFACTS = [
  ['org.apache.artemis', 'artemis-server', ARTEMIS_VERSION],
  ['org.apache.artemis', 'artemis-amqp-protocol', ARTEMIS_VERSION],
  ['org.slf4j', 'slf4j-simple', SLF4J_VERSION],
] as const;

const FETCH_MS_MAX = 300_000;

export function brokersFolder(): string {
  return process.env['INORDER_BROKERS_DIR'] ?? path.resolve(import.meta.dirname, '../../../.inorder/brokers');
}

/**
 * The folder with the jars; fetched when they are not there. @throws BrokerMissing where Java or Maven is missing, Error
 * with Maven's last words where it fails.
 */
export async function artemisJars(say: (line: string) => void = () => undefined): Promise<string> {
  if (!(await answers('java', ['-version'])))
    throw new BrokerMissing('Artemis needs Java 17: there is no java on PATH');
  const given = process.env['INORDER_ARTEMIS_JARS'];
  if (given !== undefined && given !== '') return given;
  const folder = path.join(brokersFolder(), `artemis-${ARTEMIS_VERSION}`);
  if (existsSync(folder)) return folder;
  if (!(await answers('mvn', ['-version']))) {
    throw new BrokerMissing(
      'Artemis is fetched with Maven: there is no mvn on PATH and INORDER_ARTEMIS_JARS is not set',
    );
  }
  say(`fetching Apache ActiveMQ Artemis ${ARTEMIS_VERSION} from Maven Central`);
  mkdirSync(brokersFolder(), { recursive: true });
  const fetched = mkdtempSync(path.join(brokersFolder(), 'fetching-'));
  try {
    await fetchInto(fetched);
    publish(fetched, folder);
  } finally {
    rmSync(fetched, { recursive: true, force: true });
  }
  return folder;
}

async function fetchInto(folder: string): Promise<void> {
  const pom = path.join(folder, 'pom.xml');
  writeFileSync(pom, pomOf(ARTIFACTS));
  const repository = process.env['INORDER_MAVEN_REPOSITORY'];
  const { code, output } = await run(
    'mvn',
    [
      ...['--batch-mode', '--quiet', '--strict-checksums', '-f', pom, 'dependency:copy-dependencies'],
      ...['-DincludeScope=runtime', `-DoutputDirectory=${path.join(folder, 'jars')}`],
      ...(repository === undefined || repository === '' ? [] : [`-Dmaven.repo.local=${repository}`]),
    ],
    FETCH_MS_MAX,
  );
  if (code !== 0) throw new Error(`Maven could not fetch Artemis ${ARTEMIS_VERSION}: ${output.slice(-2_000)}`);
}

/** In one step, so that the folder is either absent or whole; another process may have been first. */
function publish(fetched: string, folder: string): void {
  const jars = path.join(fetched, 'jars');
  if (!readdirSync(jars).some((file) => file.startsWith('artemis-server-')))
    throw new Error('Maven brought no artemis-server');
  try {
    renameSync(jars, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}

function pomOf(artifacts: readonly (readonly [string, string, string])[]): string {
  const dependencies = artifacts.map(
    ([group, artifact, version]) =>
      `    <dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  );
  return [
    '<project xmlns="http://maven.apache.org/POM/4.0.0">',
    '  <modelVersion>4.0.0</modelVersion>',
    '  <groupId>inorder</groupId><artifactId>artemis-jars</artifactId><version>1</version><packaging>pom</packaging>',
    '  <dependencies>',
    ...dependencies,
    '  </dependencies>',
    '</project>',
    '',
  ].join('\n');
}

async function answers(program: string, args: readonly string[]): Promise<boolean> {
  return (await run(program, args, 30_000).catch(() => ({ code: -1 }))).code === 0;
}

function run(
  program: string,
  args: readonly string[],
  msMax: number,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: msMax });
    let output = '';
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-8_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}
