/**
 * The steady state: a trickle of orders over very many interfaces, a few of them poison. Reports order, latency from the
 * JMS sender's hand to the laboratory's answer, and what each message costs Postgres. See README.md for the rules.
 */
import type { JourneyReport } from './journeys.ts';
import { type LayoutPlan, layoutText } from './layout.ts';
import {
  type Evidence,
  evidenceLines,
  evidenceOf,
  journeyLines,
  type Machine,
  machine,
  machineLine,
  slowestLines,
  spell,
  statementLines,
  summaryLine,
  type UsageReport,
  usageBetween,
  usageLines,
  type Verdict,
  verdictLines,
  verdictOf,
  watchOwnLoop,
} from './load.ts';
import type { Summary } from './percentile.ts';
import { preciseNow, type Rig } from './rig.ts';
import { runBench } from './run.ts';
import { callsBetween, reportStatements, type StatementReport } from './statements.ts';

const DEFAULTS = { interfaces: 25_000, rate: 12, minutes: 5, poison: 0.01, warmupSeconds: 10, idleSeconds: 10 };
/** The longest way of a message that the laboratory refuses: three retries. */
const SETTLE_MS_MAX = 60_000;

interface SteadyReport {
  readonly plan: LayoutPlan;
  readonly parameters: typeof DEFAULTS;
  readonly seconds: number;
  readonly engineStartMs: number;
  /** Within the measured spell, poison apart. */
  readonly delivered: number;
  readonly settled: boolean;
  readonly verdict: Verdict;
  readonly evidence: Evidence;
  readonly deadLetters: Readonly<Record<string, number>>;
  readonly journeys: JourneyReport;
  readonly statements: StatementReport;
  /** Looks of the watchdogs for heads without news, counted apart; hints that got lost show here. */
  readonly watchdogChecks: number;
  /** The engines opened to Postgres, measured while messages flowed. */
  readonly connections: number;
  /** One commit on this disk, meanwhile. */
  readonly commits: Summary;
  readonly usage: UsageReport;
  readonly ownLoop: { readonly p99Ms: number; readonly maxMs: number };
  readonly counters: unknown;
  readonly machine: Machine;
}

async function measure(rig: Rig, parameters: typeof DEFAULTS, log: (line: string) => void): Promise<SteadyReport> {
  const { rate, minutes, warmupSeconds, idleSeconds } = parameters;
  log(`idle for ${idleSeconds} s: what the engine asks Postgres without messages`);
  const rested = await rig.calls();
  await spell(idleSeconds);
  const idle = { seconds: idleSeconds, calls: callsBetween(rested, await rig.calls()) };

  log(`${rate} messages/s: ${warmupSeconds} s of warming up, then ${minutes} min measured`);
  rig.upstream.setRate(rate);
  await spell(warmupSeconds);
  const ownLoop = watchOwnLoop();
  const probe = rig.probeCommits();
  const [checksBefore, sessionsBefore] = [await rig.watchdogChecks(), await rig.sessions()];
  const [callsBefore, usageBefore, beganMs] = [await rig.calls(), rig.usage(), performance.now()];
  rig.journeys.begin(preciseNow());
  await spell(minutes * 60);
  rig.upstream.setRate(0);
  const settled = await rig.settled(SETTLE_MS_MAX);
  const seconds = (performance.now() - beganMs) / 1000;
  const load = { seconds, calls: callsBetween(callsBefore, await rig.calls()) };
  const usage = usageBetween(usageBefore, rig.usage());
  const checks = (await rig.watchdogChecks()) - checksBefore;
  const connections = (await rig.sessions()) - sessionsBefore;
  const { delivered } = rig.journeys;
  return {
    plan: rig.plan,
    parameters,
    seconds,
    engineStartMs: rig.engineStartMs,
    delivered,
    settled,
    verdict: verdictOf(rig.lis.judge.report()),
    evidence: await evidenceOf(rig, rig.lis.judge.report()),
    deadLetters: await rig.deadLetters(),
    journeys: rig.journeys.report(),
    statements: reportStatements(idle, load, delivered, checks),
    watchdogChecks: checks,
    connections,
    commits: await probe.stop(),
    usage,
    ownLoop: ownLoop(),
    counters: await rig.counters(),
    machine: machine(),
  };
}

function text(report: SteadyReport): string {
  const { parameters: p } = report;
  const lines = [
    `steady: ${p.rate} messages/s over ${p.interfaces} interfaces for ${Math.round(report.seconds)} s, ${p.poison * 100} % poison (half unknown test code, half AE)`,
    layoutText(report.plan),
    '',
    ...verdictLines(report.verdict, report.deadLetters),
    ...evidenceLines(report.evidence),
    ...(report.settled ? [] : ['some numbers were not settled in the end']),
    '',
    `latency of the ${report.delivered} delivered messages that were never poison`,
    ...journeyLines(report.journeys),
    summaryLine('one commit on this disk', report.commits),
    ...slowestLines(report.journeys),
    '',
    ...statementLines(report.statements),
    '',
    `batch checks of the watchdog: ${report.watchdogChecks}`,
    `all engine processes served after ${Math.round(report.engineStartMs)} ms`,
    ...usageLines(report.usage, report.seconds),
    `connections to Postgres opened meanwhile: ${report.connections}`,
    `this process was late at its own timers by ${report.ownLoop.p99Ms.toFixed(1)} ms (p99), ${report.ownLoop.maxMs.toFixed(1)} ms (max)`,
    machineLine(report.machine),
  ];
  return `${lines.join('\n')}\n`;
}

await runBench({
  file: 'bench/src/steady.ts',
  defaults: DEFAULTS,
  poison: ({ poison }) => ({ unknownCode: poison / 2, nackCode: poison / 2 }),
  measure,
  text,
});
