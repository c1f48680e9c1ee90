export * from './codes.ts';
export * from './command/plan.ts';
export * from './ids.ts';
export * from './lane/explain.ts';
export * from './ports.ts';
export * from './status.ts';
