/**
 * The simulator's control API: JSON over HTTP on loopback, for the CLI, the journeys and the bench. It carries counters,
 * control ids and switches, never an order.
 *
 * | request                          | body                                    | answer                                  |
 * |----------------------------------|-----------------------------------------|-----------------------------------------|
 * | GET /status[?perInterface=true]  |                                         | endpoints, judge, upstream, switches    |
 * | GET /received?interface=C[&last=N] |                                       | the last control ids, oldest first      |
 * | POST /switches                   | set, clear, listening, outage           | the rules that stand                    |
 * | POST /reset                      | judge, switches                         | {}                                      |
 * | POST /replays                    | controlIds an operator replays, came    | {}                                      |
 * | POST /upstream                   | ratePerSecond, burst, send              | the upstream's status                   |
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { z } from 'zod';
import type { LisHandle } from './lis/lis.ts';
import { Listener } from './lis/listener.ts';
import { outageSchema } from './lis/outage.ts';
import { faultRuleSchema } from './lis/switches.ts';
import type { UpstreamHandle } from './upstream/upstream.ts';

export interface ControlOptions {
  /** 0: any free one. */
  readonly port: number;
  readonly lis?: LisHandle;
  readonly upstream?: UpstreamHandle;
}

export interface ControlHandle {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

const switchesSchema = z.strictObject({
  set: z.array(faultRuleSchema).max(1000).optional(),
  /** Ids of rules, or true for all. Done before `set`. */
  clear: z.union([z.literal(true), z.array(z.string()).max(1000)]).optional(),
  /** Endpoint by name: false refuses connections, true listens again. */
  listening: z.record(z.string(), z.boolean()).optional(),
  /** null ends the scheduled outage. */
  outage: outageSchema.nullable().optional(),
});
const resetSchema = z.strictObject({ judge: z.boolean().default(true), switches: z.boolean().default(true) });
const replaysSchema = z.strictObject({
  controlIds: z.array(z.string().max(199)).min(1).max(10_000),
  /** They have come already. */
  came: z.boolean().default(false),
});
const upstreamSchema = z.strictObject({
  ratePerSecond: z.number().min(0).max(1_000_000).optional(),
  burst: z.int().min(1).max(10_000_000).optional(),
  /** Interface codes: one order each, now. */
  send: z.array(z.string().max(32)).max(10_000).optional(),
});

interface Reply {
  readonly status: number;
  readonly body: unknown;
}
const ok = (body: unknown): Reply => ({ status: 200, body });
const refusal = (status: number, error: string): Reply => ({ status, body: { error } });

const HOST = '127.0.0.1';
const BODY_BYTES_MAX = 1_048_576;

/** Resolves when it listens. */
export async function startControl(options: ControlOptions): Promise<ControlHandle> {
  const server = createServer((request, response) => {
    answer(request, options)
      .catch(() => refusal(500, 'the simulator failed to carry it out'))
      .then((reply) => send(response, reply))
      .catch(() => response.destroy());
  });
  const listener = new Listener(server, HOST, options.port);
  await listener.open();
  return { url: `http://${HOST}:${listener.port}`, port: listener.port, stop: () => listener.close() };
}

async function answer(request: IncomingMessage, parts: ControlOptions): Promise<Reply> {
  // A browser names its page's origin with a cross-site request: no page may steer the simulator.
  if (request.headers.origin !== undefined) return refusal(403, 'not for browsers');
  const url = new URL(request.url ?? '/', `http://${HOST}`);
  const route = `${request.method} ${url.pathname}`;
  if (route === 'GET /status') return ok(status(parts, url.searchParams.get('perInterface') === 'true'));
  if (route === 'GET /received') return received(parts, url.searchParams);
  const act = ACTS[route];
  if (act === undefined) return refusal(404, 'no such request');
  const body = await readJson(request);
  return body === undefined ? refusal(400, 'the body must be JSON of at most 1 MiB') : await act(body, parts);
}

const ACTS: Readonly<Record<string, (body: unknown, parts: ControlOptions) => Promise<Reply>>> = {
  'POST /switches': setSwitches,
  'POST /reset': async (body, { lis }) => {
    const parsed = resetSchema.safeParse(body);
    if (!parsed.success) return refusal(400, z.prettifyError(parsed.error));
    lis?.reset(parsed.data);
    return ok({});
  },
  'POST /replays': async (body, { lis }) => {
    const parsed = replaysSchema.safeParse(body);
    if (!parsed.success) return refusal(400, z.prettifyError(parsed.error));
    const { controlIds, came } = parsed.data;
    for (const controlId of controlIds)
      if (came) lis?.judge.explainReplay(controlId);
      else lis?.judge.announceReplay(controlId);
    return ok({});
  },
  'POST /upstream': async (body, { upstream }) => {
    const parsed = upstreamSchema.safeParse(body);
    if (!parsed.success) return refusal(400, z.prettifyError(parsed.error));
    if (upstream === undefined) return refusal(409, 'this simulator has no upstream');
    const { ratePerSecond, burst, send: codes = [] } = parsed.data;
    if (ratePerSecond !== undefined) upstream.setRate(ratePerSecond);
    if (burst !== undefined) upstream.burst(burst);
    const sent = codes.map((code) => upstream.send(code)?.controlId ?? null);
    return ok({ ...upstream.status(), sent });
  },
};

async function setSwitches(body: unknown, { lis }: ControlOptions): Promise<Reply> {
  const parsed = switchesSchema.safeParse(body);
  if (!parsed.success) return refusal(400, z.prettifyError(parsed.error));
  if (lis === undefined) return refusal(409, 'this simulator has no laboratory');
  const { set = [], clear = [], listening = {}, outage } = parsed.data;
  if (clear === true) lis.switches.clear();
  else for (const id of clear) lis.switches.clear(id);
  for (const rule of set) if (!lis.switches.set(rule)) return refusal(409, 'there are too many switches already');
  for (const [endpoint, on] of Object.entries(listening)) {
    if (!(await lis.setListening(endpoint, on))) return refusal(404, `no endpoint ${endpoint}`);
  }
  if (outage !== undefined && !(await lis.setOutage(outage ?? undefined))) return refusal(404, 'no such endpoint');
  return ok({ switches: lis.switches.list(), endpoints: lis.status() });
}

function status({ lis, upstream }: ControlOptions, perInterface: boolean): object {
  return {
    ...(lis === undefined
      ? {}
      : { endpoints: lis.status(), judge: lis.judge.report({ perInterface }), switches: lis.switches.list() }),
    ...(upstream === undefined ? {} : { upstream: upstream.status() }),
  };
}

function received({ lis }: ControlOptions, query: URLSearchParams): Reply {
  const code = query.get('interface');
  if (code === null) return refusal(400, 'which interface?');
  const last = Number(query.get('last') ?? Number.NaN);
  const controlIds = Number.isInteger(last) ? lis?.judge.received(code, last) : lis?.judge.received(code);
  return ok({ interface: code, controlIds: controlIds ?? [] });
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request) {
    const chunk = piece as Buffer; // no encoding was set, so the stream gives nothing else
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return undefined;
    pieces.push(chunk);
  }
  const text = Buffer.concat(pieces).toString('utf8');
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(reply.body));
}
