/** A private system: Postgres and Redis of its own, a real engine, the real console, one user of each role, no interface. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { applySite } from '@inorder/db';
import { siteDocumentSchema } from '@inorder/shared';
import { startEngine, TEST_SECRET_KEY } from '@inorder/testkit/engine-process';
import { closeServices, freePort, testDatabase, testRedis } from '@inorder/testkit/services';
import { builtConsole, startConsole } from './console-process.ts';
import type { RunningSystem } from './facts.ts';
import { makePeople, signPeopleIn } from './people.ts';

/** Name of the connection that every journey's source hangs on: our own listener. */
export const CONNECTION = 'jms';

export interface StartedSystem extends AsyncDisposable {
  readonly facts: RunningSystem;
}

export interface SystemPlan {
  /** More settings of its engine; `none`: it has no engine. */
  readonly engine?: Readonly<Record<string, string>> | 'none';
}

/** `logs` is the folder that takes what console and engine write. */
export async function startSystem(logs: string, plan: SystemPlan = {}): Promise<StartedSystem> {
  const stack = new AsyncDisposableStack();
  try {
    const facts = await start(logs, plan, stack);
    return { facts, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function start(logs: string, plan: SystemPlan, stack: AsyncDisposableStack): Promise<RunningSystem> {
  mkdirSync(logs, { recursive: true });
  const server = await builtConsole();
  const folder = mkdtempSync(path.join(os.tmpdir(), 'inorder-e2e-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  stack.defer(closeServices);
  const database = stack.use(await testDatabase());
  const redis = await testRedis();
  const amqpPort = await freePort();
  const listener = siteDocumentSchema.parse({ connections: { [CONNECTION]: { kind: 'LISTEN', port: amqpPort } } });
  const applied = await applySite(database.pool, listener, { actor: 'system', secretKey: TEST_SECRET_KEY });
  if (!applied.ok) throw new Error(`the listener was not applied: ${JSON.stringify(applied.problems)}`);
  const people = await makePeople(database.pool);

  const adminSecret = randomBytes(24).toString('hex');
  const shared = redis === undefined ? {} : { REDIS_URL: redis.url };
  if (plan.engine !== 'none') {
    const env = { INORDER_ADMIN_SECRET: adminSecret, ...shared, ...plan.engine };
    const engine = stack.use(
      await startEngine({ databaseUrl: database.url, amqpPort, dataDir: path.join(folder, 'engine-1'), env }),
    );
    stack.defer(() =>
      writeFileSync(
        path.join(logs, 'engine.log'),
        engine
          .log()
          .map((line) => JSON.stringify(line))
          .join('\n'),
      ),
    );
  }
  const console = stack.use(
    await startConsole(
      server,
      {
        ...shared,
        DATABASE_URL: database.url,
        INORDER_ADMIN_SECRET: adminSecret,
        INORDER_AUTH_SECRET: randomBytes(32).toString('hex'),
        INORDER_SECRET_KEY: Buffer.from(TEST_SECRET_KEY).toString('base64'),
      },
      path.join(logs, 'console.log'),
    ),
  );
  return {
    consoleUrl: console.url,
    databaseUrl: database.url,
    ...(redis === undefined ? {} : { redisUrl: redis.url }),
    amqpPort,
    adminSecret,
    people: await signPeopleIn(console.url, adminSecret, people, folder),
  };
}
