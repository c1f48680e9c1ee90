import { sequenceNo } from '@inorder/core';
import { describe, expect, test } from 'vitest';
import { HEALTH_RULES, judge, type Observation } from './health.ts';
import { InputProfile } from './input-profile.ts';

const NOW = 1_800_000_000_000;

const well: Observation = {
  state: 'FLOWING',
  lag: 3,
  waitingFor: null,
  readyAhead: 0,
  oldestAt: NOW - 2000,
  stuckSinceAt: NOW - 1000,
  lagSamples: [2, 0, 3],
  checkpointSamples: [10, 20, 30],
  usualPerMinute: null,
  lastInAt: null,
};

const missingHead = (forMs: number): Observation => ({
  ...well,
  state: 'WAITING',
  readyAhead: 4,
  waitingFor: { kind: 'STAGE', sequenceNo: sequenceNo(7), status: 'VALIDATED', sinceAt: NOW - forMs },
});

describe('health', () => {
  test('a lane that moves is OK and says nothing', () => {
    expect(judge(well, NOW)).toEqual({ health: 'OK', why: null });
  });

  test('a missing head is a GAP only after the grace, and only while later numbers are ready', () => {
    expect(judge(missingHead(HEALTH_RULES.gapGraceMs), NOW).health).toBe('OK');
    expect(judge(missingHead(HEALTH_RULES.gapGraceMs + 1), NOW).health).toBe('GAP');
    expect(judge({ ...missingHead(9000), readyAhead: 0 }, NOW).health).toBe('OK');
    expect(judge(missingHead(9000), NOW).why).toBe('#7 is missing for 9 s while 4 later numbers are ready');
  });

  test('no delivery while numbers wait: STALLED after half a minute, STOPPED after five', () => {
    const stuck = (ms: number) => judge({ ...well, stuckSinceAt: NOW - ms }, NOW).health;
    expect([29_999, 30_000, 299_999, 300_000].map(stuck)).toEqual(['OK', 'STALLED', 'STALLED', 'STOPPED']);
    expect(judge({ ...well, lag: 0, stuckSinceAt: NOW - 900_000 }, NOW).health).toBe('OK');
  });

  test('GAP is named before STALLED: it says more', () => {
    expect(judge({ ...missingHead(60_000), stuckSinceAt: NOW - 60_000 }, NOW).health).toBe('GAP');
  });

  test('SLOW: it delivers, the lag grew over a minute and never fell', () => {
    const growing = {
      ...well,
      lag: 80,
      lagSamples: [20, 30, 40, 50, 60, 70, 80],
      checkpointSamples: [1, 2, 3, 4, 5, 6, 7],
    };
    expect(judge(growing, NOW).health).toBe('SLOW');
    expect(judge({ ...growing, lagSamples: [20, 30, 40, 39, 60, 70, 80] }, NOW).health).toBe('OK');
    expect(judge({ ...growing, checkpointSamples: [4, 4, 4, 4, 4, 4, 4] }, NOW).health).toBe('OK');
    expect(judge({ ...growing, lag: 29, lagSamples: [20, 21, 22, 23, 24, 25, 29] }, NOW).health).toBe('OK');
    expect(judge({ ...growing, lagSamples: [70, 80] }, NOW).health).toBe('OK');
  });

  test('BREACH: older than the limit, also for a paused lane; a pause alone is no illness', () => {
    const old = { ...well, oldestAt: NOW - HEALTH_RULES.oldestAgeMsMax - 1 };
    expect(judge(old, NOW).health).toBe('BREACH');
    expect(judge({ ...old, state: 'PAUSED', stuckSinceAt: 0 }, NOW).health).toBe('BREACH');
    expect(judge({ ...well, state: 'PAUSED', stuckSinceAt: 0 }, NOW).health).toBe('OK');
    expect(judge({ ...well, state: 'DISABLED', stuckSinceAt: 0 }, NOW).health).toBe('OK');
  });

  test('QUIET: a silence in which twenty messages were to be expected', () => {
    const silent = { ...well, lag: 0, usualPerMinute: 4 };
    expect(judge({ ...silent, lastInAt: NOW - 299_000 }, NOW).health).toBe('OK');
    expect(judge({ ...silent, lastInAt: NOW - 300_000 }, NOW).health).toBe('QUIET');
    expect(judge({ ...silent, usualPerMinute: null, lastInAt: 0 }, NOW).health).toBe('OK');
  });
});

describe('what is usual', () => {
  test('is not known before ten minutes, and stands still through a silence', () => {
    const input = new InputProfile();
    let highWater = 0;
    let at = NOW;
    const pass = (samples: number, perSample: number) => {
      for (let i = 0; i < samples; i++) {
        highWater += perSample;
        at += 10_000;
        input.sample(highWater, at);
      }
    };
    pass(59, 2);
    expect(input.usualPerMinute).toBeNull();
    pass(10, 2);
    expect(input.usualPerMinute).toBeCloseTo(12);
    pass(360, 0);
    expect(input.usualPerMinute).toBeCloseTo(12);
  });
});
