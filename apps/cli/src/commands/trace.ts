import { ERROR_CODES, isErrorCode } from '@inorder/core';
import { type TracedMessage, tracedMessageSchema } from '@inorder/shared';
import type { Command } from 'commander';
import pc from 'picocolors';
import { openConsole } from '../console/client.ts';
import { type NumberTarget, parseMessage } from '../console/target.ts';
import { table, timeText } from '../table.ts';

const RELATED_SHOWN_MAX = 10;

export function register(command: Command): void {
  command
    .argument('<number>', 'LAB-0042:123', parseMessage)
    .option('--json', 'for programs', false)
    .addHelpText('after', '\nEverything about one message but its content, which the console shows to who may see it.')
    .action(async ({ interfaceCode, fromSequenceNo }: NumberTarget, { json }: { json: boolean }) => {
      const console = openConsole();
      const input = { code: interfaceCode, sequenceNo: fromSequenceNo };
      const message = await console.query('messages.get', input, tracedMessageSchema);
      const address = new URL(`/messages/${interfaceCode}/${fromSequenceNo}`, console.address).href;
      process.stdout.write(json ? `${JSON.stringify({ ...message, address })}\n` : describe(message, address));
    });
}

function describe(message: TracedMessage, address: string): string {
  const { interfaceCode: code, sequenceNo, deadLetter, orderControls, destination, controlId } = message;
  const about = [
    ...(orderControls.length === 0 ? [] : [orderControls.join(' ')]),
    ...(controlId === null ? [] : [`control id ${controlId}`]),
    ...(destination === null ? [] : [`for ${destination}`]),
    `revision ${message.revision}`,
    ...(message.possibleTwin ? ['possible twin of an earlier message'] : []),
  ];
  const events = [...eventsOf(message)].sort((a, b) => a.at.getTime() - b.at.getTime());
  const lines = [
    `${pc.bold(`${code}:${sequenceNo}`)}  ${statusText(message)}  ${pc.dim(message.interfaceName)}`,
    about.join(' · '),
    '',
    table(events.map(({ at, what, detail }) => [timeText(at), what, detail])).trimEnd(),
  ];
  if (deadLetter !== null && deadLetter.resolvedAt === null && isErrorCode(deadLetter.errorCode))
    lines.push(
      '',
      `What to do: ${ERROR_CODES[deadLetter.errorCode].action}.`,
      `  inorder replay ${code}:${sequenceNo} --reason "…"`,
    );
  if (message.related.length > 0) {
    lines.push('', 'Same placer order:');
    const related = message.related
      .slice(0, RELATED_SHOWN_MAX)
      .map((other) => [
        `  ${other.interfaceCode}:${other.sequenceNo}`,
        other.orderControl ?? '',
        other.status,
        timeText(other.receivedAt),
      ]);
    lines.push(table(related).trimEnd());
    const more = message.related.length - related.length;
    if (more > 0) lines.push(`  … and ${more} more`);
  }
  return `${lines.join('\n')}\n\n${pc.dim(address)}\n`;
}

/** The status, and where its lane stands if it has not passed the number yet. */
function statusText({ status, sequenceNo, checkpoint, paused, heldFor }: TracedMessage): string {
  const colour = status === 'DELIVERED' ? pc.green : status === 'FAILED' ? pc.red : pc.yellow;
  if (sequenceNo <= checkpoint) return colour(status);
  const before = sequenceNo - checkpoint - 1;
  const lane = paused ? ', the lane is paused' : heldFor === null ? '' : `, the lane holds (${heldFor})`;
  return `${colour(status)}, not passed yet: ${before === 0 ? 'it is next' : `${before} before it`}${lane}`;
}

interface Event {
  readonly at: Date;
  readonly what: string;
  readonly detail: string;
}

function* eventsOf(message: TracedMessage): Generator<Event> {
  yield { at: message.receivedAt, what: 'received', detail: `numbered ${message.sequenceNo} and stored` };
  for (const sent of message.attempts) {
    const how = [
      ...(sent.destination === null ? [] : [sent.destination]),
      ...(sent.ackCode === null ? [] : [sent.ackCode]),
      ...(sent.errorCode === null ? [] : [sent.errorCode]),
      `${sent.durationMs} ms`,
      ...(sent.detail === null ? [] : [sent.detail]),
    ];
    yield {
      at: sent.endedAt,
      what: `try ${sent.attemptNo} ${sent.kind.toLowerCase()}: ${sent.outcome}`,
      detail: how.join(' · '),
    };
  }
  const { deadLetter } = message;
  if (deadLetter !== null) {
    const place = [deadLetter.path, deadLetter.value].filter((part) => part !== null).join(' = ');
    const title = isErrorCode(deadLetter.errorCode) ? ERROR_CODES[deadLetter.errorCode].title : '';
    const parts = [deadLetter.errorCode, title, place, deadLetter.maybeDelivered ? 'may have been delivered' : ''];
    yield {
      at: deadLetter.createdAt,
      what: `dead letter in ${deadLetter.stage.toLowerCase()}`,
      detail: parts.filter((part) => part !== '').join(' · '),
    };
    if (deadLetter.resolvedAt !== null)
      yield { at: deadLetter.resolvedAt, what: 'dead letter resolved', detail: deadLetter.resolution ?? '' };
  }
  for (const command of message.commands) {
    const status = command.refusalCode ?? command.status;
    yield {
      at: command.requestedAt,
      what: `${command.kind.toLowerCase()} by ${command.actor}`,
      detail: `${status} · ${command.reason}`,
    };
  }
  for (const replay of message.replays) {
    if (replay.doneAt === null) continue;
    const code = replay.errorCode === null ? '' : ` · ${replay.errorCode}`;
    yield { at: replay.doneAt, what: 'replayed late', detail: `${replay.state}${code}` };
  }
  if (message.settledAt !== null)
    yield { at: message.settledAt, what: 'settled', detail: `${message.status}; the lane has passed it` };
}
