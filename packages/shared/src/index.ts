export * from './interface-document.ts';
export * from './permissions.ts';
export * from './wire.ts';
