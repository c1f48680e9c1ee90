/** What the audit says of an act on bull-board. */
export interface BoardAct {
  /** `queue.retry` */
  readonly action: string;
  /** `queue:inorder-maintenance:8a…`, `queue:inorder-maintenance`, `queue:*` for all queues. */
  readonly target: string;
}

const TEXT_MAX = 200;

/** @param path below the board's base, one that `isQueueBoardAct` knows: `/api/queues/{queue}/{job}/retry`. */
export function boardAct(path: string): BoardAct {
  const [, , , ...parts] = path.split('/').map(plain);
  const [first = '', second, third, fourth] = parts;
  if (second === undefined) return act(first, '*');
  if (second === 'job-schedulers' && fourth !== undefined) return act(fourth, `${first}:${third}`);
  if (third === undefined) return act(second, first);
  // `{queue}/clean/failed` is about every job in a state; `{queue}/{job}/clean` about one.
  if (second === 'retry' || second === 'clean') return act(second, `${first}:all ${third}`);
  return act(third, `${first}:${second}`);
}

function act(verb: string, where: string): BoardAct {
  return { action: `queue.${verb}`, target: `queue:${where}`.slice(0, TEXT_MAX) };
}

function plain(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
