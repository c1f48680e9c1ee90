import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['apps/*/{src,test}/**/*.test.ts', 'packages/*/{src,test}/**/*.test.ts', 'tools/**/*.test.ts'],
    globalSetup: ['packages/testkit/src/global-setup.ts'],
    // The first test file that asks for a database also waits for the server to be made.
    hookTimeout: 30_000,
    testTimeout: 15_000,
  },
});
