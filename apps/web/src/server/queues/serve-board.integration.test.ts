/** The way to bull-board, with a real Postgres, real sessions, and an engine that answers as each test says. */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ADMIN_SECRET_HEADER, QUEUE_BOARD_PATH, QUEUE_BOARD_RIGHT_HEADER, ROLES, type Role } from '@inorder/shared';
import { freePort, type TestDatabase, testDatabase } from '@inorder/testkit/services';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { auth } from '../auth/auth.ts';
import { makeSignInLink } from '../auth/sign-in-link.ts';
import { serveBoard } from './serve-board.ts';

const SECRET = 'a-shared-secret-of-tests';
const CONSOLE = 'http://127.0.0.1:3000';
const RETRY = '/api/queues/inorder-stage-enrich/17/retry';
const PAGE =
  '<html><head><base href="/admin/queues/"><link href="https://fonts.example/css2?family=X" rel="stylesheet">' +
  '<link href="static/css/main.css" rel="stylesheet"></head></html>';

interface Asked {
  readonly line: string;
  readonly headers: IncomingHttpHeaders;
  /** Rows of the audit when it was asked. */
  readonly audited: number;
}

let db: TestDatabase;
const cookies = new Map<Role, string>();
const asked: Asked[] = [];
let answer: RequestListener;
const engine = createServer((request, response) => {
  void audit().then((rows) => {
    asked.push({ line: `${request.method} ${request.url}`, headers: request.headers, audited: rows.length });
    answer(request, response);
  });
});
let engineUrl = '';

beforeAll(async () => {
  db = await testDatabase();
  vi.stubEnv('DATABASE_URL', db.url);
  vi.stubEnv('INORDER_ADMIN_SECRET', SECRET);
  vi.stubEnv('INORDER_AUTH_SECRET', randomBytes(32).toString('hex'));
  vi.stubEnv('INORDER_SECRET_KEY', randomBytes(32).toString('base64'));
  vi.stubEnv('INORDER_CONSOLE_URL', CONSOLE);
  vi.stubEnv('INORDER_LOG_LEVEL', 'silent');
  for (const role of ROLES) {
    const email = `${role}@example.org`;
    await db.pool.query(
      `INSERT INTO app_user (id, name, email, role, created_at, updated_at) VALUES ($1, $1, $2, $1, now(), now())`,
      [role, email],
    );
    const link = await makeSignInLink(email);
    const signedIn = await auth().api.signInByLink({
      body: { token: link?.token ?? '' },
      headers: new Headers(),
      asResponse: true,
    });
    const pairs = signedIn.headers.getSetCookie().flatMap((cookie) => cookie.split(';')[0] ?? []);
    cookies.set(role, pairs.join('; '));
  }
  await new Promise<void>((resolve) => engine.listen(0, '127.0.0.1', resolve));
  engineUrl = `http://127.0.0.1:${(engine.address() as AddressInfo).port}`;
});

