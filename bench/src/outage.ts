/**
 * One laboratory is switched off while orders flow: nothing may be dead-lettered, lost or passed over, the other
 * laboratories go on as before, and what waited arrives in order when it is back (G7).
 */
import type { Backlog, JourneyReport } from './journeys.ts';
import {
  journeyLines,
  type Machine,
  machine,
  machineLine,
  spell,
  type UsageReport,
  usageBetween,
  usageLines,
  type Verdict,
  verdictLines,
  verdictOf,
} from './load.ts';
import { LIS_NAMES, preciseNow, type Rig } from './rig.ts';
import { runBench } from './run.ts';

const DEFAULTS = { interfaces: 1000, rate: 100, outageSeconds: 120, warmupSeconds: 10, afterSeconds: 20 };
const [OFF] = LIS_NAMES;
const SETTLE_MS_MAX = 120_000;

interface OutageReport {
  readonly parameters: typeof DEFAULTS;
  readonly endpoint: string;
  /** From switching off until all was settled. */
  readonly seconds: number;
  readonly delivered: number;
  readonly settled: boolean;
  /** What the laboratory answered only after it was back. */
  readonly backlog: Backlog;
  readonly verdict: Verdict;
  readonly deadLetters: Readonly<Record<string, number>>;
  /** Messages to the laboratories that stayed on. */
  readonly others: JourneyReport;
  readonly usage: UsageReport;
  readonly counters: unknown;
  readonly machine: Machine;
}

async function measure(rig: Rig, parameters: typeof DEFAULTS, log: (line: string) => void): Promise<OutageReport> {
  const { rate, outageSeconds, warmupSeconds, afterSeconds } = parameters;
  log(`${rate} messages/s; ${OFF} goes off after ${warmupSeconds} s, for ${outageSeconds} s`);
  rig.upstream.setRate(rate);
  await spell(warmupSeconds);
  const [usageBefore, beganMs] = [rig.usage(), performance.now()];
  rig.journeys.begin(preciseNow());
  await rig.lis.setListening(OFF, false);
  await spell(outageSeconds);
  const backAtMs = preciseNow();
  await rig.lis.setListening(OFF, true);
  log(`${OFF} is back`);
  await spell(afterSeconds);
  rig.upstream.setRate(0);
  const settled = await rig.settled(SETTLE_MS_MAX);
  return {
    parameters,
    endpoint: OFF,
    seconds: (performance.now() - beganMs) / 1000,
    delivered: rig.journeys.delivered,
    settled,
    backlog: rig.journeys.backlog(OFF, backAtMs),
    verdict: verdictOf(rig.lis.judge.report()),
    deadLetters: await rig.deadLetters(),
    others: rig.journeys.report((endpoint) => endpoint !== OFF),
    usage: usageBetween(usageBefore, rig.usage()),
    counters: await rig.counters(),
    machine: machine(),
  };
}

function text(report: OutageReport): string {
  const { parameters: p, backlog } = report;
  const lines = [
    `outage: ${p.rate} messages/s over ${p.interfaces} interfaces, ${report.endpoint} switched off for ${p.outageSeconds} s`,
    '',
    ...verdictLines(report.verdict, report.deadLetters),
    ...(report.settled ? [] : ['some numbers were not settled in the end']),
    '',
    `${backlog.messages} messages waited for ${report.endpoint}`,
    ...(backlog.messages === 0
      ? []
      : [
          `  the first was answered ${Math.round(backlog.firstMs)} ms after it was back, the last after ${Math.round(backlog.lastMs)} ms`,
        ]),
    'the other laboratories, from switching off to the end',
    ...journeyLines(report.others),
    '',
    ...usageLines(report.usage, report.seconds),
    machineLine(report.machine),
  ];
  return `${lines.join('\n')}\n`;
}

await runBench({
  file: 'bench/src/outage.ts',
  defaults: DEFAULTS,
  poison: () => ({ unknownCode: 0, nackCode: 0 }),
  measure,
  text,
});
