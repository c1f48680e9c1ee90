'use client';
import { ChevronLeft, ChevronRight } from 'lucide-react';
import Link from 'next/link';
import { Button } from '../../ui/button.tsx';
import { Table, Td, Th, Tr } from '../../ui/table.tsx';
import { ClockTime } from '../../ui/time.tsx';
import { grouped } from '../lag/numbers.ts';
import { type Line, type NumberFacts, ribbonCells } from './ribbon.ts';
import { RIBBON_WORDS } from './ribbon-words.ts';
import { Glyph } from './sequence-ribbon.tsx';

interface RecentNumber extends NumberFacts {
  readonly settledAt: Date | null;
  readonly attempts: number;
  readonly lastOutcome: string | null;
  readonly ackCode: string | null;
  readonly durationMs: number | null;
}

interface RecentNumbersProps {
  readonly code: string;
  readonly line: Line;
  readonly numbers: readonly RecentNumber[];
  readonly from: number;
  readonly to: number;
  /** Shows the page that ends at this number; null = the newest. */
  readonly onMove: (upTo: number | null) => void;
}

/** The numbers one by one, newest first. */
export function RecentNumbers({ code, line, numbers, from, to, onMove }: RecentNumbersProps) {
  const kinds = new Map(ribbonCells(line, from, to, numbers).map((cell) => [cell.sequenceNo, cell.kind]));
  const size = Math.max(1, to - from + 1);
  if (numbers.length === 0) return null;
  return (
    <section aria-labelledby="numbers-title" className="flex flex-col gap-2">
      <div className="flex items-center gap-2">
        <h2 id="numbers-title" className="font-semibold">
          Numbers
        </h2>
        <span className="tabular text-muted">
          #{grouped(from)} – #{grouped(to)} of {grouped(line.highWater)}
        </span>
        <div className="ml-auto flex gap-1">
          <Button
            variant="ghost"
            size="icon"
            aria-label="Newer numbers"
            disabled={to >= line.highWater}
            onClick={() => onMove(to + size >= line.highWater ? null : to + size)}
          >
            <ChevronLeft aria-hidden />
          </Button>
          <Button
            variant="ghost"
            size="icon"
            aria-label="Older numbers"
            disabled={from <= line.retainedFrom}
            onClick={() => onMove(from - 1)}
          >
            <ChevronRight aria-hidden />
          </Button>
        </div>
      </div>
      <Table aria-label="Recent numbers">
        <thead>
          <tr>
            <Th>Number</Th>
            <Th>State</Th>
            <Th>Received</Th>
            <Th>Settled</Th>
            <Th className="text-right">Sent</Th>
            <Th>Answer</Th>
            <Th className="text-right">Took</Th>
            <Th>Cause</Th>
          </tr>
        </thead>
        <tbody>
          {numbers.map((number) => {
            const kind = kinds.get(number.sequenceNo) ?? 'MISSING';
            return (
              <Tr key={number.sequenceNo}>
                <Td>
                  <Link
                    href={`/messages/${code}/${number.sequenceNo}`}
                    prefetch={false}
                    className="tabular font-mono text-xs font-medium hover:underline"
                  >
                    #{number.sequenceNo}
                  </Link>
                </Td>
                <Td>
                  <span className="inline-flex items-center gap-1.5 whitespace-nowrap">
                    <Glyph kind={kind} className="size-5 text-2xs" />
                    {RIBBON_WORDS[kind].word}
                    {number.replayState !== null && (
                      <span className="text-xs text-muted">· replay {number.replayState.toLowerCase()}</span>
                    )}
                  </span>
                </Td>
                <Td className="tabular whitespace-nowrap text-muted">
                  <ClockTime at={number.receivedAt} />
                </Td>
                <Td className="tabular whitespace-nowrap text-muted">
                  {number.settledAt === null ? (
                    <span className="text-faint">–</span>
                  ) : (
                    <ClockTime at={number.settledAt} />
                  )}
                </Td>
                <Td className="tabular text-right">
                  {number.attempts === 0 ? <span className="text-faint">–</span> : `${number.attempts}×`}
                </Td>
                <Td className="whitespace-nowrap">
                  {number.ackCode ?? number.lastOutcome ?? <span className="text-faint">–</span>}
                </Td>
                <Td className="tabular text-right whitespace-nowrap text-muted">
                  {number.durationMs === null ? '–' : `${grouped(number.durationMs)} ms`}
                </Td>
                <Td className="font-mono text-xs whitespace-nowrap text-muted">{number.errorCode ?? ''}</Td>
              </Tr>
            );
          })}
        </tbody>
      </Table>
    </section>
  );
}
