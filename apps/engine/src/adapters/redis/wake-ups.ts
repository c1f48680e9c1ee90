/**
 * Outcomes told to the instances that own their lanes, over Redis publishes (G11: any may be lost). What is said of one
 * owner in one turn of the loop goes as one publish; while Redis is slow there is a bound, and more is dropped.
 */
import type { InterfaceId } from '@inorder/core';
import { decodeWakeUps, encodeWakeUps, wakeChannel } from '@inorder/shared';
import type { Redis } from 'ioredis';
import type { WakeUps } from '../../delivery/elsewhere.ts';
import type { StageEnd } from '../../delivery/inbox.ts';
import type { WakeUpSeal } from './wake-up-seal.ts';

/** Publishes without an answer yet: at most about 16 MB. */
const UNANSWERED_MAX = 64;
/** Ends gathered in one turn. */
const GATHERED_MAX = 20_000;

export interface WakeUpSenderOptions {
  readonly redis: Redis;
  readonly seal: WakeUpSeal;
  /** A publish did not get through. */
  readonly onFailure: (error: unknown) => void;
}

export class WakeUpSender {
  /** Ends that were not said, or to an owner who does not listen. */
  lost = 0;
  private readonly options: WakeUpSenderOptions;
  private gathered = new Map<string, StageEnd[]>();
  private count = 0;
  private unanswered = 0;

  constructor(options: WakeUpSenderOptions) {
    this.options = options;
  }

  /** Lanes that nobody owns hear nothing: their next owner reads. */
  to(ownerOf: (id: InterfaceId) => string | null): WakeUps {
    return { send: (ends) => this.gather(ends, ownerOf) };
  }

  private gather(ends: readonly StageEnd[], ownerOf: (id: InterfaceId) => string | null): void {
    if (this.options.redis.status !== 'ready') {
      this.lost += ends.length;
      return;
    }
    for (const end of ends) {
      const owner = ownerOf(end.interfaceId);
      if (owner === null) continue;
      if (this.count >= GATHERED_MAX) {
        this.lost += 1;
        continue;
      }
      if (this.count === 0) setImmediate(() => this.flush());
      this.count += 1;
      const theirs = this.gathered.get(owner);
      if (theirs === undefined) this.gathered.set(owner, [end]);
      else theirs.push(end);
    }
  }

  private flush(): void {
    const perOwner = this.gathered;
    this.gathered = new Map();
    this.count = 0;
    for (const [owner, ends] of perOwner)
      for (const text of encodeWakeUps(ends)) void this.publish(wakeChannel(owner), text);
  }

  private async publish(channel: string, text: string): Promise<void> {
    if (this.unanswered >= UNANSWERED_MAX) {
      this.lost += decodeWakeUps(text).ends.length;
      return;
    }
    this.unanswered += 1;
    try {
      const heardBy = await this.options.redis.publish(channel, this.options.seal.seal(channel, text));
      if (heardBy === 0) this.lost += decodeWakeUps(text).ends.length;
    } catch (error) {
      this.lost += decodeWakeUps(text).ends.length;
      this.options.onFailure(error);
    } finally {
      this.unanswered -= 1;
    }
  }
}

/**
 * What another instance told us on this channel; `dropped` counts what does not parse, and a text that no instance of ours
 * wrote as one. The bytes to send are not at hand here.
 */
export function heardWakeUps(
  seal: WakeUpSeal,
  channel: string,
  sealed: string,
): { readonly ends: readonly StageEnd[]; readonly dropped: number } {
  const text = seal.open(channel, sealed);
  if (text === undefined) return { ends: [], dropped: 1 };
  const { ends, dropped } = decodeWakeUps(text);
  return { ends: ends.map((end) => (end.status === 'PROCESSED' ? { ...end, payload: null } : end)), dropped };
}
