import { ManualClock } from '@inorder/testkit/manual-clock';
import { expect, test } from 'vitest';
import { Breaker } from './breaker.ts';

function world(unwilling: ReadonlySet<string> = new Set()): {
  clock: ManualClock;
  breaker: Breaker<string>;
  woken: string[];
  told: string[];
} {
  const clock = new ManualClock();
  const woken: string[] = [];
  const told: string[] = [];
  const breaker = new Breaker<string>({
    clock,
    probeMs: 500,
    probeMsMax: 15_000,
    wake: (lane) => {
      woken.push(lane);
      return !unwilling.has(lane);
    },
    onOpen: (code) => told.push(`open ${code}`),
    onClose: () => told.push('close'),
  });
  return { clock, breaker, woken, told };
}

test('G7: one lane at a time tries, after 500 ms, doubling to 15 s; one incident', () => {
  const { clock, breaker, woken, told } = world();
  breaker.failed('MLLP_CONNECT', 'refused');
  for (const lane of ['a', 'b', 'c']) {
    expect(breaker.blocks(lane)?.code).toBe('MLLP_CONNECT');
    breaker.wait(lane);
  }
  clock.advance(499);
  expect(woken).toEqual([]);
  clock.advance(1);
  expect(woken).toEqual(['a']);
  expect(breaker.blocks('a')).toBeNull();
  expect(breaker.blocks('b')).not.toBeNull();
  breaker.failed('MLLP_CONNECT', 'refused');
  breaker.wait('a');
  clock.advance(999);
  expect(woken).toEqual(['a']);
  clock.advance(1);
  expect(woken).toEqual(['a', 'b']);
  for (let i = 0; i < 10; i++) {
    breaker.failed('MLLP_CONNECT', 'refused');
    breaker.wait(woken.at(-1) ?? '');
    clock.advance(15_000);
  }
  expect(woken).toHaveLength(12);
  expect(told).toEqual(['open MLLP_CONNECT']);
});

test('G7: any answer lets everybody go on', () => {
  const { clock, breaker, woken, told } = world();
  breaker.failed('MLLP_CONNECT', 'refused');
  for (const lane of ['a', 'b', 'c']) breaker.wait(lane);
  clock.advance(500);
  breaker.answered();
  expect(woken).toEqual(['a', 'b', 'c']);
  expect(breaker.blocks('b')).toBeNull();
  expect(told).toEqual(['open MLLP_CONNECT', 'close']);
});

test('G7: a probe that goes away leaves its turn to the next', () => {
  const { clock, breaker, woken } = world();
  breaker.failed('MLLP_CONNECT', 'refused');
  breaker.wait('a');
  breaker.wait('b');
  clock.advance(500);
  breaker.leave('a');
  clock.advance(0);
  expect(woken).toEqual(['a', 'b']);
});

test('G7: failures that come together open it once and do not lengthen the wait', () => {
  const { clock, breaker, woken } = world();
  for (let i = 0; i < 50; i++) breaker.failed('MLLP_CONNECT', 'refused');
  breaker.wait('a');
  clock.advance(500);
  expect(woken).toEqual(['a']);
});

test('G7: a lane that does not want to try any more leaves its turn to the next at once', () => {
  const { clock, breaker, woken } = world(new Set(['paused']));
  breaker.failed('MLLP_CONNECT', 'refused');
  for (const lane of ['paused', 'b']) breaker.wait(lane);
  clock.advance(500);
  expect(woken).toEqual(['paused', 'b']);
  expect(breaker.blocks('paused')).not.toBeNull();
  expect(breaker.blocks('b')).toBeNull();
});

test('G8: a probe that nobody answers is followed by another, later each time', () => {
  const { clock, breaker, woken } = world();
  breaker.failed('MLLP_ACK_TIMEOUT', 'no answer');
  breaker.wait('a');
  clock.advance(500);
  breaker.unanswered('a', 'MLLP_ACK_TIMEOUT', 'no answer');
  breaker.wait('a');
  clock.advance(999);
  expect(woken).toEqual(['a']);
  clock.advance(1);
  expect(woken).toEqual(['a', 'a']);
  breaker.unanswered('b', 'MLLP_ACK_TIMEOUT', 'no answer to one that is not the probe');
  expect(breaker.blocks('a')).toBeNull();
});

test('G7: where nobody waits for the try, the next lane that comes is the one; it still is down until it answers', () => {
  const { clock, breaker, woken, told } = world();
  breaker.failed('MLLP_CONNECT', 'refused');
  clock.advance(500);
  expect(woken).toEqual([]);
  expect(breaker.isOpen).toBe(true);
  expect(breaker.blocks('a')).toBeNull();
  expect(breaker.blocks('b')?.code).toBe('MLLP_CONNECT');
  breaker.failed('MLLP_CONNECT', 'refused');
  breaker.wait('a');
  clock.advance(1000);
  expect(woken).toEqual(['a']);
  breaker.answered();
  expect(told).toEqual(['open MLLP_CONNECT', 'close']);
});
