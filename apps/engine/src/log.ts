/** The engine's log: one JSON line each, object first, constant sentence, bounded fields, never a payload (G18, G19). */
import { boundedCall } from '@inorder/shared';
import { type DestinationStream, type Logger, pino } from 'pino';

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly instance: string;
}

/** Writes to standard output, or where a test looks. A child's own bindings are not bounded: nobody makes children. */
export function openLog(options: LogOptions, stream?: DestinationStream): Logger {
  return pino(
    {
      level: options.level,
      base: { instance: options.instance },
      timestamp: pino.stdTimeFunctions.epochTime,
      // Behind our own bound, which knows our fields: pino's are against what we forgot.
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
    },
    ...(stream === undefined ? [] : [stream]),
  );
}
