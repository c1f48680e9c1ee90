/** `inorder status` for people. */
import type { InstanceRow } from '@inorder/db/console/instances';
import pc from 'picocolors';
import { seconds } from '../steps.ts';
import { table } from '../table.ts';
import type { SiteStatus } from './status.ts';

const NONE = '-';

export function statusText({ processes, counters, instances }: SiteStatus): string {
  const processRows = processes.map(({ name, up, address }) => [
    up ? pc.green('up') : pc.red('down'),
    name,
    address ?? '',
  ]);
  const counterRows = Object.entries(counters).map(([name, value]) => [
    words(name),
    value === null ? NONE : `${value}`,
  ]);
  const parts = [table(processRows), table(counterRows, ['left', 'right'])];
  // One that stopped and gave everything back is history.
  const shown = instances.filter(({ stopped, shards, sources }) => !stopped || shards > 0 || sources > 0);
  if (shown.length > 0) parts.push(instanceTable(shown));
  const unprotected = unprotectedText(shown);
  if (unprotected !== '') parts.push(unprotected);
  return parts.join('\n');
}

/** `inFlight` is a key of JSON; people read `in flight`. */
function words(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function instanceTable(instances: readonly InstanceRow[]): string {
  const heading = ['instance', 'roles', 'shards', 'epoch', 'sources', 'heartbeat', 'version'].map((title) =>
    pc.dim(title),
  );
  const rows = instances.map((row) => [
    row.instance,
    row.roles.join(' '),
    String(row.shards),
    row.epochMax === null ? NONE : String(row.epochMax),
    String(row.sources),
    heartbeatText(row),
    row.version,
  ]);
  return table([heading, ...rows], ['left', 'left', 'right', 'right', 'right', 'left']);
}

const NAMES_MAX = 5;

/** Sources whose queues the broker would give to a second reader (G3); '' where there is none. */
function unprotectedText(instances: readonly InstanceRow[]): string {
  const count = instances.reduce((sum, each) => sum + each.unprotected, 0);
  if (count === 0) return '';
  const names = instances
    .flatMap((each) => each.unprotectedNames)
    .sort()
    .slice(0, NAMES_MAX);
  const more = count > names.length ? ` and ${count - names.length} more` : '';
  return `${pc.yellow(`order not protected against a frozen reader: ${names.join(', ')}${more}`)}; inorder doctor says what to set\n`;
}

function heartbeatText({ alive, stopped, heartbeatAgeMs }: InstanceRow): string {
  if (stopped) return pc.red('stopped');
  const age = `${seconds(heartbeatAgeMs)} ago`;
  return alive ? age : pc.red(`silent, ${age}`);
}
