/** The command line of a bench: numbers with defaults, `--json`, `--profile FOLDER`. */
import { parseArgs } from 'node:util';

export type Numbers = Readonly<Record<string, number>>;

export interface BenchOptions<N extends Numbers> {
  readonly numbers: N;
  /** One JSON object on standard output instead of text. */
  readonly json: boolean;
  /** Folder for a CPU profile of the engine. */
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
      options: { ...flags, json: { type: 'boolean' }, help: { type: 'boolean' }, profile: { type: 'string' } },
    });
    if (values['help'] === true) return { ok: false, problem: undefined };
    const given = Object.keys(defaults).flatMap((name) => {
      const text: unknown = Reflect.get(values, name);
      return typeof text === 'string' ? [[name, Number(text)] as const] : [];
    });
    const wrong = given.find(([, value]) => !Number.isFinite(value) || value < 0);
    if (wrong !== undefined) return { ok: false, problem: `--${wrong[0]} must be a number, 0 or more` };
    const profile: unknown = values['profile'];
    return {
      ok: true,
      options: {
        numbers: { ...defaults, ...Object.fromEntries(given) },
        json: values['json'] === true,
        profile: typeof profile === 'string' ? profile : undefined,
      },
    };
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.message : String(error) };
  }
}

export function usageText(file: string, defaults: Numbers): string {
  const flags = Object.entries(defaults).map(([name, value]) => `[--${name} ${value}]`);
  return `node ${file} ${flags.join(' ')} [--json] [--profile FOLDER]\n`;
}
