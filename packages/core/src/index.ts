export * from './codes.ts';
export * from './command/plan.ts';
export * from './ids.ts';
export * from './lane/index.ts';
export * from './ports.ts';
export * from './status.ts';
