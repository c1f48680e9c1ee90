import { randomUUID } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { QUEUE_BOARD_PATH, QUEUE_BOARD_RIGHT_HEADER } from '@inorder/shared';
import { eventually } from '@inorder/testkit/eventually';
import { redisServer } from '@inorder/testkit/redis-server';
import { testRedis } from '@inorder/testkit/services';
import { Hono } from 'hono';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BullQueues, MAINTENANCE_QUEUE, stageQueueName } from '../adapters/redis/bull-queues.ts';
import { HIDDEN_BUTTONS, queueBoard } from './queue-board.ts';

const shared = await testRedis();
const logger = pino({ level: 'silent' });

const VALIDATE = stageQueueName('VALIDATE');
const ACTS = { [QUEUE_BOARD_RIGHT_HEADER]: 'act' };

function mounted(queues: Parameters<typeof queueBoard>[0]) {
  const app = new Hono().route(QUEUE_BOARD_PATH, queueBoard(queues));
  return async (method: string, path: string, headers: Record<string, string> = {}, body?: unknown) => {
    const response = await app.request(QUEUE_BOARD_PATH + path, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text(), headers: response.headers };
  };
}

test('without Redis the board says so', async () => {
  const ask = mounted(null);
  expect(await ask('GET', '')).toMatchObject({ status: 404, text: expect.stringContaining('No Redis is configured') });
  expect((await ask('GET', '/api/queues')).status).toBe(404);
});

test('while Redis is away the board says so, and comes back with it', async ({ skip }) => {
  if (shared === undefined) skip();
  await using server = await redisServer();
  const queues = new BullQueues({ url: server.url, logger });
  const ask = mounted(queues);
  expect(await ask('GET', '')).toMatchObject({ status: 503, text: expect.stringContaining('Nothing is lost') });
  await server.start();
  await eventually('it shows the queues', async () => (await ask('GET', '/api/queues')).status === 200);
  await server.kill();
  await eventually('it says so', async () => (await ask('GET', '/api/queues')).status === 503);
  await queues.close();
});

