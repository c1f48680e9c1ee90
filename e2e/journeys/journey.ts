/** `test` with what every journey needs: a laboratory of its own, and browsers of people with a role. */

import type { Role } from '@inorder/shared';
import { test as base, expect, type Page } from '@playwright/test';
import { type RunningSystem, runningSystem } from '../running/facts.ts';
import { type Laboratory, type LaboratoryPlan, openLaboratory } from '../running/laboratory.ts';

export { expect };

interface JourneyFixtures {
  /** Whose browser `page` is; default operator. */
  readonly role: Role;
  readonly system: RunningSystem;
  /** Opens an interface and its laboratory; gone when the journey ends. `HOLE` becomes `HOLE-4F2K`. */
  readonly laboratory: (name: string, plan?: Omit<LaboratoryPlan, 'code'>) => Promise<Laboratory>;
  /** Another browser, of somebody else. */
  readonly pageOf: (role: Role) => Promise<Page>;
}

export const test = base.extend<JourneyFixtures>({
  role: ['operator', { option: true }],
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of the fixtures used off the pattern
  system: async ({}, use) => {
    const system = runningSystem();
    if (system === undefined) throw new Error('no system runs: start the journeys with playwright.config.ts');
    await use(system);
  },
  storageState: async ({ system, role }, use) => {
    await use(system.people[role].session);
  },
  laboratory: async ({ system }, use) => {
    await using stack = new AsyncDisposableStack();
    await use(async (name, plan = {}) => {
      const code = `${name}-${Math.random().toString(36).slice(2, 6).toUpperCase()}`;
      return stack.use(await openLaboratory(system, { code, ...plan }));
    });
  },
  pageOf: async ({ browser, system, baseURL, contextOptions }, use) => {
    await using stack = new AsyncDisposableStack();
    await use(async (role) => {
      const context = await browser.newContext({
        ...contextOptions,
        ...(baseURL === undefined ? {} : { baseURL }),
        storageState: system.people[role].session,
      });
      stack.defer(() => context.close());
      return context.newPage();
    });
  },
});
