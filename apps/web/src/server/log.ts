import { type Logger, pino } from 'pino';

const holder = globalThis as typeof globalThis & { inorderLog?: Logger };

/** Object first, constant message, never a payload. */
export function log(): Logger {
  holder.inorderLog ??= pino({ name: 'console', level: process.env['INORDER_LOG_LEVEL'] ?? 'info' });
  return holder.inorderLog;
}
