/** The site under load: the demonstration's, on one shared queue, where every failed message is passed. */
import { DEMO_ADDRESS, demoSite } from '@inorder/db';
import type { SiteDocument } from '@inorder/shared';
import { catalogueTable } from '@inorder/simulator';

export interface BenchSiteOptions {
  readonly interfaces: number;
  /** Where orders come from. */
  readonly connection: SiteDocument['connections'][string];
  readonly lis: readonly { readonly name: string; readonly host: string; readonly port: number }[];
}

/** The demonstration listens; where orders come from here says `connection`. */
const ELSEWHERE = 5672;

/**
 * Two things of the demonstration would blur the figures: a lane that holds after a failure keeps later messages back, and
 * one that fails the later messages of the same order makes more poison than was sent.
 */
export function benchSite(options: BenchSiteOptions): SiteDocument {
  const { interfaces, connection, lis } = options;
  const site = demoSite({ interfaces, listenPort: ELSEWHERE, lis, catalogue: catalogueTable() });
  const codes = Object.keys(site.interfaces);
  return {
    ...site,
    connections: { jms: connection },
    sources: {
      [DEMO_ADDRESS]: {
        connection: 'jms',
        address: DEMO_ADDRESS,
        interfaceProperty: 'interface',
        interfaces: codes,
        producers: 'one',
        credit: 500,
      },
    },
    interfaces: Object.fromEntries(
      Object.entries(site.interfaces).map(([code, document]) => [
        code,
        { ...document, delivery: { ...document.delivery, onFailure: 'pass' as const } },
      ]),
    ),
  };
}
