/** Laboratory, upstream and control API together, from one configuration: what `main.ts` runs, also without a process. */
import { z } from 'zod';
import { type ControlHandle, startControl } from './control.ts';
import { Ledger } from './lis/ledger.ts';
import { type LisHandle, startLis } from './lis/lis.ts';
import { outageSchema } from './lis/outage.ts';
import type { AnsweredEvent, ReceivedEvent } from './lis/reception.ts';
import type { OrderInterface } from './upstream/orders.ts';
import type { SentEvent, SettledEvent } from './upstream/sender.ts';
import { startUpstream, type UpstreamHandle } from './upstream/upstream.ts';

const port = z.int().min(0).max(65_535);
const interfaceCode = z.string().regex(/^[A-Z0-9][A-Z0-9-]{1,31}$/);
const dialect = z.enum(['ORM-2.3', 'ORM-2.5.1', 'OML-2.5.1', 'OMG-2.5.1', 'FHIR']);

export const simulatorConfigSchema = z.strictObject({
  /** Port of the control API; 0: any free one. */
  controlPort: port.default(0),
  lis: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      endpoints: z
        .array(
          z.strictObject({ name: z.string().min(1).max(60), kind: z.enum(['MLLP', 'HTTP']), port: port.default(0) }),
        )
        .min(1)
        .max(1000),
      /** Scheduled outage of one endpoint. */
      outage: outageSchema.optional(),
      /** Poison replayed by hand is no violation: for demonstrations. */
      poisonMayReturn: z.boolean().default(false),
      /** A lower repeat on an older connection is a straggler: for chaos that makes them. */
      stragglersByConnection: z.boolean().default(false),
      idempotency: z.boolean().default(false),
    })
    .optional(),
  upstream: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      port: z.int().min(1).max(65_535),
      username: z.string().optional(),
      password: z.string().optional(),
      /** `{interface}` in it stands for the code: an address for each interface. */
      address: z.string().min(1).max(255).default('orders'),
      /** null: no property is set. */
      interfaceProperty: z.string().min(1).max(120).nullable().default('interface'),
      bodyKind: z.enum(['text', 'bytes']).default('text'),
      /** How many (LAB-0001 …), or which ones. */
      interfaces: z.union([
        z.int().min(1).max(100_000),
        z
          .array(
            z.strictObject({
              code: interfaceCode,
              dialect: dialect.optional(),
              /** An address of its own, in place of the upstream's. */
              address: z.string().min(1).max(255).optional(),
            }),
          )
          .min(1)
          .max(100_000),
      ]),
      /** Absent: taken from the clock at the start, so that no restart repeats a control id. */
      run: z
        .string()
        .regex(/^[A-Za-z0-9]{1,16}$/)
        .optional(),
      seed: z.int().min(0).default(1),
      startCounters: z.record(z.string(), z.int().min(1)).default({}),
      ratePerSecond: z.number().min(0).max(1_000_000).default(0),
      poison: z
        .strictObject({
          unknownCode: z.number().min(0).max(1).default(0),
          nackCode: z.number().min(0).max(1).default(0),
        })
        .prefault({}),
      inFlightMax: z.int().min(1).max(2000).default(500),
      pick: z.enum(['random', 'inTurn']).default('random'),
    })
    .optional(),
});
export type SimulatorConfig = z.infer<typeof simulatorConfigSchema>;

export interface SimulatorHooks {
  readonly announce?: (line: string) => void;
  readonly onSent?: (event: SentEvent) => void;
  readonly onSettled?: (event: SettledEvent) => void;
  readonly onReceived?: (event: ReceivedEvent) => void;
  readonly onAnswered?: (event: AnsweredEvent) => void;
}

export interface SimulatorHandle {
  readonly lis: LisHandle | undefined;
  readonly upstream: UpstreamHandle | undefined;
  readonly control: ControlHandle;
  /** What `main.ts` prints in one line when it is ready. */
  ready(): object;
  stop(): Promise<void>;
}

