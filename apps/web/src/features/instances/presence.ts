/** What the instances page says, worked out from one reading of `instances.list`. Pure, so that it is tested as a table. */
import type { RouterOutputs } from '../../trpc/outputs.ts';

export type Instance = RouterOutputs['instances']['list']['instances'][number];
export type Shard = RouterOutputs['instances']['list']['shards'][number];

export const PRESENCES = ['ALIVE', 'LOST', 'STOPPED'] as const;
/** LOST: silent for longer than a lease without having said that it stops. */
export type Presence = (typeof PRESENCES)[number];

export function presenceOf(instance: Pick<Instance, 'alive' | 'stopped'>): Presence {
  if (instance.stopped) return 'STOPPED';
  return instance.alive ? 'ALIVE' : 'LOST';
}

/** In the order of a message's way. */
export const ROLES = ['ingest', 'validate', 'enrich', 'route', 'deliver', 'watchdog'] as const;
export type EngineRole = (typeof ROLES)[number];

/** A word this console does not know is left out. */
export function rolesOf(instance: Pick<Instance, 'roles'>): EngineRole[] {
  return ROLES.filter((role) => instance.roles.includes(role));
}

/** Role → names of the instances that are alive and host it. */
export function hostsOf(instances: readonly Instance[]): Map<EngineRole, string[]> {
  const alive = instances.filter((instance) => presenceOf(instance) === 'ALIVE');
  return new Map(
    ROLES.map((role) => [role, alive.filter((each) => rolesOf(each).includes(role)).map((each) => each.instance)]),
  );
}

/** Alive first, then lost, then stopped; each along a message's way, by the first role; else by name, as they came. */
export function inOrder(instances: readonly Instance[]): Instance[] {
  const rank = (each: Instance) => {
    const first = rolesOf(each)[0];
    return PRESENCES.indexOf(presenceOf(each)) * 100 + (first === undefined ? ROLES.length : ROLES.indexOf(first));
  };
  return [...instances].sort((a, b) => rank(a) - rank(b));
}

/** Sources whose queues have no exclusive consumer (G3). */
export interface Unprotected {
  readonly count: number;
  /** The first of them by name, at most `namesMax`. */
  readonly names: readonly string[];
}

export function unprotectedOf(
  instances: readonly Pick<Instance, 'unprotected' | 'unprotectedNames'>[],
  namesMax: number,
): Unprotected {
  const names = instances.flatMap((each) => each.unprotectedNames);
  return {
    count: instances.reduce((sum, each) => sum + each.unprotected, 0),
    names: names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).slice(0, namesMax),
  };
}

export interface Holding {
  readonly owner: string;
  readonly shards: readonly number[];
  /** False: whoever holds them is lost or stopped, and their lanes wait for a successor. */
  readonly alive: boolean;
}

/** Owners by name, `engine-2` before `engine-10`. */
export function holdingsOf(shards: readonly Shard[], instances: readonly Instance[]): Holding[] {
  const byOwner = new Map<string, number[]>();
  for (const [shard, { owner }] of shards.entries()) {
    if (owner === null) continue;
    const held = byOwner.get(owner);
    if (held === undefined) byOwner.set(owner, [shard]);
    else held.push(shard);
  }
  const alive = new Set(instances.filter((each) => presenceOf(each) === 'ALIVE').map((each) => each.instance));
  return [...byOwner]
    .map(([owner, held]) => ({ owner, shards: held, alive: alive.has(owner) }))
    .sort((a, b) => a.owner.localeCompare(b.owner, 'en', { numeric: true }));
}

/** `0–3, 7`; after `partsMax` parts `and 12 more`, counted in shards. */
export function rangesText(shards: readonly number[], partsMax: number): string {
  const ranges: { from: number; to: number }[] = [];
  for (const shard of shards) {
    const last = ranges.at(-1);
    if (last !== undefined && shard === last.to + 1) last.to = shard;
    else ranges.push({ from: shard, to: shard });
  }
  const parts = ranges.slice(0, partsMax).map(({ from, to }) => (from === to ? `${from}` : `${from}–${to}`));
  const rest = ranges.slice(partsMax).reduce((sum, { from, to }) => sum + to - from + 1, 0);
  return rest === 0 ? parts.join(', ') : `${parts.join(', ')} and ${rest} more`;
}

/** As many as can be told apart; further owners take a colour a second time, and their names tell them apart. */
export const OWNER_COLOURS = 8;

/** Owner → colour. Who has one keeps it while others come and go. */
export function coloursOf(before: ReadonlyMap<string, number>, owners: readonly string[]): Map<string, number> {
  const colours = new Map(owners.flatMap((owner) => pair(owner, before.get(owner))));
  for (const owner of owners) {
    if (colours.has(owner)) continue;
    const taken = Array.from({ length: OWNER_COLOURS }, (_, c) => [...colours.values()].filter((n) => n === c).length);
    colours.set(owner, taken.indexOf(Math.min(...taken)));
  }
  return colours;
}

function pair(owner: string, colour: number | undefined): [string, number][] {
  return colour === undefined ? [] : [[owner, colour]];
}
