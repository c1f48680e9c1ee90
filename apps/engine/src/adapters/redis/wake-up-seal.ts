/**
 * Owners believe outcomes without a read, so whoever could write to Redis could make a lane send. What instances tell each
 * other therefore carries a MAC under a key that only they have; it also names the channel, so that what was told one owner
 * is not believed by another.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

const MAC_BYTES = 16;
const PURPOSE = 'inorder wake-ups 1';

export class WakeUpSeal {
  private readonly key: Buffer;

  /** @param secretKey the site's, INORDER_SECRET_KEY; a key of its own is made of it. */
  constructor(secretKey: Uint8Array) {
    this.key = createHmac('sha256', secretKey).update(PURPOSE).digest();
  }

  seal(channel: string, text: string): string {
    return `${this.mac(channel, text).toString('base64url')}.${text}`;
  }

  /** undefined: not ours, or changed on the way. */
  open(channel: string, sealed: string): string | undefined {
    const at = sealed.indexOf('.');
    const given = Buffer.from(sealed.slice(0, Math.max(0, at)), 'base64url');
    const text = sealed.slice(at + 1);
    const mac = this.mac(channel, text);
    return given.byteLength === mac.byteLength && timingSafeEqual(given, mac) ? text : undefined;
  }

  private mac(channel: string, text: string): Buffer {
    return createHmac('sha256', this.key).update(`${channel}\n${text}`).digest().subarray(0, MAC_BYTES);
  }
}
