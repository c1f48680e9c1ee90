/**
 * Health of a lane, from samples: Burrow's rules turned to sequences. Separate from the lane's own state, which its
 * owner decides. Pure: time and samples are arguments.
 */
import { durationText, type LaneStateName, type WaitingFor } from '@inorder/core';
import type { Health } from '../../features/lag/health.ts';

/** Between two samples of one lane. */
export const SAMPLE_MS = 10_000;
/** Samples kept of one lane: five minutes. */
export const SAMPLES_MAX = 30;

export interface HealthRules {
  /** A missing head counts as a gap only when it has been missing this long while later numbers wait. */
  readonly gapGraceMs: number;
  /** Waiting without a delivery for this long: STALLED. */
  readonly stalledMs: number;
  /** … and for this long: STOPPED. */
  readonly stoppedMs: number;
  /** Delivering, but over this many samples the lag never fell: SLOW. */
  readonly slowSamples: number;
  /** … and grew by at least this many numbers; less is noise. */
  readonly slowGrowth: number;
  /** The oldest unsettled number may be this old. */
  readonly oldestAgeMsMax: number;
  /** No input where this many numbers were to be expected: QUIET. At 20 the odds of chance are 1 in 500 million. */
  readonly quietExpected: number;
}

export const HEALTH_RULES: HealthRules = {
  gapGraceMs: 500,
  stalledMs: 30_000,
  stoppedMs: 300_000,
  slowSamples: 7,
  slowGrowth: 10,
  oldestAgeMsMax: 900_000,
  quietExpected: 20,
};

export interface Observation {
  readonly state: LaneStateName;
  readonly lag: number;
  readonly waitingFor: WaitingFor | null;
  /** Numbers above the head that are ready or have an end. */
  readonly readyAhead: number;
  readonly oldestAt: number | null;
  /** Since when it waits without a delivery: the later of "last delivery" and "began to wait"; null at lag 0. */
  readonly stuckSinceAt: number | null;
  /** Lag at each sample, oldest first, the newest last. */
  readonly lagSamples: readonly number[];
  /** Checkpoint at each sample, as `lagSamples`. */
  readonly checkpointSamples: readonly number[];
  /** What it usually brings, averaged over about an hour up to its last input; null while that is not known. */
  readonly usualPerMinute: number | null;
  readonly lastInAt: number | null;
}

export interface Verdict {
  readonly health: Health;
  /** The rule and its numbers, in words; null for OK. */
  readonly why: string | null;
}

const OK: Verdict = { health: 'OK', why: null };

/** First match wins. A lane that people have switched off is judged by the age of its oldest number alone. */
export function judge(seen: Observation, nowAt: number, rules: HealthRules = HEALTH_RULES): Verdict {
  const off = seen.state === 'PAUSED' || seen.state === 'DISABLED';
  if (!off) {
    const standing = gap(seen, nowAt, rules) ?? stuck(seen, nowAt, rules) ?? slow(seen, rules);
    if (standing !== null) return standing;
  }
  const age = seen.oldestAt === null ? 0 : nowAt - seen.oldestAt;
  if (seen.lag > 0 && age > rules.oldestAgeMsMax) {
    return {
      health: 'BREACH',
      why: `the oldest number waits for ${durationText(age)}; the limit is ${durationText(rules.oldestAgeMsMax)}`,
    };
  }
  return (off ? null : quiet(seen, nowAt, rules)) ?? OK;
}

function gap(seen: Observation, nowAt: number, rules: HealthRules): Verdict | null {
  const waiting = seen.waitingFor;
  if (waiting?.kind !== 'STAGE' || seen.readyAhead === 0) return null;
  const missing = nowAt - waiting.sinceAt;
  if (missing <= rules.gapGraceMs) return null;
  return {
    health: 'GAP',
    why: `#${waiting.sequenceNo} is missing for ${durationText(missing)} while ${seen.readyAhead} later numbers are ready`,
  };
}

function stuck(seen: Observation, nowAt: number, rules: HealthRules): Verdict | null {
  if (seen.lag === 0 || seen.stuckSinceAt === null) return null;
  const still = nowAt - seen.stuckSinceAt;
  if (still < rules.stalledMs) return null;
  const why = `no delivery for ${durationText(still)} while ${seen.lag} wait`;
  return { health: still >= rules.stoppedMs ? 'STOPPED' : 'STALLED', why };
}

function slow(seen: Observation, rules: HealthRules): Verdict | null {
  const lags = seen.lagSamples.slice(-rules.slowSamples);
  const checkpoints = seen.checkpointSamples.slice(-rules.slowSamples);
  const first = lags[0];
  if (first === undefined || lags.length < rules.slowSamples) return null;
  const moves = (checkpoints.at(-1) ?? 0) > (checkpoints[0] ?? 0);
  const neverFell = lags.every((lag, i) => lag > 0 && lag >= (lags[i - 1] ?? 0));
  const growth = seen.lag - first;
  if (!moves || !neverFell || growth < rules.slowGrowth) return null;
  const span = durationText((rules.slowSamples - 1) * SAMPLE_MS);
  return { health: 'SLOW', why: `delivers, but ${growth} more wait than ${span} ago and it never fell in between` };
}

function quiet(seen: Observation, nowAt: number, rules: HealthRules): Verdict | null {
  if (seen.usualPerMinute === null || seen.lastInAt === null) return null;
  const silentMs = nowAt - seen.lastInAt;
  if ((seen.usualPerMinute * silentMs) / 60_000 < rules.quietExpected) return null;
  const rate = seen.usualPerMinute < 10 ? seen.usualPerMinute.toFixed(1) : Math.round(seen.usualPerMinute);
  return { health: 'QUIET', why: `nothing came for ${durationText(silentMs)}; usually ${rate} a minute` };
}
