/** Which engine processes there are, and what each of them does. */

/** together: every process has every role. split: a process does one thing. */
export const LAYOUTS = ['together', 'split'] as const;
export type Layout = (typeof LAYOUTS)[number];

export interface EngineInstance {
  /** `engine-1`; in the split layout `validate-2`. */
  readonly name: string;
  /** Words of INORDER_ROLES. */
  readonly roles: readonly string[];
  /** Whether our own AMQP listener is here: a port has one listener. */
  readonly listens: boolean;
}

/** The watchdog finds what waits too long and tells the lanes, so it sits with them. */
const SPLIT = {
  ingest: ['ingest'],
  validate: ['validate'],
  enrich: ['enrich'],
  route: ['route'],
  deliver: ['deliver', 'watchdog'],
} as const;
const ALL_ROLES = Object.values(SPLIT).flat();

/** What the process of that name does, as `engineInstances` named it. */
export function rolesOf(name: string): readonly string[] {
  return Object.entries(SPLIT).find(([kind]) => kind === kindOf(name))?.[1] ?? ALL_ROLES;
}

/** The layout of processes of those names. */
export function layoutOf(names: readonly string[]): Layout {
  return names.some((name) => Object.keys(SPLIT).includes(kindOf(name))) ? 'split' : 'together';
}

function kindOf(name: string): string {
  return name.replace(/-\d+$/, '');
}

/** `count` processes; in the split layout that many of each kind. */
export function engineInstances(layout: Layout, count: number): EngineInstance[] {
  const kinds: readonly (readonly [string, readonly string[]])[] =
    layout === 'split' ? Object.entries(SPLIT) : [['engine', ALL_ROLES]];
  return kinds.flatMap(([kind, roles]) =>
    Array.from({ length: count }, (_, index) => ({
      name: `${kind}-${index + 1}`,
      roles,
      listens: index === 0 && roles.includes('ingest'),
    })),
  );
}