describe.skipIf(shared === undefined)('the board over real queues', () => {
  let queues: BullQueues;
  let ask: ReturnType<typeof mounted>;
  const claimId = randomUUID();

  beforeAll(async () => {
    queues = new BullQueues({ url: shared?.url ?? '', prefix: `${shared?.prefix}board`, logger });
    await eventually('redis is reached', () => queues.isReady);
    ask = mounted(queues);
    await queues.queue(VALIDATE).add('chunk', { claimId, messages: 3, note: 'DOE^JANE' }, { jobId: randomUUID() });
  });
  afterAll(() => queues.close());

  test('shows its page from this host alone', async () => {
    for (const path of ['', `/queue/${VALIDATE}`]) {
      const page = await ask('GET', path);
      expect(page.status).toBe(200);
      expect(page.text).toContain(`<base href="${QUEUE_BOARD_PATH}/"`);
      expect(page.text).not.toMatch(/(href|src)="https?:/);
      expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    }
    const [script] = /static\/js\/main\.[^"]+\.js/.exec((await ask('GET', '')).text) ?? [];
    const answer = await ask('GET', `/${script}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain('javascript');
  });

  test('G18: shows every queue, and of a job ids and counts only', async () => {
    const { text } = await ask('GET', `/api/queues?activeQueue=${VALIDATE}`);
    for (const name of [VALIDATE, stageQueueName('ENRICH'), stageQueueName('ROUTE'), MAINTENANCE_QUEUE])
      expect(text).toContain(`"${name}"`);
    expect(text).toContain(claimId);
    expect(text).toContain('"messages":3');
    expect(text).not.toContain('DOE');
    const [job] = await queues.queue(VALIDATE).getJobs();
    expect((await ask('GET', `/api/queues/${VALIDATE}/${job?.id}`)).text).not.toContain('DOE');
  });

  test('is read only without the right, and says so on its page', async () => {
    const queue = queues.queue(VALIDATE);
    expect((await ask('PUT', `/api/queues/${VALIDATE}/pause`)).status).toBe(403);
    expect((await ask('PUT', '/api/queues/pause', { [QUEUE_BOARD_RIGHT_HEADER]: 'yes' })).status).toBe(403);
    expect(await queue.isPaused()).toBe(false);
    expect((await ask('GET', '/api/queues')).text).toContain('"readOnlyMode":true');
    expect((await ask('GET', '/api/queues', ACTS)).text).toContain('"readOnlyMode":false');
  });

  test('does what it is told by who may act', async () => {
    const queue = queues.queue(VALIDATE);
    expect((await ask('PUT', `/api/queues/${VALIDATE}/pause`, ACTS)).status).toBe(200);
    expect(await queue.isPaused()).toBe(true);
    expect((await ask('PUT', '/api/queues/resume', ACTS)).status).toBe(200);
    expect(await queue.isPaused()).toBe(false);
    const job = await queue.add('chunk', { claimId: randomUUID(), messages: 1 }, { jobId: randomUUID() });
    expect((await ask('PUT', `/api/queues/${VALIDATE}/${job.id}/clean`, ACTS)).status).toBe(204);
    expect(await queue.getJob(job.id ?? '')).toBeUndefined();
    await queues.queue(MAINTENANCE_QUEUE).upsertJobScheduler('retention', { every: 3_600_000 });
    const run = `/api/queues/${MAINTENANCE_QUEUE}/job-schedulers/retention/run`;
    expect((await ask('PUT', run, ACTS)).status).toBe(200);
  });

  test('has no button for what is refused to everybody: the board’s scripts know what the style hides', async () => {
    expect((await ask('GET', '', ACTS)).text).toContain('<style>[role="menuitem"]:has(');
    const folder = path.join(
      path.dirname(createRequire(import.meta.url).resolve('@bull-board/ui/package.json')),
      'dist',
    );
    const scripts = globSync('static/js/**/*.js', { cwd: folder }).map((file) =>
      readFileSync(path.join(folder, file), 'utf8'),
    );
    const isKnown = (text: string): boolean => scripts.some((script) => script.includes(text));
    const style = HIDDEN_BUTTONS.join();
    const icons = [...style.matchAll(/\.lucide-([a-z0-9-]+)/g)].map(([, name]) => `("${name}",[[`);
    const classes = [...style.matchAll(/class\*="([A-Za-z]+-)"/g)].map(([, name]) => `${name}`);
    expect(icons.length + classes.length).toBeGreaterThan(10);
    expect([...icons, ...classes].filter((text) => !isKnown(text))).toEqual([]);
  });

  test('lets nobody write jobs by hand', async () => {
    const before = await queues.queue(VALIDATE).count();
    const [job] = await queues.queue(VALIDATE).getJobs();
    const attempts = [
      ['POST', `/api/queues/${VALIDATE}/add`],
      ['PUT', `/api/queues/${VALIDATE}/obliterate`],
      ['PUT', `/api/queues/${VALIDATE}/rate-limit`],
      ['PUT', `/api/queues/${VALIDATE}/concurrency`],
      ['PATCH', `/api/queues/${VALIDATE}/${job?.id}/update-data`],
      ['PATCH', `/api/queues/${MAINTENANCE_QUEUE}/job-schedulers/retention`],
      ['PUT', `/api/queues/${MAINTENANCE_QUEUE}/job-schedulers/retention/remove`],
      ['DELETE', `/api/queues/${VALIDATE}`],
    ] as const;
    for (const [method, path] of attempts) {
      const answer = await ask(method, path, ACTS, { name: 'chunk', data: {}, force: true });
      expect([method, path, answer.status]).toEqual([method, path, 405]);
    }
    expect(await queues.queue(VALIDATE).count()).toBe(before);
  });
});
