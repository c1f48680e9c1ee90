/** Events per minute, decaying over a minute; two numbers, so that 25,000 lanes can each have one. */
const WINDOW_MS = 60_000;

export class Rate {
  private value = 0;
  private at = 0;

  add(count: number, nowAt: number): void {
    this.value = this.perMinute(nowAt) + count;
    this.at = nowAt;
  }

  perMinute(nowAt: number): number {
    if (this.value === 0) return 0;
    const decayed = this.value * Math.exp(-Math.max(0, nowAt - this.at) / WINDOW_MS);
    return decayed < 0.01 ? 0 : decayed;
  }
}
