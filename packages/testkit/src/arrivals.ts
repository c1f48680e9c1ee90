/** Hands out what happens in the order it happened, to whoever waits for the next one: tests wait, they never sleep. */
export class Arrivals<T> {
  readonly #arrived: T[] = [];
  readonly #waiting: ((item: T) => void)[] = [];

  push(item: T): void {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#arrived.push(item);
    else waiter(item);
  }

  next(): Promise<T> {
    const item = this.#arrived.shift();
    return item === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(item);
  }
}
