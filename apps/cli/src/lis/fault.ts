/** Words for the laboratory's faults, and the request each stands for. */

const ANSWERS = ['AE', 'AR', 'CE', 'CR'] as const;
const KINDS: Readonly<Record<string, object>> = {
  delay: { kind: 'delay' },
  junk: { kind: 'junk' },
  'wrong-id': { kind: 'wrongId' },
  'already-there': { kind: 'alreadyThere' },
  'drop-answer': { kind: 'dropAnswer' },
  hang: { kind: 'hang' },
  'half-close': { kind: 'halfClose' },
  reset: { kind: 'reset' },
  'close-in-the-middle': { kind: 'closeInTheMiddle' },
  'slow-bytes': { kind: 'slowBytes' },
};

/** off: does not listen · on: listens again · usual: its faults are taken back · the others: a fault. */
export const SWITCH_WORDS: readonly string[] = ['on', 'off', 'usual', ...ANSWERS, ...Object.keys(KINDS)];

export interface SwitchOptions {
  readonly interface?: string;
  readonly controlId?: string;
  readonly every?: number;
  readonly times?: number;
  readonly errorCode?: string;
  readonly ms: number;
}

/**
 * The body of POST /switches.
 * @param target what the person named: an endpoint, or `all`.
 * @param endpoints the names it stands for.
 * @param standing the rules that stand now.
 */
export function faultNamed(
  word: string,
  target: string,
  endpoints: readonly string[],
  standing: readonly { readonly id: string; readonly endpoint?: string | undefined }[],
  options: SwitchOptions,
): object {
  if (word === 'on' || word === 'off')
    return { listening: Object.fromEntries(endpoints.map((name) => [name, word === 'on'])) };
  if (word === 'usual') {
    const listening = Object.fromEntries(endpoints.map((name) => [name, true]));
    if (target === 'all') return { clear: true, listening };
    return { clear: standing.filter((rule) => rule.endpoint === target).map((rule) => rule.id), listening };
  }
  const { interface: code, controlId, every, times, errorCode, ms } = options;
  const isAnswer = ANSWERS.some((answer) => answer === word);
  const fault = isAnswer
    ? { kind: 'answer', code: word, ...(errorCode === undefined ? {} : { errorCode }) }
    : { ...KINDS[word], ...(word === 'delay' ? { ms } : {}) };
  const rule = {
    id: [target, word, code, controlId]
      .filter((part) => part !== undefined)
      .join(' ')
      .slice(0, 60),
    ...(target === 'all' ? {} : { endpoint: target }),
    ...(code === undefined ? {} : { interface: code }),
    ...(controlId === undefined ? {} : { controlId }),
    ...(every === undefined ? {} : { everyNth: every }),
    ...(times === undefined ? {} : { times }),
    fault,
  };
  return { set: [rule] };
}
