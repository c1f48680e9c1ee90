import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

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

/** How long a test may take on a machine that does other work too: the end of a hang, not a measure. */
const TIMEOUT_MS = { unit: 30_000, services: 60_000, whole: 120_000 };

const project = (name: string, include: string[], exclude: string[], timeoutMs: number) => ({
  extends: true as const,
  test: {
    name,
    include,
    exclude: ['**/node_modules/**', ...exclude],
    testTimeout: timeoutMs,
    // The first test file that asks for a database also waits for the server to be made.
    hookTimeout: timeoutMs,
  },
});

/** Files that last minutes and mostly wait for brokers and processes: begun last they would be waited for alone. */
const LONG = /\/broker-contract\/|\/cli\/src\/main\.integration/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { long = [], short = [] } = Object.groupBy(await super.sort(files), ({ moduleId }) =>
      LONG.test(moduleId) ? 'long' : 'short',
    );
    return [...long, ...short];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongFirst },
    globalSetup: ['packages/testkit/src/global-setup.ts'],
    passWithNoTests: true,
    projects: [
      project('unit', [`${ROOTS}/*.test.{ts,tsx}`, 'bench/**/*.test.ts'], TIERS.flatMap(tierFiles), TIMEOUT_MS.unit),
      // Whole systems of real processes: e2e/system.
      project('system', ['e2e/system/**/*.test.ts'], [], TIMEOUT_MS.whole),
      ...TIERS.map((tier) => {
        const withServices = tier === 'integration' || tier === 'conformance';
        return project(tier, tierFiles(tier), [], withServices ? TIMEOUT_MS.services : TIMEOUT_MS.whole);
      }),
    ],
  },
});
