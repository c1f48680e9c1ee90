/** Real engine processes that only take in, on a database of their own, behind one queue of a column. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { applySite } from '@inorder/db';
import { siteDocumentSchema } from '@inorder/shared';
import {
  type EngineProcess,
  type EngineProcessOptions,
  startEngine,
  TEST_SECRET_KEY,
} from '@inorder/testkit/engine-process';
import { eventually } from '@inorder/testkit/eventually';
import { testDatabase } from '@inorder/testkit/services';
import type { Peer } from './column.ts';
import { connectProducer } from './producer.ts';

export interface EngineRigOptions {
  readonly queue: string;
  readonly codes: readonly string[];
  readonly interfaceProperty?: string;
  readonly credit?: number;
}

export interface EngineRig extends AsyncDisposable {
  readonly databaseUrl: string;
  start(options?: Partial<EngineProcessOptions>): Promise<EngineProcess>;
  /** Bodies of an interface in the order of their numbers. @throws when the numbers have a gap. */
  numbered(code: string): Promise<string[]>;
  /** Resolves once so many numbers are given, over all interfaces. */
  untilNumbered(count: number, withinMs?: number): Promise<unknown>;
  query<T extends object>(text: string): Promise<T[]>;
}

export async function engineRig(peer: Peer, options: EngineRigOptions): Promise<EngineRig> {
  const stack = new AsyncDisposableStack();
  const database = stack.use(await testDatabase());
  const folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-contract-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const site = siteDocumentSchema.parse({
    connections: { upstream: peer.connection() },
    destinations: { lis: { kind: 'MLLP', host: '127.0.0.1', port: 2575 } },
    sources: {
      orders: {
        connection: 'upstream',
        address: peer.addressOf(options.queue),
        interfaces: options.codes,
        credit: options.credit ?? 100,
        producers: 'many',
        ...(options.interfaceProperty === undefined ? {} : { interfaceProperty: options.interfaceProperty }),
      },
    },
    interfaces: Object.fromEntries(
      options.codes.map((code) => [code, { name: code, route: [{ name: 'all', to: 'lis' }] }]),
    ),
  });
  const applied = await applySite(database.pool, site, { actor: 'test', secretKey: TEST_SECRET_KEY });
  if (!applied.ok) throw new Error(`the site was not applied: ${JSON.stringify(applied.problems)}`);
  const query = async <T extends object>(text: string): Promise<T[]> => (await database.pool.query<T>(text)).rows;
  const count = async (): Promise<number> =>
    (await query<{ n: number }>('SELECT count(*)::int AS n FROM message_tracking'))[0]?.n ?? 0;
  return {
    databaseUrl: database.url,
    async start(more = {}) {
      const listens = peer.broker === undefined ? { amqpPort: peer.port } : {};
      // Started again, an instance has the folder it had.
      const instance = more.instance ?? 'engine-1';
      const common = { databaseUrl: database.url, roles: 'ingest', instance, dataDir: path.join(folder, instance) };
      return stack.use(await startEngine({ ...common, ...listens, ...more }));
    },
    async numbered(code) {
      const rows = await query<{ no: number; raw: Buffer }>(
        `SELECT t.sequence_no::int AS no, p.raw FROM message_tracking t JOIN message_payload p USING (message_id)
           JOIN interface i USING (interface_id) WHERE i.code = '${code}' ORDER BY t.sequence_no`,
      );
      const gap = rows.findIndex((row, index) => row.no !== index + 1);
      if (gap >= 0) throw new Error(`${code}: ${rows[gap]?.no} where ${gap + 1} was due`);
      return rows.map((row) => row.raw.toString());
    },
    untilNumbered: (wanted, withinMs = 60_000) =>
      eventually(`${wanted} numbers are given`, async () => (await count()) >= wanted, { withinMs, shown: count }),
    query,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

export interface PatientSender {
  /** How many messages were accepted. */
  readonly accepted: number;
  /** How often it was cut off and sent a chunk again, in full. */
  readonly repeats: number;
  /** Resolves once all are accepted. */
  readonly done: Promise<void>;
}

const CHUNK = 50;
const AGAIN_MS = 100;

/** An upstream that sends in order and repeats what was not accepted, until it is. */
export function sendPatiently(peer: Peer, queue: string, messages: readonly object[]): PatientSender {
  const state = { accepted: 0, repeats: 0 };
  const run = async (): Promise<void> => {
    while (state.accepted < messages.length) {
      try {
        await using producer = await connectProducer(peer);
        while (state.accepted < messages.length) {
          const chunk = messages.slice(state.accepted, state.accepted + CHUNK);
          const outcomes = await producer.send(peer.addressOf(queue), chunk);
          const taken = outcomes.findIndex(({ outcome }) => outcome !== 'accepted');
          state.accepted += taken < 0 ? chunk.length : taken;
        }
      } catch {
        // Cut off, or nobody there: the upstream keeps what it has and tries again.
        state.repeats += 1;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  };
  const done = run();
  return {
    get accepted() {
      return state.accepted;
    },
    get repeats() {
      return state.repeats;
    },
    done,
  };
}
