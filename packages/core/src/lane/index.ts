export { heldBefore, type SettlingAct, settlementOf } from './command-settles.ts';
export { decide } from './decide.ts';
export * from './explain.ts';
export * from './open.ts';
export { retryDelay } from './retry.ts';
export * from './state.ts';
export * from './view.ts';
export { emptyWindow, type Window, windowDropThrough, windowEntries, windowGet, windowSet } from './window.ts';
