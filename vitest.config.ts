import { defineConfig } from 'vitest/config';

/**
 * A test's tier is in its name: `x.integration.test.ts`, or its folder: `test/integration/x.test.ts`. Anything else is a
 * unit test. `inorder test TIER` runs one of them; the end-to-end tier is Playwright's, in e2e/.
 */
const TIERS = ['property', 'conformance', 'integration', 'chaos'];
const ROOTS = '{{apps,packages}/*/{src,test},tools}/**';

const tierFiles = (tier: string): string[] => [
  `${ROOTS}/*.${tier}.test.{ts,tsx}`,
  `${ROOTS}/${tier}/**/*.test.{ts,tsx}`,
];

const project = (name: string, include: string[], exclude: string[], slow: boolean) => ({
  extends: true as const,
  test: {
    name,
    include,
    exclude: ['**/node_modules/**', ...exclude],
    testTimeout: slow ? 120_000 : 15_000,
    // The first test file that asks for a database also waits for the server to be made.
    hookTimeout: slow ? 120_000 : 30_000,
  },
});

export default defineConfig({
  test: {
    globalSetup: ['packages/testkit/src/global-setup.ts'],
    passWithNoTests: true,
    projects: [
      project('unit', [`${ROOTS}/*.test.{ts,tsx}`, 'bench/**/*.test.ts'], TIERS.flatMap(tierFiles), false),
      // Whole systems of real processes: e2e/system.
      project('system', ['e2e/system/**/*.test.ts'], [], true),
      ...TIERS.map((tier) => project(tier, tierFiles(tier), [], tier === 'chaos' || tier === 'property')),
    ],
  },
});
