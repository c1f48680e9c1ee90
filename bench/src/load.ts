/** What both benches do alike: stop early when told to, watch our own event loop, word the figures. */
import os from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { JudgeReport } from '@inorder/simulator';
import type { JourneyReport } from './journeys.ts';
import type { Summary } from './percentile.ts';
import type { Rig } from './rig.ts';
import type { StatementReport } from './statements.ts';
import type { Usage } from './usage.ts';

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
process.once('SIGTERM', () => interrupted.abort());

/** @throws AbortError when the bench is told to stop, so that it ends what it started. */
export async function spell(seconds: number): Promise<void> {
  await delay(seconds * 1000, undefined, { signal: interrupted.signal });
}

/** How late this process was at its own timers: what it adds to latencies itself. */
export function watchOwnLoop(): () => { readonly p99Ms: number; readonly maxMs: number } {
  const resolutionMs = 5;
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  const late = (ns: number): number => Math.max(0, ns / 1e6 - resolutionMs);
  return () => {
    histogram.disable();
    return { p99Ms: late(histogram.percentile(99)), maxMs: late(histogram.max) };
  };
}

export interface Verdict {
  readonly orderViolations: number;
  /** Accepted from the upstream, not poison, and never seen or never taken by the laboratory. */
  readonly lost: number;
  readonly repeats: number;
  readonly received: number;
  readonly examples: readonly string[];
}

export function verdictOf(report: JudgeReport): Verdict {
  return {
    orderViolations: report.orderViolations,
    lost: report.missing + report.notTaken,
    repeats: report.repeats,
    received: report.received,
    examples: [
      ...report.violationExamples.map((e) => `${e.verdict}: ${e.controlId} after ${e.after}`),
      ...report.missingExamples.map((id) => `missing: ${id}`),
    ],
  };
}

export interface Machine {
  readonly cores: number;
  readonly loadAverage: number;
  readonly node: string;
}

export const machine = (): Machine => ({
  cores: os.availableParallelism(),
  loadAverage: os.loadavg()[0] ?? 0,
  node: process.version,
});

export interface UsageReport {
  readonly engineCpuSeconds: number | null;
  readonly engineMib: number | null;
  readonly postgresCpuSeconds: number | null;
  readonly postgresMib: number | null;
}

export function usageBetween(before: ReturnType<Rig['usage']>, after: ReturnType<Rig['usage']>): UsageReport {
  const cpu = (a: Usage | null, b: Usage | null): number | null =>
    a === null || b === null ? null : b.cpuSeconds - a.cpuSeconds;
  const mib = (usage: Usage | null): number | null => (usage === null ? null : usage.bytes / 1_048_576);
  return {
    engineCpuSeconds: cpu(before.engine, after.engine),
    engineMib: mib(after.engine),
    postgresCpuSeconds: cpu(before.postgres, after.postgres),
    postgresMib: mib(after.postgres),
  };
}

const ms = (value: number | null): string => (value === null ? '–' : value.toFixed(1));
const whole = (value: number | null): string => (value === null ? 'not known here' : String(Math.round(value)));

export function summaryLine(name: string, s: Summary): string {
  return `  ${name.padEnd(26)} p50 ${ms(s.p50)}  p90 ${ms(s.p90)}  p99 ${ms(s.p99)}  max ${ms(s.max)} ms  (${s.count})`;
}

export function journeyLines(report: JourneyReport): string[] {
  return [
    summaryLine('JMS in to accepted', report.accepted),
    summaryLine('JMS in to the laboratory', report.received),
    summaryLine('JMS in to LIS ACK', report.answered),
  ];
}

export function slowestLines(report: JourneyReport): string[] {
  return [
    'slowest (second of the run, accepted / at the laboratory / ACK in ms)',
    ...report.slowest.map(
      (m) =>
        `  ${m.atSeconds.toFixed(1).padStart(7)} s  ${ms(m.acceptedMs)} / ${ms(m.receivedMs)} / ${ms(m.answeredMs)}  ${m.endpoint} ${m.controlId}`,
    ),
  ];
}

export function verdictLines(verdict: Verdict, deadLetters: Readonly<Record<string, number>>): string[] {
  const letters = Object.entries(deadLetters).map(([code, n]) => `${code} ${n}`);
  return [
    `order violations ${verdict.orderViolations} · lost ${verdict.lost} · repeats ${verdict.repeats} · received at the laboratory ${verdict.received}`,
    `dead letters: ${letters.length === 0 ? 'none' : letters.join(', ')}`,
    ...verdict.examples.map((example) => `  ${example}`),
  ];
}

/** Why, where something went wrong; else what the engines complained of. */
export interface Evidence {
  readonly warnings: Readonly<Record<string, number>>;
  readonly attempts: readonly string[];
}

export async function evidenceOf(rig: Rig, report: JudgeReport): Promise<Evidence> {
  const ids = report.violationExamples.flatMap(({ controlId }) => controlId);
  return { warnings: rig.warnings(), attempts: ids.length === 0 ? [] : await rig.attempts(ids) };
}

export function evidenceLines({ warnings, attempts }: Evidence): string[] {
  const all = Object.entries(warnings).toSorted(([, a], [, b]) => b - a);
  return [
    `warnings of the engines: ${all.length === 0 ? 'none' : all.map(([what, n]) => `${what} (${n})`).join(', ')}`,
    ...attempts.map((line) => `  ${line}`),
  ];
}

export function statementLines(report: StatementReport): string[] {
  const apart = Object.entries(report.apart).map(([purpose, n]) => `${purpose} ${n}`);
  return [
    'for each delivered message',
    `  reads of message_tracking ${report.readsOf.message_tracking.toFixed(4)}, of message_delivery_checkpoint ${report.readsOf.message_delivery_checkpoint.toFixed(4)}, of ready_for_delivery ${report.readsOf.ready_for_delivery.toFixed(4)}`,
    `  payload reads by key ${report.payloadReadsPerMessage.toFixed(2)}`,
    `  round trips ${report.roundTripsPerMessage.toFixed(2)}`,
    `counted apart (calls): ${apart.join(', ')}`,
    ...(report.grewApart.length === 0 ? [] : [`counted apart, but grew with messages: ${report.grewApart.join(', ')}`]),
    `  ${'calls'.padStart(7)} ${'per msg'.padStart(8)} ${'per s'.padStart(8)} ${'idle/s'.padStart(8)} ${'mean ms'.padStart(8)}  purpose        statement [reads]`,
    ...report.rows.map(
      (row) =>
        `  ${String(row.calls).padStart(7)} ${row.perMessage.toFixed(4).padStart(8)} ${row.callsPerSecond.toFixed(2).padStart(8)} ${row.idlePerSecond.toFixed(2).padStart(8)} ${row.meanMs.toFixed(2).padStart(8)}  ${row.purpose.padEnd(13)}  ${row.name}${row.reads.length === 0 ? '' : ` [${row.reads.join(', ')}]`}`,
    ),
  ];
}

export function usageLines(usage: UsageReport, seconds: number): string[] {
  return [
    `engine processes: ${ms(usage.engineCpuSeconds)} s CPU in ${Math.round(seconds)} s, ${whole(usage.engineMib)} MiB`,
    `Postgres: ${ms(usage.postgresCpuSeconds)} s CPU, ${whole(usage.postgresMib)} MiB`,
  ];
}

export function machineLine(at: Machine): string {
  return `machine: ${at.cores} cores, load average ${at.loadAverage.toFixed(1)} at the end, Node ${at.node}`;
}