afterAll(async () => {
  const { database } = await import('../database.ts');
  await database().pool.end();
  engine.closeAllConnections();
  await new Promise((resolve) => engine.close(resolve));
  await db[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
});

beforeEach(async () => {
  answer = (_, response) => response.setHeader('content-type', 'application/json').end('{"queues":[]}');
  await engines(engineUrl);
});

afterEach(async () => {
  asked.length = 0;
  await db.pool.query('TRUNCATE audit_log');
});

async function engines(...adminUrls: readonly string[]): Promise<void> {
  await db.pool.query('DELETE FROM engine_instance');
  for (const [n, url] of adminUrls.entries()) {
    await db.pool.query(
      `INSERT INTO engine_instance (instance, roles, admin_url, version, heartbeat_at) VALUES ($1, '{}', $2, '1', now() + interval '1 h')`,
      [`engine-${n + 1}`, url],
    );
  }
}

async function audit() {
  const { rows } = await db.pool.query('SELECT actor, action, target, reason, detail FROM audit_log ORDER BY audit_id');
  return rows;
}

type Asking = { readonly method?: string; readonly path?: string; readonly headers?: Record<string, string> };

function ask(role: Role | null, { method = 'GET', path = '', headers = {} }: Asking = {}): Promise<Response> {
  const cookie = role === null ? '' : (cookies.get(role) ?? '');
  return serveBoard(new Request(CONSOLE + QUEUE_BOARD_PATH + path, { method, headers: { cookie, ...headers } }));
}

const OPENS = { 'sec-fetch-dest': 'document' };
const OURS = { 'sec-fetch-site': 'same-origin' };

test('nobody is sent to sign-in and back, a script is told; the engine hears of neither', async () => {
  const opened = await ask(null, { path: '/queue/validate?status=failed', headers: OPENS });
  expect(opened.status).toBe(303);
  expect(opened.headers.get('location')).toBe(
    `/sign-in?next=${encodeURIComponent('/admin/queues/queue/validate?status=failed')}`,
  );
  expect((await ask(null, { path: '/api/queues' })).status).toBe(401);
  expect((await ask(null, { path: RETRY, method: 'PUT', headers: OURS })).status).toBe(401);
  expect(asked).toEqual([]);
});

test('who may not see the queues is told which right is missing', async () => {
  for (const role of ['viewer', 'auditor'] as const) {
    expect((await ask(role, { headers: OPENS })).headers.get('location')).toBe('/queues');
    const refused = await ask(role, { path: '/api/queues' });
    expect([refused.status, (await refused.json()).message]).toEqual([403, 'Your role does not include queues.read.']);
  }
  expect(asked).toEqual([]);
});

test('who may see them reads; only for an administrator the engine is told that they may act', async () => {
  for (const role of ['analyst', 'operator', 'integrator', 'admin'] as const) {
    const read = await ask(role, { path: '/api/queues?page=1', headers: { 'x-more': 'y' } });
    expect([role, read.status, await read.json()]).toEqual([role, 200, { queues: [] }]);
  }
  expect(asked.map(({ line }) => line)).toEqual(Array.from({ length: 4 }, () => 'GET /admin/queues/api/queues?page=1'));
  expect(asked.map(({ headers }) => headers[QUEUE_BOARD_RIGHT_HEADER])).toEqual([
    undefined,
    undefined,
    undefined,
    'act',
  ]);
  for (const { headers } of asked) {
    expect(headers[ADMIN_SECRET_HEADER]).toBe(SECRET);
    expect([headers.cookie, headers['x-more']]).toEqual([undefined, undefined]);
  }
});

test('G17: an act is in the audit, with its actor and the request as its reason, before the engine hears of it', async () => {
  const done = await ask('admin', { path: RETRY, method: 'PUT', headers: OURS });
  expect(done.status).toBe(200);
  expect(asked).toMatchObject([{ line: `PUT /admin/queues${RETRY}`, audited: 1 }]);
  expect(asked[0]?.headers[QUEUE_BOARD_RIGHT_HEADER]).toBe('act');
  expect(await audit()).toEqual([
    {
      actor: 'admin@example.org',
      action: 'queue.retry',
      target: 'queue:inorder-stage-enrich:17',
      reason: `bull-board: PUT ${RETRY}`,
      detail: null,
    },
  ]);
});

test('G17: an act that cannot be written into the audit is not done', async () => {
  await db.pool.query('ALTER TABLE audit_log RENAME TO audit_log_away');
  try {
    const refused = await ask('admin', { path: RETRY, method: 'PUT', headers: OURS });
    expect([refused.status, (await refused.json()).error]).toEqual([503, 'Nothing was done']);
  } finally {
    await db.pool.query('ALTER TABLE audit_log_away RENAME TO audit_log');
  }
  expect(asked).toEqual([]);
});

test('G17: an act that the engine refuses, or that nobody knows the end of, is in the audit as that', async () => {
  answer = (_, response) => response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":"no"}');
  expect((await ask('admin', { path: RETRY, method: 'PUT', headers: OURS })).status).toBe(500);
  answer = (_, response) => response.destroy();
  expect((await ask('admin', { path: RETRY, method: 'PUT', headers: OURS })).status).toBe(502);
  await engines(`http://127.0.0.1:${await freePort()}`);
  expect((await ask('admin', { path: RETRY, method: 'PUT', headers: OURS })).status).toBe(502);
  expect((await audit()).map(({ action, detail }) => [action, detail?.outcome])).toEqual([
    ['queue.retry', undefined],
    ['queue.failed', 'HTTP 500'],
    ['queue.retry', undefined],
    ['queue.failed', 'unknown'],
    ['queue.retry', undefined],
    ['queue.failed', 'not done'],
  ]);
});

test('who may only look cannot act, whatever they send', async () => {
  for (const role of ROLES.filter((each) => each !== 'admin')) {
    const headers = { ...OURS, [QUEUE_BOARD_RIGHT_HEADER]: 'act' };
    const refused = await ask(role, { path: RETRY, method: 'PUT', headers });
    expect([role, refused.status]).toEqual([role, 403]);
  }
  expect(asked).toEqual([]);
  expect(await audit()).toEqual([]);
});

test('an administrator who was one until a moment ago cannot act', async () => {
  await db.pool.query(`UPDATE app_user SET role = 'analyst' WHERE id = 'admin'`);
  try {
    expect((await ask('admin', { path: RETRY, method: 'PUT', headers: OURS })).status).toBe(403);
  } finally {
    await db.pool.query(`UPDATE app_user SET role = 'admin' WHERE id = 'admin'`);
  }
  expect(asked).toEqual([]);
});

test.each([
  ['neither header', {}],
  ['another site', { 'sec-fetch-site': 'cross-site' }],
  ['another port of this host', { 'sec-fetch-site': 'same-site' }],
  ['another origin', { origin: 'http://elsewhere.example', host: '127.0.0.1:3000' }],
  ['no origin', { origin: 'null', host: '127.0.0.1:3000' }],
])('an act that no page of ours has sent is refused: %s', async (_, headers) => {
  expect((await ask('admin', { path: RETRY, method: 'PUT', headers })).status).toBe(403);
  expect(asked).toEqual([]);
  expect(await audit()).toEqual([]);
});

test('what the engine alone does is refused to everybody: adding, editing, removing a queue', async () => {
  for (const [method, path] of [
    ['POST', '/api/queues/inorder-stage-enrich/add'],
    ['PATCH', '/api/queues/inorder-stage-enrich/17/update-data'],
    ['PUT', '/api/queues/inorder-stage-enrich/obliterate'],
    ['DELETE', '/api/queues/inorder-stage-enrich'],
    ['POST', RETRY],
  ] as const) {
    const refused = await ask('admin', { path, method, headers: OURS });
    expect([method, path, refused.status]).toEqual([method, path, 405]);
  }
  expect(asked).toEqual([]);
  expect(await audit()).toEqual([]);
});

test.each([
  '/..%2flanes',
  '/%2e%2e/%2e%2e/lanes',
  '/../../lanes',
  '/static/..%5c..%5clanes',
  '//elsewhere.example/x',
  '/a%00',
])('a path that leads elsewhere is not followed: %s', async (path) => {
  expect((await ask('admin', { path })).status).toBe(404);
  expect(asked).toEqual([]);
});

test('the page links no foreign host, and its policy allows none', async () => {
  answer = (_, response) =>
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'set-cookie': 'a=b', server: 'x' }).end(PAGE);
  const page = await ask('analyst', { headers: OPENS });
  const html = await page.text();
  expect(html).toContain('static/css/main.css');
  expect(html).not.toContain('fonts.example');
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
  expect([page.headers.get('set-cookie'), page.headers.get('server')]).toEqual([null, null]);
  expect([...page.headers].join()).not.toContain(SECRET);
});

