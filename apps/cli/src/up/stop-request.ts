/** Ctrl-C, or SIGTERM from `down`: remembered once, awaited anywhere. A second one changes nothing: the stop is bounded. */
export class StopRequest {
  readonly requested: Promise<void>;
  #isRequested = false;

  constructor(signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    this.requested = new Promise((resolve) => {
      for (const signal of signals) {
        process.on(signal, () => {
          this.#isRequested = true;
          resolve();
        });
      }
    });
  }

  get isRequested(): boolean {
    return this.#isRequested;
  }

  /** Does the work, unless a stop is asked for before it is done: then it rejects at once and the work is left to itself. */
  async orElse<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isRequested) throw new Error('stopping');
    const done = work();
    done.catch(() => undefined); // Its failure after the stop was won is no news.
    return await Promise.race([
      done,
      this.requested.then((): never => {
        throw new Error('stopping');
      }),
    ]);
  }
}
