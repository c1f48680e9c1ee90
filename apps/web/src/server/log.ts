import { openLog } from '@inorder/log';
import type { Logger } from 'pino';

const holder = globalThis as typeof globalThis & { inorderLog?: Logger };

/** One for the process, whichever bundle of Next asks first. */
export function log(): Logger {
  holder.inorderLog ??= openLog({ level: process.env['INORDER_LOG_LEVEL'] ?? 'info', base: { name: 'console' } });
  return holder.inorderLog;
}
