/** The control API of a simulated laboratory (apps/simulator/src/control.ts), as this program uses it. */
import { z } from 'zod';
import { CommandFailure, EXIT } from '../exit.ts';

const ruleSchema = z.looseObject({ id: z.string(), endpoint: z.string().optional() });
const endpointSchema = z.looseObject({
  name: z.string(),
  kind: z.string(),
  host: z.string(),
  port: z.int(),
  listening: z.boolean(),
  connections: z.int(),
  received: z.int(),
  taken: z.int(),
  refused: z.int(),
});
const switchesSchema = z.array(z.looseObject({ rule: ruleSchema, acted: z.int() }));
const statusSchema = z.looseObject({
  endpoints: z.array(endpointSchema),
  judge: z.looseObject({
    received: z.int(),
    interfaces: z.int(),
    missing: z.int(),
    repeats: z.int(),
    lateReplays: z.int(),
    orderViolations: z.int(),
    violationExamples: z.array(z.looseObject({ controlId: z.string(), after: z.string() })),
  }),
  switches: switchesSchema,
});
export type LisStatus = z.infer<typeof statusSchema>;
const switchedSchema = z.looseObject({ endpoints: z.array(endpointSchema), switches: switchesSchema });

export interface LisControl {
  status(): Promise<LisStatus>;
  /** Body and answer of POST /switches. */
  switches(body: object): Promise<z.infer<typeof switchedSchema>>;
  /** These came again because somebody had ordered it: no violation (G14). One entry for each send. */
  explainReplays(controlIds: readonly string[]): Promise<void>;
}

const TIMEOUT_MS = 5_000;

export function lisControl(address: string): LisControl {
  const call = async <S extends z.ZodType>(path: string, schema: S, body?: object): Promise<z.output<S>> => {
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    let response: Response;
    try {
      response = await fetch(new URL(path, address), { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch (error) {
      throw new CommandFailure(EXIT.notReachable, `no simulated laboratory answers at ${address}`, { cause: error });
    }
    const answer: unknown = await response.json();
    if (response.ok) return schema.parse(answer);
    const reason = z.object({ error: z.string() }).safeParse(answer);
    throw new CommandFailure(EXIT.failed, reason.success ? reason.data.error : `HTTP ${response.status}`);
  };
  return {
    status: () => call('/status', statusSchema),
    switches: (body) => call('/switches', switchedSchema, body),
    async explainReplays(controlIds) {
      await call('/replays', z.unknown(), { controlIds, came: true });
    },
  };
}
