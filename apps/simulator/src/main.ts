/**
 * The simulator as a process: `lis`, `upstream`, or `demo` (both, from a file). Prints one JSON line on stdout when it is
 * ready; lines for people go to stderr. SIGTERM and SIGINT end it with exit code 0, a failed start with 1.
 * `catalogue` prints the code table of its orders as JSON and ends: whoever sets a site up for them needs it.
 */
import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { simulatorConfigSchema, startSimulator } from './simulator.ts';
import { catalogueTable } from './upstream/catalogue.ts';

const whole = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('a whole number is needed');
  return value;
};
const number = (text: string): number => {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError('a number of 0 or more is needed');
  return value;
};
const ports = (text: string, before: readonly number[] = []): number[] => [...before, whole(text)];

async function run(input: unknown): Promise<void> {
  const parsed = simulatorConfigSchema.safeParse(input);
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
  const simulator = await startSimulator(parsed.data, { announce: (line) => process.stderr.write(`${line}\n`) });
  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    simulator.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  process.stdout.write(`${JSON.stringify(simulator.ready())}\n`);
}

const program = new Command('simulator').description('Simulated upstream and simulated laboratory system');

program
  .command('lis')
  .description('the laboratory: MLLP and HTTP endpoints with a judge')
  .option('--port <port>', 'MLLP port, may be given again; 0 for any free one', ports)
  .option('--http-port <port>', 'HTTP port, may be given again', ports)
  .option('--host <host>', 'address to listen on', '127.0.0.1')
  .option('--control-port <port>', 'port of the control API', whole, 0)
  .action(async (options: { port?: number[]; httpPort?: number[]; host: string; controlPort: number }) => {
    const { port = [], httpPort = [], host, controlPort } = options;
    const mllpPorts = port.length + httpPort.length === 0 ? [0] : port;
    const endpoints = [
      ...mllpPorts.map((at) => ({ kind: 'MLLP', port: at })),
      ...httpPort.map((at) => ({ kind: 'HTTP', port: at })),
    ].map((endpoint, index) => ({ name: `LIS-${index + 1}`, ...endpoint }));
    await run({ controlPort, lis: { host, endpoints } });
  });

program
  .command('upstream')
  .description('the sender of orders, over AMQP 1.0')
  .requiredOption('--port <port>', 'AMQP port', whole)
  .option('--host <host>', 'AMQP host', '127.0.0.1')
  .option('--username <name>', 'SASL PLAIN; the password is read from SIMULATOR_AMQP_PASSWORD')
  .option('--address <address>', '{interface} in it stands for the code', 'orders')
  .option('--interfaces <count>', 'how many: LAB-0001 on', whole, 10)
  .option('--rate <perSecond>', 'orders per second', number, 10)
  .option('--run <run>', 'part of every control id; default from the clock')
  .option('--seed <seed>', 'same seed, same orders', whole, 1)
  .option('--unknown-code <share>', 'share of orders with a code that no table knows', number, 0)
  .option('--nack-code <share>', 'share of orders that the laboratory refuses', number, 0)
  .option('--control-port <port>', 'port of the control API', whole, 0)
  .action(async (options: UpstreamFlags) => {
    const { rate, unknownCode, nackCode, controlPort, ...rest } = options;
    const password = process.env['SIMULATOR_AMQP_PASSWORD'];
    const secret = options.username === undefined || password === undefined ? {} : { password };
    await run({
      controlPort,
      upstream: { ...rest, ...secret, ratePerSecond: rate, poison: { unknownCode, nackCode } },
    });
  });

program
  .command('demo')
  .description('both, as the demonstration runs them')
  .requiredOption('--config <file>', 'JSON, as simulatorConfigSchema has it')
  .action(async ({ config }: { config: string }) => run(JSON.parse(await readFile(config, 'utf8'))));

program
  .command('catalogue')
  .description('the code table of its orders, as a site document takes it')
  .action(() => {
    process.stdout.write(`${JSON.stringify(catalogueTable())}\n`);
  });

interface UpstreamFlags {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly address: string;
  readonly interfaces: number;
  readonly rate: number;
  readonly run?: string;
  readonly seed: number;
  readonly unknownCode: number;
  readonly nackCode: number;
  readonly controlPort: number;
}

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`simulator: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
