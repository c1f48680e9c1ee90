/**
 * What knowing the next number costs: the design that Inorder started from (a model of it, `original-design.ts`) and
 * Inorder (the real engine, the whole way of a message), given the same work in turn, several rounds, medians.
 * docs/why.md quotes it.
 */
import { type Machine, machine, machineLine, spell, type Verdict, verdictLines, verdictOf } from './load.ts';
import { type Count, type OriginalDesign, startOriginalDesign, type Way, type Work } from './original-design.ts';
import { percentile } from './percentile.ts';
import { preciseNow, type Rig } from './rig.ts';
import { runBench } from './run.ts';
import { callsBetween, reportStatements } from './statements.ts';

const DEFAULTS = { interfaces: 50, messages: 1000, rate: 0, rounds: 3, poison: 0.01 };
const SETTLE_MS_MAX = 60_000;

const WAYS: readonly { readonly name: string; readonly way: Way }[] = [
  { name: 'NACK, given again at once', way: { kind: 'NACK', redeliveryMs: 0 } },
  { name: 'NACK, given again after 100 ms', way: { kind: 'NACK', redeliveryMs: 100 } },
  { name: 'view polled each 100 ms', way: { kind: 'VIEW', pollMs: 100 } },
];

/** Of one round of the engine. */
interface Ours {
  readonly delivered: number;
  readonly seconds: number;
  /** Ingest, stages and delivery together. */
  readonly roundTripsPerMessage: number;
  /** The settle statement alone. */
  readonly settlesPerMessage: number;
  readonly readsPerMessage: number;
  /** Reads of the checkpoint by the watchdog, which ask by the clock and not by the message. */
  readonly watchdogPerSecond: number;
}

interface ReadsReport {
  readonly parameters: typeof DEFAULTS;
  readonly original: readonly { readonly name: string; readonly rounds: readonly Count[] }[];
  readonly ours: readonly Ours[];
  readonly verdict: Verdict;
  readonly deadLetters: Readonly<Record<string, number>>;
  readonly machine: Machine;
}

async function measure(rig: Rig, parameters: typeof DEFAULTS, log: (line: string) => void): Promise<ReadsReport> {
  const work: Work = {
    messages: parameters.messages,
    interfaces: parameters.interfaces,
    ratePerSecond: parameters.rate,
    poison: { unknownCode: parameters.poison / 2, nackCode: parameters.poison / 2 },
  };
  rig.upstream.burst(parameters.interfaces);
  await rig.upstream.drained();
  await rig.settled(SETTLE_MS_MAX);
  const ours: Ours[] = [];
  const original = WAYS.map(({ name, way }) => ({ name, way, rounds: [] as Count[] }));
  await using model: OriginalDesign = await startOriginalDesign();
  for (let round = 1; round <= parameters.rounds; round++) {
    log(`round ${round} of ${parameters.rounds}`);
    for (const { way, rounds } of original) rounds.push(await model.run(work, way));
    ours.push(await runOurs(rig, work));
  }
  return {
    parameters,
    original: original.map(({ name, rounds }) => ({ name, rounds })),
    ours,
    verdict: verdictOf(rig.lis.judge.report()),
    deadLetters: await rig.deadLetters(),
    machine: machine(),
  };
}

async function runOurs(rig: Rig, work: Work): Promise<Ours> {
  const checksBefore = await rig.watchdogChecks();
  const [before, beganMs] = [await rig.calls(), performance.now()];
  rig.journeys.begin(preciseNow());
  if (work.ratePerSecond === 0) rig.upstream.burst(work.messages);
  else {
    rig.upstream.setRate(work.ratePerSecond);
    await spell(work.messages / work.ratePerSecond);
    rig.upstream.setRate(0);
  }
  await rig.upstream.drained();
  if (!(await rig.settled(SETTLE_MS_MAX))) throw new Error('some numbers were not settled');
  const seconds = (performance.now() - beganMs) / 1000;
  const load = { seconds, calls: callsBetween(before, await rig.calls()) };
  const { delivered } = rig.journeys;
  const checks = (await rig.watchdogChecks()) - checksBefore;
  const report = reportStatements({ seconds: 1, calls: new Map() }, load, delivered, checks);
  const callsOf = (some: typeof report.rows): number => some.reduce((sum, row) => sum + row.calls, 0);
  return {
    delivered,
    seconds,
    roundTripsPerMessage: report.roundTripsPerMessage,
    settlesPerMessage: callsOf(report.rows.filter((row) => row.name === 'settle')) / delivered,
    readsPerMessage: report.readsPerMessage,
    watchdogPerSecond: callsOf(report.rows.filter((r) => r.purpose === 'watchdog' && r.reads.length > 0)) / seconds,
  };
}

function median<T>(rounds: readonly T[], of: (round: T) => number): number {
  const values = rounds.map(of).toSorted((a, b) => a - b);
  return values.length === 0 ? 0 : percentile(values, 0.5);
}

const cells = (...all: readonly (string | number)[]): string =>
  all.map((cell, i) => (i === 0 ? String(cell).padEnd(34) : String(cell).padStart(11))).join('');

function text({ parameters: p, original, ours, verdict, deadLetters, machine: at }: ReadsReport): string {
  const how = p.rate === 0 ? 'at once' : `at ${p.rate}/s`;
  const lines = [
    `reads: ${p.messages} messages ${how} over ${p.interfaces} interfaces, ${p.poison * 100} % poison (half in a stage, half AE), medians of ${p.rounds} rounds`,
    '',
    'for each delivered message',
    cells('', 'reads', 'round trips', 'pages read', 'NACKs', 'most NACKs', 'stood p50', 'p99 ms', 'seconds'),
    ...original.map(({ name, rounds }) =>
      cells(
        name,
        median(rounds, (r) => r.readsPerMessage).toFixed(2),
        median(rounds, (r) => r.roundTripsPerMessage).toFixed(2),
        median(rounds, (r) => r.pagesReadPerMessage).toFixed(0),
        median(rounds, (r) => r.nacksPerMessage).toFixed(2),
        median(rounds, (r) => r.nacksMax),
        median(rounds, (r) => r.stoodMs.p50).toFixed(1),
        median(rounds, (r) => r.stoodMs.p99).toFixed(1),
        median(rounds, (r) => r.seconds).toFixed(1),
      ),
    ),
    cells(
      'Inorder: ingest, stages, delivery',
      median(ours, (r) => r.readsPerMessage).toFixed(2),
      median(ours, (r) => r.roundTripsPerMessage).toFixed(2),
      ...['–', '–', '–', '–', '–'],
      median(ours, (r) => r.seconds).toFixed(1),
    ),
    cells('  of which settlements', '', median(ours, (r) => r.settlesPerMessage).toFixed(2)),
    `the watchdog read tracking or checkpoint ${median(ours, (r) => r.watchdogPerSecond).toFixed(2)} times a second`,
    '',
    ...verdictLines(verdict, deadLetters),
    machineLine(at),
  ];
  return `${lines.join('\n')}\n`;
}

await runBench({
  file: 'bench/src/reads.ts',
  defaults: DEFAULTS,
  poison: ({ poison }) => ({ unknownCode: poison / 2, nackCode: poison / 2 }),
  measure,
  text,
});
