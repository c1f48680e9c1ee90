export * from './audit-list.ts';
export * from './database.ts';
export * from './dead-letters.ts';
export * from './instances.ts';
export * from './lag.ts';
export * from './messages.ts';
export * from './retention.ts';
export * from './ribbon.ts';
