/** The command line of a bench: numbers with defaults, `--layout`, `--instances`, `--json`, `--profile FOLDER`. */
import { parseArgs } from 'node:util';
import { LAYOUTS, type Layout, type LayoutPlan } from './layout.ts';

const INSTANCES: Readonly<Record<Layout, number>> = { embedded: 1, distributed: 2, split: 2 };

export type Numbers = Readonly<Record<string, number>>;

export interface BenchOptions<N extends Numbers> {
  readonly numbers: N;
  readonly plan: LayoutPlan;
  /** One JSON object on standard output instead of text. */
  readonly json: boolean;
  /** Folder for a CPU profile of each engine. */
  readonly profile: string | undefined;
}

/** undefined: `problem` has been told, or `--help` was asked for. */
export type ReadOptions<N extends Numbers> =
  | { readonly ok: true; readonly options: BenchOptions<N> }
  | { readonly ok: false; readonly problem: string | undefined };

export function readOptions<N extends Numbers>(args: readonly string[], defaults: N): ReadOptions<N> {
  const flags = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: 'string' as const }]));
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...flags,
        layout: { type: 'string' },
        instances: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean' },
        profile: { type: 'string' },
      },
    });
    if (values['help'] === true) return { ok: false, problem: undefined };
    const given = Object.keys(defaults).flatMap((name) => {
      const text: unknown = Reflect.get(values, name);
      return typeof text === 'string' ? [[name, Number(text)] as const] : [];
    });
    const wrong = given.find(([, value]) => !Number.isFinite(value) || value < 0);
    if (wrong !== undefined) return { ok: false, problem: `--${wrong[0]} must be a number, 0 or more` };
    const plan = planOf(values['layout'], values['instances']);
    if (typeof plan === 'string') return { ok: false, problem: plan };
    const profile: unknown = values['profile'];
    return {
      ok: true,
      options: {
        numbers: { ...defaults, ...Object.fromEntries(given) },
        plan,
        json: values['json'] === true,
        profile: typeof profile === 'string' ? profile : undefined,
      },
    };
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.message : String(error) };
  }
}

/** The plan, or what is wrong with it. */
function planOf(layoutWord: unknown, instancesWord: unknown): LayoutPlan | string {
  const layout = LAYOUTS.find((one) => one === (layoutWord ?? 'embedded'));
  if (layout === undefined) return `--layout must be one of ${LAYOUTS.join(', ')}`;
  const instances = Number(instancesWord ?? INSTANCES[layout]);
  if (!Number.isInteger(instances) || instances < 1) return '--instances must be a whole number, 1 or more';
  if (layout === 'embedded' && instances !== 1) return 'the embedded layout has one instance';
  return { layout, instances };
}

export function usageText(file: string, defaults: Numbers): string {
  const flags = Object.entries(defaults).map(([name, value]) => `[--${name} ${value}]`);
  return `node ${file} ${flags.join(' ')} [--layout ${LAYOUTS.join('|')}] [--instances N] [--json] [--profile FOLDER]\n`;
}
