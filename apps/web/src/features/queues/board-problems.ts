/** Why bull-board cannot be shown or did not act. One sentence each, on our page and in the board's own notices. */
export const BOARD_PROBLEMS = {
  NO_ENGINE: {
    title: 'No engine is running',
    text: 'The stage queues are shown by an engine, and none has sent a heartbeat in the last ten seconds.',
  },
  ENGINE_AWAY: {
    title: 'No engine can be reached',
    text: 'Engines are alive, but this console cannot connect to their admin HTTP.',
  },
  NO_REDIS: {
    title: 'This site runs without Redis',
    text: 'Stage queues live in Redis. Without it every engine hands messages on in its own memory, and there is no queue to look at.',
  },
  REDIS_AWAY: {
    title: 'Redis is away',
    text: 'The engine cannot reach Redis, so its queues cannot be shown. Orders are not lost: Postgres has them, and they go on.',
  },
  SECRET: {
    title: 'The engine does not know this console',
    text: 'Console and engine have different values of INORDER_ADMIN_SECRET.',
  },
  NO_PAGE: { title: 'The board has no such page', text: 'The queue or job may be gone by now.' },
  BROKEN: {
    title: 'The engine gave no usable answer',
    text: 'Its answer was late, broken or too large. If you have done something there, look whether it has happened before you do it again.',
  },
  DATABASE: {
    title: 'The console could not read its database',
    text: 'Without it the console knows neither who you are nor which engines run.',
  },
  AUDIT: {
    title: 'Nothing was done',
    text: 'The audit could not be written, and nothing is done on a queue without it.',
  },
} as const;

export type BoardProblem = keyof typeof BOARD_PROBLEMS;

export function isBoardProblem(text: unknown): text is BoardProblem {
  return typeof text === 'string' && Object.hasOwn(BOARD_PROBLEMS, text);
}
