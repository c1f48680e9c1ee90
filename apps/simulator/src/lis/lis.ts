/** The simulated laboratory system: any number of MLLP and HTTP endpoints, one judge, one set of switches. */
import { HttpServer } from './http-server.ts';
import { Judge, type JudgeOptions } from './judge.ts';
import type { Endpoint } from './listener.ts';
import { MllpServer } from './mllp-server.ts';
import { Outage, type OutagePlan } from './outage.ts';
import { type AnsweredEvent, type EndpointCounts, emptyCounts, type ReceivedEvent, Reception } from './reception.ts';
import { Switches } from './switches.ts';

export interface LisEndpointPlan {
  /** Unique; `LIS-3`. */
  readonly name: string;
  readonly kind: 'MLLP' | 'HTTP';
  /** Default 0: any free one. */
  readonly port?: number;
}

export interface LisOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  readonly endpoints: readonly LisEndpointPlan[];
  /** Own judge, or the options of one. */
  readonly judge?: Judge | JudgeOptions;
  readonly frameBytesMax?: number;
  /** HTTP: repeat the first answer to a known Idempotency-Key. */
  readonly idempotency?: boolean;
  /** Milliseconds since 1970 with fractions; default the machine's clock. */
  readonly now?: () => number;
  readonly onReceived?: (event: ReceivedEvent) => void;
  readonly onAnswered?: (event: AnsweredEvent) => void;
  /** Takes lines for people: outages. Default: nobody. */
  readonly announce?: (line: string) => void;
}

export interface EndpointStatus extends EndpointCounts {
  readonly name: string;
  readonly kind: 'MLLP' | 'HTTP';
  readonly host: string;
  readonly port: number;
  readonly listening: boolean;
  readonly connections: number;
}

export interface LisHandle {
  readonly judge: Judge;
  readonly switches: Switches;
  /** Host and port of each endpoint, in the order given. */
  status(): readonly EndpointStatus[];
  /** False if there is no such endpoint. */
  setListening(endpoint: string, listening: boolean): Promise<boolean>;
  /** undefined ends the scheduled outage. False if there is no such endpoint. */
  setOutage(plan: OutagePlan | undefined): Promise<boolean>;
  /** Forgets counts, judgement and switches; endpoints stay as they are. */
  reset(what?: { readonly judge?: boolean; readonly switches?: boolean }): void;
  stop(): Promise<void>;
}

/** The machine's clock, in ms since 1970 with fractions, as latencies are measured by. */
export const preciseNow = (): number => performance.timeOrigin + performance.now();

type CountedEndpoint = Endpoint & { readonly counts: EndpointCounts };

/** Resolves when every endpoint listens; rejects, with everything closed again, if one port is taken. */
export async function startLis(options: LisOptions): Promise<LisHandle> {
  const host = options.host ?? '127.0.0.1';
  const now = options.now ?? preciseNow;
  const judge = options.judge instanceof Judge ? options.judge : new Judge(options.judge);
  const switches = new Switches();
  const reception = new Reception({
    judge,
    switches,
    now,
    ...(options.onReceived === undefined ? {} : { onReceived: options.onReceived }),
    ...(options.onAnswered === undefined ? {} : { onAnswered: options.onAnswered }),
  });
  const limit = options.frameBytesMax;
  const endpoints: readonly CountedEndpoint[] = options.endpoints.map(({ name, kind, port = 0 }) =>
    kind === 'MLLP'
      ? new MllpServer({ name, host, port, reception, ...(limit === undefined ? {} : { frameBytesMax: limit }) })
      : new HttpServer({
          name,
          host,
          port,
          reception,
          idempotency: options.idempotency ?? false,
          ...(limit === undefined ? {} : { bodyBytesMax: limit }),
        }),
  );
  try {
    await Promise.all(endpoints.map((endpoint) => endpoint.open()));
  } catch (error) {
    await Promise.all(endpoints.map((endpoint) => endpoint.close()));
    throw error;
  }

  let outage: Outage | undefined;
  const named = (name: string) => endpoints.find((endpoint) => endpoint.name === name);
  const endOutage = async (): Promise<void> => {
    await outage?.stop();
    outage = undefined;
  };
  return {
    judge,
    switches,
    status: () => endpoints.map((endpoint) => statusOf(endpoint, host)),
    async setListening(name, listening) {
      const endpoint = named(name);
      if (endpoint === undefined) return false;
      await (listening ? endpoint.open() : endpoint.close());
      return true;
    },
    async setOutage(plan) {
      const target = plan === undefined ? undefined : named(plan.endpoint);
      if (plan !== undefined && target === undefined) return false;
      await endOutage();
      if (plan !== undefined && target !== undefined) {
        outage = new Outage(target, { ...plan, now, announce: options.announce ?? (() => undefined) });
      }
      return true;
    },
    reset(what = { judge: true, switches: true }) {
      if (what.judge === true) {
        judge.reset();
        for (const endpoint of endpoints) Object.assign(endpoint.counts, emptyCounts());
      }
      if (what.switches === true) switches.clear();
    },
    async stop() {
      await endOutage();
      await Promise.all(endpoints.map((endpoint) => endpoint.close()));
    },
  };
}

function statusOf(endpoint: CountedEndpoint, host: string): EndpointStatus {
  return {
    name: endpoint.name,
    kind: endpoint.kind,
    host,
    port: endpoint.port,
    listening: endpoint.listening,
    connections: endpoint.connections,
    ...endpoint.counts,
  };
}
