export * from './action-words.ts';
export * from './console-api.ts';
export * from './interface-document.ts';
export * from './log-fields.ts';
export * from './number-range.ts';
export * from './permissions.ts';
export * from './readiness.ts';
export * from './wire.ts';
