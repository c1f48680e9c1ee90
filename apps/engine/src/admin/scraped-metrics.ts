/**
 * Metrics whose value is read when somebody scrapes: it stays where it is counted. Each is set anew every time, so that a
 * second scrape tells the same, not the sum of both.
 */
import { Counter, Gauge, type Registry } from 'prom-client';

/** Label value → figure; undefined = no series now. */
export type Figures = Readonly<Record<string, number | undefined>>;

export interface Define {
  counter(name: string, help: string, read: () => number | null | undefined): void;
  counters(name: string, help: string, label: string, read: () => Figures): void;
  gauge(name: string, help: string, read: () => number | null | undefined): void;
  gauges(name: string, help: string, label: string, read: () => Figures): void;
}

export function definer(registry: Registry): Define {
  const registers = [registry];
  return {
    counter(name, help, read) {
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(read() ?? 0);
        },
      });
    },
    counters(name, help, label, read) {
      new Counter({
        name,
        help,
        registers,
        labelNames: [label],
        collect() {
          this.reset();
          for (const [value, figure] of Object.entries(read())) this.inc({ [label]: value }, figure ?? 0);
        },
      });
    },
    gauge(name, help, read) {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read() ?? 0);
        },
      });
    },
    gauges(name, help, label, read) {
      new Gauge({
        name,
        help,
        registers,
        labelNames: [label],
        collect() {
          this.reset();
          for (const [value, figure] of Object.entries(read()))
            if (figure !== undefined) this.set({ [label]: value }, figure);
        },
      });
    },
  };
}
