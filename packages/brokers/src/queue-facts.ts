/** What a broker's management says of one queue, in the words of neither broker. */
export type QueueFacts =
  | { readonly kind: 'unknown'; readonly reason: string }
  | { readonly kind: 'noQueue' }
  | {
      readonly kind: 'queue';
      readonly durable: boolean;
      readonly autoDelete: boolean;
      readonly exclusive: boolean;
      /** What to set there for one reader at a time. */
      readonly exclusiveSetting: string;
      readonly deliveriesMax: number | undefined;
      readonly expiryMs: number | undefined;
      readonly redeliveryDelayMs: number;
      /** Where rejected messages go; undefined: nowhere. */
      readonly deadLetters: string | undefined;
      /** Consumers of that queue; undefined: not known. */
      readonly deadLetterReaders: number | undefined;
      /** What could not be seen, one sentence each. */
      readonly notSeen: readonly string[];
    };

/** Whether a queue gives everything to one reader, and to the next only when that one is gone (G3). */
export type Exclusive =
  | { readonly kind: 'exclusive' }
  | {
      readonly kind: 'shared';
      /** What to set there for one reader at a time. */
      readonly setting: string;
    }
  | {
      readonly kind: 'unseen';
      /** One sentence. */
      readonly reason: string;
    };
