/** The tiers of tests and how each is run; vitest.config.ts says which file belongs to which. */
export const TIERS = ['unit', 'property', 'conformance', 'integration', 'e2e', 'chaos'] as const;

export type Tier = (typeof TIERS)[number];

/** undefined when there is no such tier. */
export function parseTier(text: string): Tier | undefined {
  return TIERS.find((tier) => tier === text);
}

/** The tier of a test file, named from the root of the checkout, as vitest.config.ts sorts them. */
export function tierOfFile(file: string): Tier {
  if (file.startsWith('e2e/')) return 'e2e';
  const named = ['property', 'conformance', 'integration', 'chaos'] as const;
  return named.find((tier) => file.includes(`.${tier}.test.`) || file.includes(`/${tier}/`)) ?? 'unit';
}

/** Tiers whose tests ask for a Redis. */
export function needRedis(tiers: readonly Tier[]): boolean {
  return tiers.some((tier) => tier !== 'unit' && tier !== 'property');
}

/** Tiers whose tests start real brokers. */
export function needBrokers(tiers: readonly Tier[]): boolean {
  return tiers.includes('conformance');
}

export function needBrowser(tiers: readonly Tier[]): boolean {
  return tiers.includes('e2e');
}
