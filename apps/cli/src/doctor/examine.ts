/** The whole examination: every area by itself and at once, each with an end. What cannot be looked at is said. */
import { type SiteDocument, siteDocumentSchema } from '@inorder/shared';
import pg from 'pg';
import { examineBrokers } from './brokers.ts';
import { type Finding, Findings, reasonOf } from './finding.ts';
import { examineInstances } from './instances.ts';
import { examineLanes } from './lanes.ts';
import { examineMachine } from './machine.ts';
import { examinePostgres } from './postgres.ts';
import { judgeQueues, openConnections } from './queue-check.ts';
import { examineRedis } from './redis.ts';
import type { Subject } from './subject.ts';
import { examineDestinations } from './wires.ts';

export interface ExamineOptions {
  /** false: laboratory systems and brokers are not connected to. */
  readonly connect: boolean;
  /** Opens the credentials of brokers; null: brokers are not asked about their queues. */
  readonly secretKey: Uint8Array | null;
}

export interface Examination {
  /** In the order of areas. */
  readonly findings: readonly Finding[];
  /** false: most could not be looked at. */
  readonly postgresAnswers: boolean;
}

const AREA_MS = 30_000;
const STATEMENT_MS = 10_000;

export async function examine(subject: Subject, options: ExamineOptions): Promise<Examination> {
  const machine = area('this machine', () => examineMachine(subject));
  const redis = area('Redis', () => examineRedis(subject.redisUrl));
  const store = await examineStore(subject, options);
  return {
    findings: [...(await machine), ...store.before, ...(await redis), ...store.after],
    postgresAnswers: store.answers,
  };
}

interface StoreFindings {
  readonly before: readonly Finding[];
  readonly after: readonly Finding[];
  readonly answers: boolean;
}

async function examineStore({ databaseUrl }: Subject, options: ExamineOptions): Promise<StoreFindings> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'inorder doctor',
    connectionTimeoutMillis: 5000,
    statement_timeout: STATEMENT_MS,
    query_timeout: STATEMENT_MS + 1000,
  });
  // A server that goes away between two questions reports it here; the next question says so.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    return { before: [unreachable(databaseUrl, error)], after: [], answers: false };
  }
  try {
    const before = await area('Postgres', () => examinePostgres(client, databaseUrl));
    const engines = await area('engines', () => examineInstances(client));
    const lanes = await area('lanes', () => examineLanes(client));
    const wires = await area('configuration', () => examineSite(client, options));
    return { before, after: [...engines, ...lanes, ...wires], answers: true };
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function examineSite(client: pg.Client, { connect, secretKey }: ExamineOptions): Promise<Finding[]> {
  const site = await readSite(client);
  const opened = await openConnections(client, secretKey);
  const [jms, destinations] = await Promise.all([
    examineBrokers(site.connections, site.sources, connect, (name, queues) => judgeQueues(opened.get(name), queues)),
    examineDestinations(site, connect),
  ]);
  return [...jms, ...destinations];
}

/** What the wires need: neither interfaces nor code tables, of which there may be very many. */
async function readSite(client: pg.Client): Promise<SiteDocument> {
  const { rows } = await client.query<{ site: unknown }>(
    `SELECT jsonb_build_object(
       'connections', (SELECT coalesce(jsonb_object_agg(name, document), '{}') FROM jms_connection),
       'destinations', (SELECT coalesce(jsonb_object_agg(name, document), '{}') FROM destination),
       'sources', (SELECT coalesce(jsonb_object_agg(name, document - 'interfaces'), '{}') FROM source)) AS site`,
  );
  return siteDocumentSchema.parse(rows[0]?.site);
}

function unreachable(url: string, error: unknown): Finding {
  const found = new Findings('Postgres');
  found.problem(
    `Postgres does not answer at ${new URL(url).host} (${reasonOf(error)})`,
    'Nothing is taken in and nothing is delivered until it does; all resumes by itself then.',
    'Start it, or correct DATABASE_URL.',
  );
  const [finding] = found.list;
  if (finding === undefined) throw new Error('a finding was just added');
  return finding;
}

/** Findings of one area, or that it could not be looked at. Never rejects. */
async function area(name: string, look: () => Promise<Finding[]>): Promise<Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('late'), { code: 'ETIMEDOUT' })), AREA_MS);
  });
  try {
    return await Promise.race([look(), late]);
  } catch (error) {
    const found = new Findings(name);
    found.unknown(
      `could not be looked at (${reasonOf(error)})`,
      'Something else may be wrong here.',
      'Put right what stands above, then ask again.',
    );
    return found.list;
  } finally {
    clearTimeout(timer);
  }
}
