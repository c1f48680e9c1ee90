'use client';
import type { AttemptOutcome } from '@inorder/core';
import { Badge, type Tone } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { Table, Td, Th, Tr } from '../../ui/table.tsx';
import { ClockTime } from '../../ui/time.tsx';
import { causeOf } from '../dead-letters/cause.ts';
import { type Attempt, type Message, millisecondsText } from './journey.ts';

const OUTCOMES: Record<AttemptOutcome, { readonly word: string; readonly tone: Tone }> = {
  SENT: { word: 'sent', tone: 'info' },
  ACKED: { word: 'acknowledged', tone: 'good' },
  NACKED: { word: 'refused', tone: 'bad' },
  UNKNOWN: { word: 'no answer', tone: 'warn' },
  ENDPOINT_FAILED: { word: 'not connected', tone: 'warn' },
  CONFIRMED_BY_OPERATOR: { word: 'confirmed by an operator', tone: 'good' },
  CONFIRMED_BY_DUPLICATE: { word: 'was there already', tone: 'good' },
};

/** Every send with what came back; a bar shows how long each took next to the longest. */
export function AttemptsTable({
  message,
  onAnswer,
  mayRead,
}: {
  message: Message;
  onAnswer: (attempt: Attempt) => void;
  mayRead: boolean;
}) {
  const longest = Math.max(1, ...message.attempts.map((attempt) => attempt.durationMs));
  return (
    <div className="flex flex-col gap-2">
      <Table aria-label="Sends">
        <thead>
          <tr>
            <Th className="text-right">Try</Th>
            <Th>Outcome</Th>
            <Th>Answer</Th>
            <Th>Took</Th>
            <Th>Ended</Th>
            <Th>To</Th>
            <Th>Control id</Th>
          </tr>
        </thead>
        <tbody>
          {message.attempts.map((attempt) => (
            <AttemptRow
              key={attempt.attemptId}
              attempt={attempt}
              longest={longest}
              mayRead={mayRead}
              onAnswer={onAnswer}
            />
          ))}
        </tbody>
      </Table>
      {message.attemptsMore && (
        <p className="text-muted">Only the newest {message.attempts.length} sends are listed.</p>
      )}
    </div>
  );
}

function AttemptRow({
  attempt,
  longest,
  mayRead,
  onAnswer,
}: {
  attempt: Attempt;
  longest: number;
  mayRead: boolean;
  onAnswer: (attempt: Attempt) => void;
}) {
  const { word, tone } = OUTCOMES[attempt.outcome];
  return (
    <Tr className="align-top">
      <Td className="tabular text-right">{attempt.attemptNo}</Td>
      <Td>
        <span className="flex flex-wrap gap-1">
          <Badge tone={tone}>{word}</Badge>
          {attempt.kind !== 'FIRST' && attempt.kind !== 'RETRY' && <Badge>{attempt.kind.toLowerCase()}</Badge>}
        </span>
      </Td>
      <Td className="min-w-44">
        <span className="flex flex-wrap items-center gap-x-2">
          {attempt.ackCode !== null && <span className="font-mono font-medium">{attempt.ackCode}</span>}
          {attempt.errorCode !== null && (
            <span title={causeOf(attempt.errorCode).title} className="font-mono text-xs text-muted">
              {attempt.errorCode}
            </span>
          )}
          {attempt.ackCode === null && attempt.errorCode === null && <span className="text-muted">none</span>}
          {attempt.responseBytes !== null && (
            <Button
              size="sm"
              variant="ghost"
              disabled={!mayRead}
              title={mayRead ? undefined : 'Needs the right payload.read'}
              onClick={() => onAnswer(attempt)}
            >
              Show {attempt.responseBytes} bytes
            </Button>
          )}
        </span>
        {attempt.detail !== null && <span className="block text-xs text-muted">{attempt.detail}</span>}
      </Td>
      <Td className="min-w-28">
        <span className="tabular">{millisecondsText(attempt.durationMs)}</span>
        <span aria-hidden className="mt-1 block h-1 rounded-full bg-sunken">
          <span
            className="block h-full rounded-full bg-info"
            style={{ width: `${Math.max(3, (attempt.durationMs / longest) * 100)}%` }}
          />
        </span>
      </Td>
      <Td className="whitespace-nowrap text-muted">
        <ClockTime at={attempt.endedAt} />
      </Td>
      <Td className="whitespace-nowrap">{attempt.destination ?? '–'}</Td>
      <Td
        className="font-mono text-xs whitespace-nowrap text-muted"
        title={`epoch ${attempt.epoch}, instance ${attempt.instance}`}
      >
        {attempt.controlId ?? '–'}
      </Td>
    </Tr>
  );
}
