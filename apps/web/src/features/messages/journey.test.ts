import { expect, test } from 'vitest';
import { journeyOf, type Message, millisecondsText, whyHere } from './journey.ts';

const RECEIVED = Date.UTC(2026, 2, 1, 9, 0, 0);

function message(partial: Partial<Message>): Message {
  return {
    interfaceCode: 'LAB-0042',
    interfaceName: 'Lane',
    site: '',
    sequenceNo: 15,
    status: 'DELIVERED',
    revision: 1,
    possibleTwin: false,
    receivedAt: new Date(RECEIVED),
    settledAt: new Date(RECEIVED + 1200),
    checkpoint: 20,
    highWater: 22,
    paused: false,
    heldFor: null,
    orderControls: ['NW'],
    retries: 3,
    destination: 'LIS-1',
    controlId: 'C-15',
    filterRule: null,
    deadLetter: null,
    attempts: [],
    attemptsMore: false,
    replays: [],
    commands: [],
    related: [],
    ...partial,
  };
}

function attempt(partial: Partial<Message['attempts'][number]>): Message['attempts'][number] {
  return {
    attemptId: '1',
    attemptNo: 1,
    kind: 'FIRST',
    outcome: 'ACKED',
    epoch: 1,
    instance: 'one',
    destination: 'LIS-1',
    errorCode: null,
    ackCode: 'AA',
    detail: null,
    controlId: 'C-15',
    endedAt: new Date(RECEIVED + 1200),
    durationMs: 8,
    responseBytes: 90,
    requestDiffers: false,
    ...partial,
  };
}

function dead(partial: Partial<NonNullable<Message['deadLetter']>>): NonNullable<Message['deadLetter']> {
  return {
    stage: 'ENRICH',
    errorCode: 'ENRICH_CODE_UNKNOWN',
    signature: '',
    path: 'OBR-4.1',
    tableName: null,
    value: 'ZZ-901',
    detail: '',
    faults: [],
    attempts: 1,
    maybeDelivered: false,
    createdAt: new Date(RECEIVED),
    resolvedAt: null,
    resolution: null,
    ...partial,
  };
}

const states = (m: Message) => journeyOf(m).map((step) => step.state);
const why = (m: Message) => whyHere(m, RECEIVED + 4000).text;

test('a delivered message has all steps behind it, and says who acknowledged and after how long', () => {
  const delivered = message({ attempts: [attempt({})] });
  expect(states(delivered)).toEqual(['done', 'done', 'done', 'done', 'done']);
  expect(why(delivered)).toBe('Acknowledged AA by LIS-1 1.2 s after it was received.');
  expect(why(message({ attempts: [attempt({ ackCode: 'ACCEPTED' })] }))).toBe(
    'The broker took it for LIS-1 1.2 s after it was received. Who reads the queue does not tell us whether it has.',
  );
  expect(why(message({ attempts: [attempt({ outcome: 'CONFIRMED_BY_OPERATOR', ackCode: null })] }))).toContain(
    'an operator has confirmed',
  );
});

test('a dead letter stops at its stage; what follows was never reached', () => {
  const failed = message({ status: 'FAILED', deadLetter: dead({}) });
  expect(states(failed)).toEqual(['done', 'done', 'failed', 'skipped', 'skipped']);
  expect(why(failed)).toBe('The code table does not know this code. The lane has gone on; a replay would be late.');
  expect(states(message({ status: 'FAILED', deadLetter: dead({ stage: 'DELIVER' }) }))).toEqual([
    'done',
    'done',
    'done',
    'done',
    'failed',
  ]);
});

test('G6, G14: a failed number that is not passed keeps its turn, and the sentence says so', () => {
  const head = message({ status: 'FAILED', deadLetter: dead({}), checkpoint: 14, heldFor: 'ON_FAILURE' });
  expect(why(head)).toContain('The lane holds before it: a replay keeps its turn.');
  expect(why(message({ status: 'FAILED', deadLetter: dead({}), checkpoint: 12 }))).toContain('has not passed it yet');
});

test('a waiting message says what it waits for', () => {
  const ready = { status: 'PROCESSED', settledAt: null } as const;
  expect(why(message({ ...ready, checkpoint: 11 }))).toBe(
    'It is ready and waits for its turn. Its lane first has 3 earlier numbers to settle, from #12 on.',
  );
  expect(why(message({ ...ready, checkpoint: 14, paused: true }))).toContain(
    'its lane is paused. It is the next of its lane.',
  );
  expect(why(message({ ...ready, checkpoint: 14, attempts: [attempt({ outcome: 'NACKED', ackCode: 'AE' })] }))).toBe(
    'The laboratory answered AE; try 2 of 4 comes next.',
  );
  expect(
    why(message({ ...ready, checkpoint: 14, attempts: [attempt({ outcome: 'UNKNOWN', ackCode: null })] })),
  ).toContain('it may have arrived');
  expect(states(message({ ...ready, checkpoint: 14 }))).toEqual(['done', 'done', 'done', 'done', 'here']);
  expect(why(message({ status: 'RECEIVED', settledAt: null, checkpoint: 14 }))).toContain('in the stages for 4 s');
});

test('G8, G20: a message whose lane holds says why, and whether it is the one that is not known', () => {
  const ready = { status: 'PROCESSED', settledAt: null } as const;
  expect(why(message({ ...ready, checkpoint: 14, heldFor: 'UNKNOWN_OUTCOME' }))).toContain(
    'nobody knows whether it arrived',
  );
  expect(why(message({ ...ready, checkpoint: 13, heldFor: 'PASS_LIMIT' }))).toContain(
    'too many numbers in a row failed with one error',
  );
});

test('a skip names who and why', () => {
  const command = {
    commandId: '1',
    kind: 'SKIP',
    status: 'DONE',
    refusalCode: null,
    actor: 'otis',
    reason: 'duplicate',
    requestedAt: new Date(RECEIVED),
  } as const;
  expect(why(message({ status: 'SKIPPED', commands: [command] }))).toBe(
    'An operator has skipped it (otis: “duplicate”). The lane has passed it.',
  );
});

test('durations are read at a glance', () => {
  expect([4, 999.6, 1000, 59_900, 61_000].map(millisecondsText)).toEqual([
    '4 ms',
    '1000 ms',
    '1.0 s',
    '59.9 s',
    '1 min',
  ]);
});
