import { interfaceListSchema, type Published, publishedSchema, siteDocumentSchema } from '@inorder/shared';
import type { Command } from 'commander';
import pc from 'picocolors';
import { stringify } from 'yaml';
import { agree } from '../console/agree.ts';
import { openConsole } from '../console/client.ts';
import { parseCode } from '../console/target.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { readSiteFile, type SiteFile } from '../site-file.ts';
import { table } from '../table.ts';

interface ApplyOptions {
  readonly reason?: string;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

export function register(command: Command): void {
  const described = (name: string, summary: string) => command.command(name).summary(summary).description(summary);
  described('apply', 'apply a site document: connections, destinations, code tables, sources, interfaces')
    .argument('<file>', 'YAML or JSON; any part may be left out')
    .option('--reason <text>', 'why, for the audit')
    .option('--dry-run', 'only show what it would do', false)
    .option('-y, --yes', 'do not ask', false)
    .option('--json', 'for programs', false)
    .addHelpText(
      'after',
      `
What the file does not name is left alone. A changed interface becomes a new revision that holds from the next message on.

Examples:
  inorder interface show LAB-0042 > lab.yaml
  inorder interface apply lab.yaml --reason "Cancelled orders are wanted too"`,
    )
    .action(apply);
  described('list', 'every interface')
    .option('--site <name>', 'of one site')
    .option('--tag <tag>', 'with one tag')
    .option('--json', 'for programs', false)
    .action(list);
  described('show', 'the document of an interface, as apply takes it')
    .argument('<code>', 'LAB-0042', parseCode)
    .option('--json', 'for programs', false)
    .action(show);
}

async function apply(path: string, options: ApplyOptions): Promise<void> {
  const file = readSiteFile(path);
  if (!options.dryRun && options.reason === undefined)
    throw new CommandFailure(EXIT.wrongUse, 'give a --reason for the audit (or --dry-run to only look)');
  const console = openConsole();
  const publish = async (dryRun: boolean): Promise<Extract<Published, { ok: true }>> => {
    const { reason } = options;
    const input = { site: file.document, dryRun, ...(reason === undefined ? {} : { reason }) };
    return agreed(await console.mutation('config.publish', input, publishedSchema), file);
  };
  const planned = await publish(true);
  const say = (text: string): void => void process.stdout.write(options.json ? '' : text);
  say(describe(planned));
  const print = (done: boolean): void => {
    if (options.json) process.stdout.write(`${JSON.stringify({ changes: planned.changes, done })}\n`);
  };
  if (options.dryRun) {
    say(pc.dim('dry run: nothing was done\n'));
    return print(false);
  }
  if (changed(planned) === 0) return print(true);
  if (!options.yes) await agree(options.json);
  await publish(false);
  say(`${pc.green('✓')} applied\n`);
  print(true);
}

function agreed(answer: Published, file: SiteFile): Extract<Published, { ok: true }> {
  if (answer.ok) return answer;
  const lines = answer.problems.map((problem) => `  ${file.place(problem.path)} ${problem.path} ${problem.message}`);
  throw new CommandFailure(EXIT.failed, `the site cannot be applied, nothing was done\n${lines.join('\n')}`);
}

const KINDS: Readonly<Record<string, string>> = {
  connections: 'connections',
  destinations: 'destinations',
  codeTables: 'code tables',
  sources: 'sources',
  interfaces: 'interfaces',
};
const NAMES_SHOWN_MAX = 10;

function describe(answer: Extract<Published, { ok: true }>): string {
  const lines = Object.entries(answer.changes).flatMap(([kind, { created, updated, unchanged }]) => [
    ...(created.length > 0 ? [`  new ${KINDS[kind] ?? kind}: ${names(created)}`] : []),
    ...(updated.length > 0 ? [`  changed ${KINDS[kind] ?? kind}: ${names(updated)}`] : []),
    ...(unchanged > 0 ? [pc.dim(`  unchanged ${KINDS[kind] ?? kind}: ${unchanged}`)] : []),
  ]);
  return `${changed(answer) === 0 ? 'everything stands as the file says' : 'the file changes'}\n${lines.join('\n')}\n`;
}

function changed(answer: Extract<Published, { ok: true }>): number {
  return Object.values(answer.changes).reduce((sum, { created, updated }) => sum + created.length + updated.length, 0);
}

function names(all: readonly string[]): string {
  const more = all.length - NAMES_SHOWN_MAX;
  return `${all.slice(0, NAMES_SHOWN_MAX).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

async function list(options: { site?: string; tag?: string; json: boolean }): Promise<void> {
  const all = await openConsole().query('config.list', undefined, interfaceListSchema);
  const { site, tag } = options;
  const found = all.filter(
    (entry) => (site === undefined || entry.site === site) && (tag === undefined || entry.tags.includes(tag)),
  );
  if (options.json) return void process.stdout.write(`${JSON.stringify(found)}\n`);
  const rows = found.map((entry) => [
    entry.code,
    entry.name,
    entry.site,
    entry.destinations.join(', '),
    entry.tags.join(' '),
    entry.enabled ? '' : 'disabled',
  ]);
  const heading = ['code', 'name', 'site', 'to', 'tags', ''].map((word) => pc.dim(word));
  process.stdout.write(found.length === 0 ? 'no interface\n' : table([heading, ...rows]));
}

async function show(code: string, { json }: { json: boolean }): Promise<void> {
  const site = await openConsole().query('config.get', { interfaceCodes: [code] }, siteDocumentSchema);
  if (site.interfaces[code] === undefined) throw new CommandFailure(EXIT.failed, `there is no interface ${code}`);
  const document = { interfaces: { [code]: site.interfaces[code] } };
  process.stdout.write(json ? `${JSON.stringify(document)}\n` : stringify(document));
}