/** The codes that a number of interfaces stands for: LAB-0001 on, with five digits from 10,000 on. */
export function demonstrationInterfaces(count: number): [OrderInterface, ...OrderInterface[]] {
  const digits = Math.max(4, String(count).length);
  const named = (n: number): OrderInterface => ({ code: `LAB-${String(n).padStart(digits, '0')}` });
  return [named(1), ...Array.from({ length: count - 1 }, (_, index) => named(index + 2))];
}

/** Rejects, with everything ended again, if a port is taken. */
export async function startSimulator(config: SimulatorConfig, hooks: SimulatorHooks = {}): Promise<SimulatorHandle> {
  const ledger = new Ledger();
  const run = config.upstream?.run ?? runOf(Date.now());
  const lis = config.lis === undefined ? undefined : await startLaboratory(config.lis, config, run, ledger, hooks);
  const upstream = config.upstream === undefined ? undefined : startOrders(config.upstream, run, ledger, hooks);
  const stopParts = async (): Promise<void> => {
    await upstream?.stop();
    await lis?.stop();
  };
  let control: ControlHandle;
  try {
    control = await startControl({
      port: config.controlPort,
      ...(lis === undefined ? {} : { lis }),
      ...(upstream === undefined ? {} : { upstream }),
    });
  } catch (error) {
    await stopParts();
    throw error;
  }
  return {
    lis,
    upstream,
    control,
    ready: () => ({
      ready: true,
      control: control.url,
      endpoints: (lis?.status() ?? []).map(({ name, kind, host, port: at }) => ({ name, kind, host, port: at })),
      upstream: upstream === undefined ? null : { interfaces: upstream.status().interfaces },
    }),
    async stop() {
      await control.stop();
      await stopParts();
    },
  };
}

async function startLaboratory(
  plan: NonNullable<SimulatorConfig['lis']>,
  config: SimulatorConfig,
  ownRun: string,
  ledger: Ledger,
  hooks: SimulatorHooks,
): Promise<LisHandle> {
  const { poisonMayReturn, stragglersByConnection, outage, ...rest } = plan;
  // Without an upstream of our own nobody tells what was acknowledged: gaps are all there is to judge by.
  const expected = config.upstream === undefined ? {} : { ledger, ownRun };
  const lis = await startLis({ ...rest, ...hooks, judge: { ...expected, poisonMayReturn, stragglersByConnection } });
  if (outage !== undefined && !(await lis.setOutage(outage))) {
    await lis.stop();
    throw new Error(`the outage names ${outage.endpoint}, and there is no such endpoint`);
  }
  return lis;
}

function startOrders(
  plan: NonNullable<SimulatorConfig['upstream']>,
  run: string,
  ledger: Ledger,
  hooks: SimulatorHooks,
): UpstreamHandle {
  const { address, interfaces, run: _, seed, startCounters, poison, username, password, ...rest } = plan;
  const plans = typeof interfaces === 'number' ? demonstrationInterfaces(interfaces) : interfaces;
  const [first, ...others] = plans.map(named);
  if (first === undefined) throw new Error('an upstream needs an interface');
  const ownAddresses = new Map(
    plans.flatMap((own) => ('address' in own && own.address !== undefined ? [[own.code, own.address]] : [])),
  );
  return startUpstream({
    ...rest,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    addressOf: (code) => ownAddresses.get(code) ?? address.replaceAll('{interface}', code),
    orders: { seed, run, interfaces: [first, ...others], startCounters, poison },
    ledger,
    ...(hooks.onSent === undefined ? {} : { onSent: hooks.onSent }),
    ...(hooks.onSettled === undefined ? {} : { onSettled: hooks.onSettled }),
  });
}

const named = (plan: { code: string; dialect?: OrderInterface['dialect'] | undefined }): OrderInterface =>
  plan.dialect === undefined ? { code: plan.code } : { code: plan.code, dialect: plan.dialect };

/** Four letters and digits from the second of the start: MSH-10 has room for 20 characters up to version 2.6. */
const runOf = (atMs: number): string => (Math.floor(atMs / 1000) % 36 ** 4).toString(36).padStart(4, '0');
