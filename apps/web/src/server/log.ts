import { boundedCall } from '@inorder/shared';
import { type Logger, pino } from 'pino';

const holder = globalThis as typeof globalThis & { inorderLog?: Logger };

/** Object first, constant message, bounded fields, never a payload; of an error its code and place, not its text (G18). */
export function log(): Logger {
  holder.inorderLog ??= pino({
    name: 'console',
    level: process.env['INORDER_LOG_LEVEL'] ?? 'info',
    depthLimit: 6,
    edgeLimit: 50,
    // Errors are written by boundedCall; pino's own serializer would add their text.
    serializers: { err: (value: unknown) => value },
    hooks: {
      logMethod(args, method) {
        const [fields, sentence] = boundedCall(args);
        method.call(this, fields, sentence);
      },
    },
  });
  return holder.inorderLog;
}
