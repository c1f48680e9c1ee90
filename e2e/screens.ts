/**
 * Pictures of every page, light and dark, on a desk and on a phone, from a really running system with traffic and dead
 * letters: `node e2e/screens.ts [FOLDER]`, by default docs/screens. Their names are stable: `lag-dark-1440.png`.
 */
import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { applySite } from '@inorder/db';
import { QUEUE_BOARD_PATH, siteDocumentSchema } from '@inorder/shared';
import { startEngine, TEST_SECRET_KEY } from '@inorder/testkit/engine-process';
import { eventually } from '@inorder/testkit/eventually';
import { freePort } from '@inorder/testkit/services';
import { type Browser, type BrowserContext, chromium, type Page } from '@playwright/test';
import { BROWSER } from './running/browser.ts';
import type { RunningSystem } from './running/facts.ts';
import { badOrderAndCancel, type Laboratory, newOrder, openLaboratory } from './running/laboratory.ts';
import { startSystem } from './running/system.ts';

const BYTES_MAX = 300_000;
const SIZES = [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
];
const THEMES = ['light', 'dark'] as const;

interface Picture {
  readonly name: string;
  readonly path: string;
  /** Null: nobody is signed in. */
  readonly role: 'admin' | 'analyst' | 'viewer' | null;
  /** What has to be there before the picture is taken, or done. */
  readonly until: (page: Page) => Promise<unknown>;
}

const visible = (text: string | RegExp) => (page: Page) => page.getByText(text).first().waitFor();
const live = (page: Page) => page.locator('[data-testid="live-bar"][data-live="on"]').waitFor();

const lane = async (page: Page): Promise<void> => {
  await page.locator('a[data-number]').first().waitFor();
  await page.locator('[data-testid="lane-status"][data-live="on"]').waitFor();
};

/** Before there is any interface. */
const EMPTY: readonly Picture[] = [
  { name: 'sign-in', path: '/sign-in', role: null, until: visible('Sign in to Inorder') },
  { name: 'lag-empty', path: '/lag', role: 'admin', until: live },
  { name: 'dlq-empty', path: '/dlq', role: 'admin', until: visible('Nothing has failed yet') },
  { name: 'messages-empty', path: '/messages', role: 'admin', until: visible('Nothing searched yet') },
];

/** While no engine has run. */
const WITHOUT_ENGINE: readonly Picture[] = [
  { name: 'instances-empty', path: '/instances', role: 'admin', until: visible('No engine has run in the last day') },
  { name: 'queues-away', path: QUEUE_BOARD_PATH, role: 'admin', until: visible('No engine is running') },
];

/** Of engines that come and go, and of what stands between them. */
const INSTANCES: readonly Picture[] = [
  { name: 'instances', path: '/instances', role: 'admin', until: visible('1 lost') },
  { name: 'queues', path: QUEUE_BOARD_PATH, role: 'admin', until: visible('0 Jobs') },
  { name: 'queues-analyst', path: QUEUE_BOARD_PATH, role: 'analyst', until: visible('0 Jobs') },
  { name: 'queues-denied', path: QUEUE_BOARD_PATH, role: 'viewer', until: visible('You may not see the stage queues') },
];

/** Of a queue at a broker that would be given to a second reader as well. */
function unprotected(code: string): Picture[] {
  return [
    {
      name: 'interface-unprotected',
      path: `/interfaces/${code}`,
      role: 'admin',
      until: async (page) => {
        await lane(page);
        await visible('not protected')(page);
      },
    },
    { name: 'instances-unprotected', path: '/instances', role: 'admin', until: visible('Order not protected') },
  ];
}

/** Last of all: everything holds. */
const RESTORED: readonly Picture[] = [
  {
    name: 'restored',
    path: '/lag',
    role: 'admin',
    until: async (page) => {
      await live(page);
      await visible('Postgres was restored')(page);
    },
  },
  {
    name: 'restored-release',
    path: '/lag',
    role: 'admin',
    until: async (page) => {
      await page.getByRole('button', { name: 'Release them' }).click();
      await page.getByLabel('Reason').fill('Compared with the laboratories up to 14:05');
    },
  },
];