const text = (status: number): RequestListener => {
  return (_, response) => response.writeHead(status, { 'content-type': 'text/plain' }).end('a sentence');
};

test.each<[string, RequestListener, string]>([
  ['runs without Redis', text(404), 'NO_REDIS'],
  ['has lost Redis', text(503), 'REDIS_AWAY'],
  ['has another secret', text(401), 'SECRET'],
  [
    'points elsewhere',
    (_, response) => response.writeHead(302, { location: 'http://elsewhere.example/' }).end(),
    'BROKEN',
  ],
  ['breaks off', (_, response) => response.destroy(), 'BROKEN'],
  ['sends no end', (_, response) => void endless(response), 'BROKEN'],
  [
    'sends what no browser is to get',
    (_, response) => response.setHeader('content-type', 'application/zip').end('PK'),
    'BROKEN',
  ],
])('an engine that %s: our page says so', async (_, listener, problem) => {
  answer = listener;
  expect((await ask('admin', { headers: OPENS })).headers.get('location')).toBe(`/queues?problem=${problem}`);
  // A script gets the same as a notice.
  const told = await ask('admin', { path: '', headers: {} });
  expect(told.status).toBeGreaterThanOrEqual(400);
  expect((await told.json()).message).toMatch(/\w/);
});

function endless(response: Parameters<RequestListener>[1]): void {
  response.setHeader('content-type', 'application/json');
  const part = Buffer.alloc(1024 * 1024, 0x20);
  const more = () => {
    while (!response.destroyed && response.write(part));
  };
  response.on('drain', more);
  more();
}

test('the next engine is asked where one cannot be reached; with none our page says so', async () => {
  const gone = `http://127.0.0.1:${await freePort()}`;
  await engines(gone, engineUrl);
  expect((await ask('analyst', { path: '/api/queues' })).status).toBe(200);
  await engines(gone);
  expect((await ask('analyst', { headers: OPENS })).headers.get('location')).toBe('/queues?problem=ENGINE_AWAY');
  await engines();
  expect((await ask('analyst', { headers: OPENS })).headers.get('location')).toBe('/queues?problem=NO_ENGINE');
});
