/**
 * The lanes owned here in metrics: all of them by state and lag, and those of the interfaces that
 * INORDER_METRICS_INTERFACES names in series of their own.
 *
 * **Invariant:** at most INTERFACES_MAX interfaces have series, however many lanes there are (G19).
 */
import { LANE_STATES } from '@inorder/core';
import { type LaneFigures, laneFigures } from './lane-figures.ts';
import type { MetricSources } from './metric-sources.ts';
import type { Define, Figures } from './scraped-metrics.ts';

export const INTERFACES_MAX = 100;

/** @returns what has to be called before each scrape. */
export function defineLanes(define: Define, sources: MetricSources): () => void {
  const chosen = new Set(sources.interfaces.slice(0, INTERFACES_MAX));
  let figures: LaneFigures = laneFigures([], chosen, 0);
  define.gauges('inorder_lanes', 'Lanes owned here, by state', 'state', () =>
    Object.fromEntries(LANE_STATES.map((state) => [state, figures.byState[state]])),
  );
  define.gauge('inorder_sends_in_flight', 'Sends under way', () => figures.sendsInFlight);
  define.gauge('inorder_lag_messages', 'Given and not settled, all lanes owned here', () => figures.lag);
  define.gauge(
    'inorder_lag_oldest_age_seconds',
    'Age of the oldest unsettled number of all lanes owned here',
    () => figures.oldestAgeMs / 1000,
  );
  if (chosen.size > 0) {
    const perInterface = (figure: (lane: LaneFigures['chosen'][number]) => number) => (): Figures =>
      Object.fromEntries(figures.chosen.map((lane) => [lane.code, figure(lane)]));
    define.gauges(
      'inorder_interface_lag_messages',
      'Given and not settled, of the interfaces asked for',
      'interface',
      perInterface((lane) => lane.given - lane.settled),
    );
    define.gauges(
      'inorder_interface_oldest_age_seconds',
      'Age of the oldest unsettled number',
      'interface',
      perInterface((lane) => lane.oldestAgeMs / 1000),
    );
    define.counters(
      'inorder_interface_numbers_total',
      'Highest number given, of the interfaces asked for',
      'interface',
      perInterface((lane) => lane.given),
    );
    define.counters(
      'inorder_interface_settled_total',
      'Checkpoint, of the interfaces asked for',
      'interface',
      perInterface((lane) => lane.settled),
    );
  }
  return () => {
    figures = laneFigures(sources.lanes(), chosen, sources.nowAt());
  };
}