function full(labs: readonly [Laboratory, Laboratory, Laboratory]): Picture[] {
  const [busy, down, held] = labs;
  const stalled = async (page: Page): Promise<void> => {
    await live(page);
    await page
      .locator('[data-testid^="iface-row-"]')
      .filter({ hasText: 'Stalled' })
      .first()
      .waitFor({ timeout: 60_000 });
  };
  const message = async (page: Page): Promise<void> => {
    await page.getByRole('heading', { name: 'What it says' }).waitFor();
    await page.locator('[aria-busy="true"]').waitFor({ state: 'detached' });
  };
  return [
    {
      name: 'interface-new',
      path: '/interfaces/LAB-0099',
      role: 'admin',
      until: visible('The first order that arrives gets'),
    },
    { name: 'interface', path: `/interfaces/${busy.code}`, role: 'admin', until: lane },
    { name: 'interface-down', path: `/interfaces/${down.code}`, role: 'admin', until: lane },
    { name: 'interface-holding', path: `/interfaces/${held.code}`, role: 'admin', until: lane },
    { name: 'dlq', path: '/dlq', role: 'admin', until: visible('All causes') },
    {
      name: 'dlq-cause',
      path: '/dlq',
      role: 'admin',
      until: async (page) => {
        await page.getByRole('navigation', { name: 'Causes' }).getByRole('button').nth(1).click();
        await page.getByRole('region', { name: 'Cause', exact: true }).waitFor();
        await page.getByRole('table', { name: 'Dead letters' }).waitFor();
      },
    },
    { name: 'message', path: `/messages/${busy.code}/1`, role: 'admin', until: message },
    { name: 'message-dead', path: `/messages/${busy.code}/7`, role: 'admin', until: message },
    {
      name: 'replay-after-cancel',
      path: `/messages/${busy.code}/7`,
      role: 'admin',
      until: async (page) => {
        await page.getByRole('button', { name: 'Replay', exact: true }).click();
        await page.locator('[data-step="READY"]').waitFor();
      },
    },
    {
      name: 'skip',
      path: `/messages/${down.code}/4`,
      role: 'admin',
      until: async (page) => {
        await page.getByRole('button', { name: 'Skip', exact: true }).click();
        await page.locator('[data-step="READY"]').waitFor();
        await page.getByRole('button', { name: 'Entered by hand at the laboratory' }).click();
      },
    },
    {
      name: 'messages',
      path: '/messages',
      role: 'admin',
      until: async (page) => {
        await page.getByLabel('Number to find').fill(busy.controlId(1));
        await page.getByRole('button', { name: 'Find' }).click();
        await page.getByRole('table', { name: 'Messages found' }).waitFor();
      },
    },
    // Last: after half a minute the lanes that stand still are called stalled.
    { name: 'lag', path: '/lag', role: 'admin', until: stalled },
    { name: 'lag-viewer', path: '/lag?q=northgate', role: 'viewer', until: stalled },
    { name: 'audit', path: '/audit', role: 'admin', until: visible('interface.create') },
    { name: 'audit-denied', path: '/audit', role: 'viewer', until: visible('You may not read the audit') },
  ];
}

async function contextOf(
  browser: Browser,
  system: RunningSystem,
  picture: Picture,
  theme: (typeof THEMES)[number],
  size: (typeof SIZES)[number],
): Promise<BrowserContext> {
  const context = await browser.newContext({
    baseURL: system.consoleUrl,
    viewport: size,
    locale: 'en-GB',
    timezoneId: 'Europe/Amsterdam',
    reducedMotion: 'reduce',
    // bull-board follows the system, not the console's cookie.
    colorScheme: theme,
    ...(picture.role === null ? {} : { storageState: system.people[picture.role].session }),
  });
  await context.addCookies([{ name: 'inorder-theme', value: theme, url: system.consoleUrl }]);
  return context;
}

async function take(browser: Browser, system: RunningSystem, picture: Picture, folder: string): Promise<void> {
  for (const theme of THEMES) {
    for (const size of SIZES) {
      await using context = await contextOf(browser, system, picture, theme, size);
      const page = await context.newPage();
      await page.goto(picture.path);
      await picture.until(page);
      await page.evaluate(() => document.fonts.ready);
      // Controls under the pointer or in focus look unlike the others.
      await page.mouse.move(0, 0);
      const file = path.join(folder, `${picture.name}-${theme}-${size.width}.png`);
      await page.screenshot({ path: file, animations: 'disabled', caret: 'hide' });
      const { size: bytes } = statSync(file);
      process.stdout.write(
        `${path.basename(file)} ${Math.round(bytes / 1000)} kB${bytes > BYTES_MAX ? ' TOO BIG' : ''}\n`,
      );
      if (bytes > BYTES_MAX) process.exitCode = 1;
    }
  }
}

const SITES = ['Northgate', 'Harbour', 'Hillside'];
const WARDS = ['Emergency', 'Intensive care', 'Oncology', 'Paediatrics', 'Surgery', 'Outpatients', 'Maternity'];

/** A dozen lanes: most flow, one laboratory is away, one lane holds, one is paused by nobody but has never had an order. */
async function openSite(system: RunningSystem, stack: AsyncDisposableStack): Promise<Laboratory[]> {
  const labs: Laboratory[] = [];
  for (let n = 1; n <= 12; n += 1) {
    const [site, ward] = [SITES[n % SITES.length] ?? '', WARDS[n % WARDS.length] ?? ''];
    const code = `LAB-${String(n).padStart(4, '0')}`;
    const delivery = n === 3 ? { onFailure: 'hold' as const } : {};
    labs.push(stack.use(await openLaboratory(system, { code, name: `${site} ${ward}`, site, delivery })));
  }
  stack.use(await openLaboratory(system, { code: 'LAB-0099', name: 'Hillside Cardiology', site: 'Hillside' }));
  return labs;
}

