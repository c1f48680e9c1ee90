/**
 * From the commit that stored a message to the commit that settled its acknowledgement, for as many messages at once as
 * fit: under load that is a sample. A message that waits for hours leaves the sample; the age of the oldest says that.
 */
import type { MessageId } from '@inorder/core';

const MESSAGES_MAX = 1000;

export class LatencySample {
  /** Epoch milliseconds of the JMS message's arrival. Insertion order is age. */
  private readonly arrived = new Map<MessageId, number>();

  arrive(id: MessageId, receivedAt: number): void {
    if (this.arrived.size >= MESSAGES_MAX) {
      const [oldest] = this.arrived.keys();
      if (oldest !== undefined) this.arrived.delete(oldest);
    }
    this.arrived.set(id, receivedAt);
  }

  /** How long it took in milliseconds; undefined = it was not in the sample. */
  end(id: MessageId, nowAt: number): number | undefined {
    const receivedAt = this.arrived.get(id);
    if (receivedAt === undefined) return undefined;
    this.arrived.delete(id);
    return Math.max(0, nowAt - receivedAt);
  }
}
