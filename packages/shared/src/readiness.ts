/**
 * What `/readyz` of engine and console answers, and how it is found out: every dependency is asked at once, each with a
 * time of its own, so that the answer comes within the longest of them whatever hangs (G19).
 *
 * **Invariant:** a question that has no answer yet is not asked again: who looks every second at a Postgres that hangs
 * holds one connection, not one for every look.
 */
import type { Clock } from '@inorder/core';
import { z } from 'zod';

export const readinessSchema = z.object({
  ready: z.boolean(),
  /** false while starting and stopping. */
  serving: z.boolean(),
  dependencies: z.array(
    z.object({
      name: z.string(),
      ok: z.boolean(),
      /** How long it took to know. */
      ms: z.number(),
      /** A few words without addresses, credentials or patient data. */
      detail: z.string(),
      /** false: it may be away and the process is ready all the same (degraded). */
      required: z.boolean(),
    }),
  ),
});

export type ReadinessReport = z.infer<typeof readinessSchema>;

export interface DependencyAnswer {
  readonly ok: boolean;
  readonly detail: string;
}

export interface Dependency {
  readonly name: string;
  /** Default true. */
  readonly required?: boolean;
  /** Default 2,000. */
  readonly timeoutMs?: number;
  /** Nothing said = it answered. @throws when it does not; of the error only its code is shown. */
  check(): Promise<DependencyAnswer> | Promise<void>;
}

const TIMEOUT_MS = 2000;
const DETAIL_CHARS_MAX = 200;

export class Readiness {
  private readonly dependencies: readonly Dependency[];
  private readonly clock: Pick<Clock, 'monotonicMs' | 'schedule'>;
  private readonly isServing: () => boolean;
  private readonly asked = new Map<Dependency, Promise<DependencyAnswer>>();

  constructor(
    dependencies: readonly Dependency[],
    clock: Pick<Clock, 'monotonicMs' | 'schedule'>,
    isServing: () => boolean,
  ) {
    this.dependencies = dependencies;
    this.clock = clock;
    this.isServing = isServing;
  }

  /** Never rejects; ends within the longest time-out. */
  async look(): Promise<ReadinessReport> {
    const dependencies = await Promise.all(this.dependencies.map((dependency) => this.lookAt(dependency)));
    const serving = this.isServing();
    return { ready: serving && dependencies.every((d) => d.ok || !d.required), serving, dependencies };
  }

  private async lookAt(dependency: Dependency): Promise<ReadinessReport['dependencies'][number]> {
    const { name, required = true, timeoutMs = TIMEOUT_MS } = dependency;
    const beganMs = this.clock.monotonicMs();
    let cancel = (): void => undefined;
    const late = new Promise<DependencyAnswer>((resolve) => {
      cancel = this.clock.schedule(timeoutMs, () => resolve({ ok: false, detail: `no answer within ${timeoutMs} ms` }));
    });
    const { ok, detail } = await Promise.race([this.ask(dependency), late]);
    cancel();
    const ms = Math.round(this.clock.monotonicMs() - beganMs);
    return { name, ok, ms, detail: detail.slice(0, DETAIL_CHARS_MAX), required };
  }

  private ask(dependency: Dependency): Promise<DependencyAnswer> {
    const underWay = this.asked.get(dependency);
    if (underWay !== undefined) return underWay;
    const answer = answerOf(dependency).finally(() => this.asked.delete(dependency));
    this.asked.set(dependency, answer);
    return answer;
  }
}

async function answerOf(dependency: Dependency): Promise<DependencyAnswer> {
  try {
    return (await dependency.check()) ?? { ok: true, detail: 'answers' };
  } catch (error) {
    return { ok: false, detail: `does not answer (${codeOf(error)})` };
  }
}

/** Never the text of an error, which may quote anything (G18). */
function codeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string')
    return error.code;
  return error instanceof Error ? error.name : 'unknown';
}