async function bringTraffic(labs: readonly [Laboratory, Laboratory, Laboratory, ...Laboratory[]]): Promise<void> {
  const [busy, down, held] = labs;
  for (const [i, lab] of labs.entries()) {
    if (lab === busy || lab === down || lab === held) continue;
    const last = 8 + ((i * 7) % 20);
    for (let n = 1; n <= last; n += 1)
      lab.send(newOrder(lab.code, n, n === last - 3 && i % 3 === 0 ? 'unknownCode' : undefined));
  }
  for (let n = 1; n <= 6; n += 1) busy.send(newOrder(busy.code, n));
  for (const order of badOrderAndCancel(busy.code, 7)) busy.send(order);
  busy.lis.switches.set({ id: 'no', controlId: busy.controlId(21), fault: { kind: 'answer', code: 'AR' } });
  for (let n = 9; n <= 40; n += 1) busy.send(newOrder(busy.code, n, n % 13 === 0 ? 'unknownCode' : undefined));
  for (let n = 1; n <= 3; n += 1) down.send(newOrder(down.code, n));
  await eventually('the first orders have arrived', () => down.received.length === 3);
  await down.listen(false);
  for (let n = 4; n <= 12; n += 1) down.send(newOrder(down.code, n));
  for (let n = 1; n <= 9; n += 1) held.send(newOrder(held.code, n, n === 5 ? 'unknownCode' : undefined));
  await eventually(
    'every lane has come to rest',
    async () => {
      const { rows } = await busy.pool.query<{ open: number }>(
        `SELECT count(*)::int AS open FROM message_tracking t JOIN interface i USING (interface_id)
          WHERE t.settled_at IS NULL AND i.code NOT IN ($1, $2)`,
        [down.code, held.code],
      );
      return rows[0]?.open === 0 && busy.received.length >= 37 && held.received.length === 4;
    },
    { withinMs: 60_000, shown: () => [busy.received.length, held.received.length] },
  );
}

/** Beside the first engine: one more for everything, two that deliver, of which one is killed and one stops. */
async function openInstances(system: RunningSystem, stack: AsyncDisposableStack): Promise<void> {
  const start = async (instance: string, roles?: string) =>
    stack.use(
      await startEngine({
        databaseUrl: system.databaseUrl,
        ...(system.redisUrl === undefined ? {} : { redisUrl: system.redisUrl }),
        instance,
        ...(roles === undefined ? {} : { roles }),
        env: { INORDER_ADMIN_SECRET: system.adminSecret },
      }),
    );
  await start('engine-2');
  const [killed, stopped] = [await start('deliver-1', 'deliver'), await start('deliver-2', 'deliver')];
  await stopped.stop();
  await killed.kill();
}

/** As its reader would have found it at the broker; nobody listens at this one. */
async function openUnprotectedQueue({ code, pool }: Laboratory): Promise<void> {
  const site = siteDocumentSchema.parse({
    connections: { 'hospital-broker': { kind: 'CONNECT', host: '127.0.0.1', port: await freePort() } },
    sources: { 'ward-orders': { connection: 'hospital-broker', address: 'ward-orders', interfaces: [code] } },
  });
  const applied = await applySite(pool, site, { actor: 'system', secretKey: TEST_SECRET_KEY });
  if (!applied.ok) throw new Error(`the queue was not applied: ${JSON.stringify(applied.problems)}`);
  await pool.query(
    `INSERT INTO source_protection (source_id, verdict, detail, checked_at)
     SELECT source_id, 'NOT_PROTECTED', 'Set \`exclusive\` on the queue', now() FROM source WHERE name = 'ward-orders'`,
  );
}

const ROOT = path.resolve(import.meta.dirname, '..');
const folder = path.resolve(process.argv[2] ?? path.join(ROOT, 'docs/screens'));
mkdirSync(folder, { recursive: true });
await using stack = new AsyncDisposableStack();
const browser = await chromium.launch(BROWSER);
stack.defer(() => browser.close());
// Gone before the next one starts: the systems of one process share their services.
{
  await using idle = await startSystem(path.join(import.meta.dirname, 'test-results/logs/idle'), { engine: 'none' });
  for (const picture of WITHOUT_ENGINE) await take(browser, idle.facts, picture, folder);
}
const { facts: system } = stack.use(await startSystem(path.join(import.meta.dirname, 'test-results/logs')));
for (const picture of EMPTY) await take(browser, system, picture, folder);
const [busy, down, held, ...others] = await openSite(system, stack);
if (busy === undefined || down === undefined || held === undefined) throw new Error('three lanes at least');
await bringTraffic([busy, down, held, ...others]);
for (const picture of full([busy, down, held])) await take(browser, system, picture, folder);
await openInstances(system, stack);
for (const picture of INSTANCES) await take(browser, system, picture, folder);
await openUnprotectedQueue(busy);
for (const picture of unprotected(busy.code)) await take(browser, system, picture, folder);
await busy.pool.query('UPDATE store_identity SET table_oid = 0');
for (const picture of RESTORED) await take(browser, system, picture, folder);
