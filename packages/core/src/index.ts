export * from './codes.ts';
export * from './ids.ts';
export * from './ports.ts';
export * from './status.ts';
