/** The log of a process of ours: one JSON line each, object first, constant sentence, bounded fields, never a payload (G18, G19). */
import { type DestinationStream, type Logger, pino } from 'pino';
import { boundedCall } from './log-fields.ts';
import { LogStream } from './log-stream.ts';

export interface LogOptions {
  readonly level: string;
  /** Fields of every line: which process it is. */
  readonly base: Readonly<Record<string, string>>;
}

/** Writes to standard output, or where a test looks. A child's own bindings are not bounded: nobody makes children. */
export function openLog(options: LogOptions, stream: DestinationStream = new LogStream()): Logger {
  return pino(
    {
      level: options.level,
      base: options.base,
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
    stream,
  );
}
