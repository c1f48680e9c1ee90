/** Playwright's global setup: one system for all journeys; what it gives back ends it. */
import path from 'node:path';
import { tellWorkers } from './facts.ts';
import { startSystem } from './system.ts';

export default async function setup(): Promise<() => Promise<void>> {
  const system = await startSystem(path.resolve(import.meta.dirname, '../test-results/logs'));
  tellWorkers(system.facts);
  return async () => {
    await system[Symbol.asyncDispose]();
  };
}
