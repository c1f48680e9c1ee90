/**
 * The journeys: people at the real console of a really running system, which `running/setup.ts` starts once and ends.
 * Each journey brings its own interface and laboratory, so they run beside each other.
 */
import { defineConfig } from '@playwright/test';
import { BROWSER } from './running/browser.ts';
import { runningSystem } from './running/facts.ts';

export default defineConfig({
  testDir: 'journeys',
  testMatch: '**/*.spec.ts',
  globalSetup: './running/setup.ts',
  outputDir: 'test-results',
  workers: 2,
  fullyParallel: true,
  forbidOnly: process.env['CI'] === 'true',
  timeout: 180_000,
  // A laboratory that comes back is tried again after 15 s at the latest.
  expect: { timeout: 30_000 },
  reporter: 'list',
  use: {
    // Known once the system runs: the workers read this file again.
    baseURL: runningSystem()?.consoleUrl ?? 'http://127.0.0.1',
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    timezoneId: 'Europe/Amsterdam',
    contextOptions: { reducedMotion: 'reduce' },
    trace: 'retain-on-failure',
    actionTimeout: 20_000,
    launchOptions: BROWSER,
  },
});
