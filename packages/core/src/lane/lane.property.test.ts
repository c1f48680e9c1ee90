import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../codes.ts';
import { LaneWorld } from './lane-world.ts';

/**
 * Every interleaving of numbers, stages, answers, commits, crashes and takeovers, against the guarantees alone.
 * Replay a failure with the seed and path fast-check prints: INORDER_SEED, INORDER_PATH.
 */
const seed = process.env['INORDER_SEED'];
const path = process.env['INORDER_PATH'];
const parameters = {
  numRuns: Number(process.env['INORDER_RUNS'] ?? 400),
  ...(seed ? { seed: Number(seed) } : {}),
  ...(path ? { path } : {}),
};

type Step =
  | { do: 'number' | 'commit' | 'reconcile' | 'wait' | 'grant' | 'lookUp' | 'try' | 'zombieCommit' }
  | { do: 'stage'; pick: number; status: 'PROCESSED' | 'FAILED' | 'FILTERED'; heard: boolean }
  | { do: 'send'; arrives: boolean }
  | { do: 'answer'; result: 'AA' | ErrorCode }
  | { do: 'rumour'; pick: number; status: 'PROCESSED' | 'FAILED' | 'FILTERED' }
  | { do: 'act'; pick: number; lives: boolean }
  | { do: 'crash' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ do: 'number' } as const) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('stage' as const),
      pick: fc.nat(100),
      status: fc.constantFrom(
        'PROCESSED' as const,
        'PROCESSED' as const,
        'PROCESSED' as const,
        'FAILED' as const,
        'FILTERED' as const,
      ),
      heard: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('send' as const), arrives: fc.boolean() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      result: fc.constantFrom<('AA' | ErrorCode)[]>(
        'AA',
        'AA',
        'AA',
        'MLLP_NACK_ERROR',
        'MLLP_NACK_CONTENT',
        'MLLP_ACK_TIMEOUT',
        'MLLP_CONNECT',
      ),
    }),
  },
  { weight: 6, arbitrary: fc.constant({ do: 'commit' } as const) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('rumour' as const),
      pick: fc.nat(100),
      status: fc.constantFrom('PROCESSED' as const, 'FAILED' as const, 'FILTERED' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('act' as const), pick: fc.nat(2), lives: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Step[]>(
      { do: 'wait' },
      { do: 'grant' },
      { do: 'lookUp' },
      { do: 'try' },
      { do: 'reconcile' },
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom<Step[]>({ do: 'crash' }, { do: 'zombieCommit' }) },
);

function run(world: LaneWorld, steps: readonly Step[]): void {
  let out: { n: number; arrives: boolean } | undefined;
  for (const s of steps) {
    switch (s.do) {
      case 'number':
        world.number();
        break;
      case 'stage':
        if (world.highWater > 0)
          world.stage(
            1 + (s.pick % world.highWater),
            s.status,
            s.status === 'FAILED' ? 'ENRICH_CODE_UNKNOWN' : null,
            s.heard,
          );
        break;
      case 'send': {
        const n = world.transmit(s.arrives);
        if (n !== undefined) out = { n, arrives: s.arrives };
        break;
      }
      case 'answer':
        if (out === undefined) break;
        // A destination that has not read it cannot have answered.
        world.answer(s.result === 'AA' && !out.arrives ? 'MLLP_CONNECTION_LOST' : s.result);
        out = undefined;
        break;
      case 'rumour':
        // Also of numbers that were never given.
        world.rumour(1 + (s.pick % (world.highWater + 3)), s.status);
        break;
      case 'act':
        act(world, s.pick, s.lives);
        break;
      case 'commit':
        world.commitSettle();
        break;
      case 'reconcile':
        world.reconcile();
        break;
      case 'wait':
        world.wait(2000);
        break;
      case 'grant':
        world.grant();
        break;
      case 'lookUp':
        world.lookUp();
        break;
      case 'try':
        world.tell({ kind: 'ENDPOINT_TRY', nowAt: world.nowAt });
        break;
      case 'crash':
        world.epochNo += 1;
        out = undefined;
        world.open(false);
        break;
      case 'zombieCommit':
        // The answer to a COMMIT was lost: the settlement stands, and the successor reads it.
        {
          const effect = world.take('SETTLE');
          if (effect !== undefined) world.apply(effect.item);
          out = undefined;
          world.epochNo += 1;
          world.open(false);
        }
        break;
    }
    check(world);
  }
}

/** A person decides about a hold; what is DONE is not asked again, whoever dies. */
function act(world: LaneWorld, pick: number, lives: boolean): void {
  const { phase, checkpoint } = world.state;
  if (phase.name !== 'HELD') return;
  // Nobody says that it arrived who has not seen it there.
  const words = world.arrived.includes(phase.sequenceNo)
    ? (['SEND_AGAIN', 'DEAD_LETTER', 'ARRIVED'] as const)
    : (['SEND_AGAIN', 'DEAD_LETTER'] as const);
  const word = phase.reason === 'UNKNOWN_OUTCOME' ? (words[pick % words.length] ?? 'SEND_AGAIN') : 'RELEASE';
  if (!world.act(word, lives)) return;
  expect(
    world.state.checkpoint > checkpoint || world.state.phase.name !== 'HELD',
    `${word} of #${phase.sequenceNo} is DONE and the lane holds before it again`,
  ).toBe(true);
}

function check(world: LaneWorld): void {
  expect(world.state.highWater, 'waits for a number that was never given').toBeLessThanOrEqual(world.highWater);
  if (world.state.phase.name === 'HELD') {
    const { sequenceNo, reason } = world.state.phase;
    const held = world.rows.get(sequenceNo)?.status;
    expect(held, `holds (${reason}) before #${sequenceNo}`).toBe(reason === 'UNKNOWN_OUTCOME' ? 'PROCESSED' : 'FAILED');
  }
  for (let n = 1; n <= world.checkpoint; n++) {
    const row = world.rows.get(n);
    expect(row?.settled, `#${n} is at or below the checkpoint and not settled`).toBe(true);
    if (row?.status === 'DELIVERED') expect(world.arrived, `#${n} DELIVERED but never arrived`).toContain(n);
  }
  for (let i = 1; i < world.arrived.length; i++) {
    expect(world.arrived[i], `arrived ${world.arrived.join(',')}`).toBeGreaterThanOrEqual(world.arrived[i - 1] ?? 0);
  }
  for (let i = 1; i < world.checkpoints.length; i++)
    expect(world.checkpoints[i]).toBeGreaterThanOrEqual(world.checkpoints[i - 1] ?? 0);
}

function settleEverything(world: LaneWorld): void {
  for (let n = 1; n <= world.highWater; n++) world.stage(n, 'PROCESSED', null, false);
  world.epochNo += 1;
  world.open(false);
  for (let i = 0; i < 200 && world.checkpoint < world.highWater; i++) {
    world.flow();
    world.wait(10_000);
    world.tell({ kind: 'ENDPOINT_TRY', nowAt: world.nowAt });
    act(world, 0, true);
  }
}

describe.each([
  ['pass', {}],
  ['hold on unknown', { onUnknown: 'hold' as const }],
  ['hold on failure', { onFailure: 'hold' as const }],
  ['a pass limit', { passLimit: 2 }],
  ['a small window', { windowEntriesMax: 3 }],
  ['literal', { failurePolicy: 'literal' as const }],
])('policy %s', (_, policy) => {
  test('G4, G5, G9: order, one end for every number, never a step back, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const world = new LaneWorld({ passLimit: 0, ...policy });
        run(world, steps);
        settleEverything(world);
        check(world);
        // A hold waits for a person, who was asked; everything else ends by itself.
        expect(world.checkpoint).toBe(world.highWater);
      }),
      parameters,
    );
  });
});
