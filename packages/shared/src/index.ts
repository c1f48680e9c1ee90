export * from './action-words.ts';
export * from './console-api.ts';
export * from './interface-document.ts';
export * from './number-range.ts';
export * from './permissions.ts';
export * from './readiness.ts';
export * from './wake-up.ts';
export * from './wire.ts';
