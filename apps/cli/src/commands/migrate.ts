/** What has to happen to a database before engines and console start on it, for sites that `up` does not run. */
import {
  applySite,
  bootstrapUsers,
  createDatabase,
  exportSite,
  migrate,
  migrationState,
  parseSecretKey,
} from '@inorder/db';
import type { Command } from 'commander';
import pg from 'pg';
import { CommandFailure, EXIT } from '../exit.ts';
import { type PrintDocument, tellInJson } from '../json.ts';
import { readSiteFile } from '../site-file.ts';
import { terminalProgress } from '../steps.ts';
import { givenDatabaseUrl } from '../up/given.ts';

interface Options {
  readonly site?: string;
  readonly json: boolean;
}

/** What became of the file of `--site`; null: none was given. */
type SiteOutcome = 'applied' | 'kept' | null;

export function register(command: Command): void {
  command
    .option('--site <file>', 'a site document, applied only where there is no interface yet')
    .option('--json', 'for programs: what was applied, and what is current', false)
    .addHelpText(
      'after',
      `
Brings the database of DATABASE_URL up to date, several at once without harm, and makes the first administrator where
there is no user. Nobody is told the password: POST /api/internal/sign-in-link at the console, from its own machine and
with the admin secret, gives a link to sign in with. --site needs INORDER_SECRET_KEY.`,
    )
    .action((options: Options) => tellInJson(options.json, (print) => run(options, print)));
}

async function run({ site, json }: Options, print: PrintDocument): Promise<void> {
  const url = givenDatabaseUrl(process.env);
  if (url === undefined) throw new CommandFailure(EXIT.wrongUse, 'DATABASE_URL names no database');
  const { say } = terminalProgress(json);
  const pool = new pg.Pool({ connectionString: url, max: 2, connectionTimeoutMillis: 10_000 });
  pool.on('error', () => undefined);
  try {
    if (await isMissing(pool)) await createDatabase(url);
    const applied = await migrate(url, { log: say });
    say(applied.length === 0 ? 'the schema is up to date' : `${applied.length} migrations applied`);
    const first = await bootstrapUsers(pool, { demo: false });
    const administrator = first?.users.map((user) => user.email).join(', ') ?? null;
    if (administrator !== null) say(`first administrator: ${administrator}`);
    const outcome = site === undefined ? null : await applyFirst(pool, site, say);
    if (json) print(await documentOf(pool, applied, administrator, outcome));
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === '57P03')
      throw new CommandFailure(EXIT.notReachable, `no Postgres answers at ${new URL(url).host}`, { cause: error });
    throw error;
  } finally {
    await pool.end();
  }
}

async function isMissing(pool: pg.Pool): Promise<boolean> {
  try {
    await pool.query('SELECT 1');
    return false;
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === '3D000') return true;
    throw error;
  }
}

async function documentOf(
  pool: pg.Pool,
  applied: readonly string[],
  firstAdministrator: string | null,
  site: SiteOutcome,
): Promise<object> {
  const state = await migrationState(pool);
  const { edited, unknown } = state;
  return { applied, current: state.applied.at(-1) ?? null, edited, unknown, firstAdministrator, site };
}

async function applyFirst(pool: pg.Pool, file: string, say: (line: string) => void): Promise<SiteOutcome> {
  if (Object.keys((await exportSite(pool)).interfaces).length > 0) {
    say('the site is there; its file is not applied');
    return 'kept';
  }
  const secretKey = parseSecretKey(process.env['INORDER_SECRET_KEY'] ?? '');
  const applied = await applySite(pool, readSiteFile(file).document, {
    actor: 'system',
    reason: 'first site of a deployment',
    secretKey,
  });
  if (applied.ok) {
    say('the site is applied');
    return 'applied';
  }
  const problems = applied.problems.map((problem) => `  ${problem.path} ${problem.message}`);
  throw new CommandFailure(EXIT.failed, `${file} does not apply:\n${problems.join('\n')}`);
}
