'use client';
import { ChevronLeft, ChevronRight, Crosshair } from 'lucide-react';
import Link from 'next/link';
import { type KeyboardEvent, useId, useMemo, useRef, useState } from 'react';
import { Button } from '../../ui/button.tsx';
import { cn } from '../../ui/class-names.ts';
import { useNow } from '../../ui/use-now.ts';
import { grouped } from '../lag/numbers.ts';
import { type Line, numberReason, RIBBON_KINDS, type RibbonCell, type RibbonSegment, squeeze } from './ribbon.ts';
import { RIBBON_WORDS } from './ribbon-words.ts';

const SLOTS = 600;
/** The squeezed line shows at most this many of the newest numbers: one slot is then few enough to find. */
const LINE_NUMBERS = 20_000;

interface SequenceRibbonProps {
  readonly code: string;
  readonly line: Line;
  readonly segments: readonly RibbonSegment[];
  readonly cells: readonly RibbonCell[];
  readonly from: number;
  readonly to: number;
  /** Shows the window that begins at this number; null = around the checkpoint. */
  readonly onMove: (from: number | null) => void;
}

/** The line in two magnifications: all of it squeezed, and a window in which every number is one cell. */
export function SequenceRibbon({ code, line, segments, cells, from, to, onMove }: SequenceRibbonProps) {
  const size = Math.max(1, to - from + 1);
  const kinds = RIBBON_KINDS.filter((kind) => cells.some((cell) => cell.kind === kind));
  return (
    <section aria-labelledby="ribbon-title" className="rounded-xl border bg-surface">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2 border-b px-4 py-2.5">
        <h2 id="ribbon-title" className="font-semibold">
          Sequence
        </h2>
        <span className="tabular text-muted">
          #{grouped(from)} – #{grouped(to)}
        </span>
        <div className="ml-auto flex items-center gap-1">
          <Button
            variant="ghost"
            size="icon"
            aria-label="Earlier numbers"
            disabled={from <= 1}
            onClick={() => onMove(Math.max(1, from - size))}
          >
            <ChevronLeft aria-hidden />
          </Button>
          <Button variant="ghost" size="sm" onClick={() => onMove(null)}>
            <Crosshair aria-hidden /> Checkpoint
          </Button>
          <Button
            variant="ghost"
            size="icon"
            aria-label="Later numbers"
            disabled={to >= line.highWater}
            onClick={() => onMove(to + 1)}
          >
            <ChevronRight aria-hidden />
          </Button>
        </div>
      </div>
      <div className="flex flex-col gap-4 p-4">
        <SqueezedLine line={line} segments={segments} from={from} to={to} onMove={onMove} />
        <NumberGrid code={code} line={line} cells={cells} />
        <ul aria-label="Legend" className="flex flex-wrap gap-x-4 gap-y-1.5">
          {kinds.map((kind) => (
            <li key={kind} className="flex items-center gap-1.5 text-xs text-muted">
              <Glyph kind={kind} className="size-4 text-[0.625rem]" />
              {RIBBON_WORDS[kind].word}
              <span className="tabular text-faint">{cells.filter((cell) => cell.kind === kind).length}</span>
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}

function SqueezedLine({
  line,
  segments,
  from,
  to,
  onMove,
}: Pick<SequenceRibbonProps, 'line' | 'segments' | 'from' | 'to' | 'onMove'>) {
  const slider = useId();
  const first = Math.max(1, line.highWater - LINE_NUMBERS + 1);
  const count = line.highWater - first + 1;
  const slots = Math.min(SLOTS, count);
  const joined = useMemo(
    () => squeeze(segments, first, line.highWater, slots),
    [segments, first, line.highWater, slots],
  );
  const at = (sequenceNo: number) => ((sequenceNo - first) / count) * slots;
  const size = to - from + 1;
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={slider} className="sr-only">
        Place of the window on the line
      </label>
      <div className="relative">
        <svg
          aria-hidden="true"
          viewBox={`0 0 ${slots} 10`}
          preserveAspectRatio="none"
          className="h-5 w-full overflow-hidden rounded"
        >
          {joined.most.map((run) => (
            <rect
              key={run.from}
              x={run.from}
              width={run.to - run.from + 1}
              height={10}
              className={RIBBON_WORDS[run.kind].bar}
            />
          ))}
          {joined.marks.map((run) => (
            <rect
              key={run.from}
              x={run.from}
              y={6.5}
              width={run.to - run.from + 1}
              height={3.5}
              className={RIBBON_WORDS[run.kind].bar}
            />
          ))}
          <rect x={at(line.checkpoint + 1) - slots / 1200} width={slots / 500} height={10} className="fill-ink" />
        </svg>
        <div
          aria-hidden
          className="pointer-events-none absolute -inset-y-1 min-w-1.5 rounded border-2 border-ink"
          style={{
            left: `${(at(Math.max(first, from)) / slots) * 100}%`,
            width: `${Math.max(0.4, (Math.min(size, count) / count) * 100)}%`,
          }}
        />
        <input
          id={slider}
          type="range"
          min={first}
          max={Math.max(first, line.highWater - size + 1)}
          step={Math.max(1, Math.floor(size / 2))}
          value={Math.max(first, from)}
          aria-valuetext={`numbers ${from} to ${to}`}
          onChange={(event) => onMove(Number(event.target.value))}
          className="absolute inset-0 h-full w-full cursor-ew-resize opacity-0 focus-visible:opacity-30"
        />
      </div>
      <div className="tabular flex justify-between text-2xs text-faint">
        <span>{first > 1 ? `#${grouped(first)} (earlier ones are settled)` : '#1'}</span>
        <span>high-water mark #{grouped(line.highWater)}</span>
      </div>
    </div>
  );
}

function NumberGrid({ code, line, cells }: Pick<SequenceRibbonProps, 'code' | 'line' | 'cells'>) {
  const now = useNow(1000);
  const head = line.checkpoint + 1;
  const [current, setCurrent] = useState<number | null>(null);
  const grid = useRef<HTMLDivElement>(null);
  const first = cells[0]?.sequenceNo ?? 0;
  const last = cells.at(-1)?.sequenceNo ?? 0;
  const tabbed =
    current !== null && current >= first && current <= last ? current : Math.max(first, Math.min(head, last));
  const cell = cells[tabbed - first];

  const move = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columnsOf(grid.current), ArrowUp: -columnsOf(grid.current) }[
      event.key
    ];
    const to = event.key === 'Home' ? first : event.key === 'End' ? last : by === undefined ? null : tabbed + by;
    if (to === null || to < first || to > last) return;
    event.preventDefault();
    setCurrent(to);
    grid.current?.querySelector<HTMLElement>(`[data-number="${to}"]`)?.focus();
  };

  return (
    <div>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: arrow keys move between the links inside */}
      <div
        ref={grid}
        data-testid="ribbon"
        onKeyDown={move}
        className="grid grid-cols-[repeat(auto-fill,minmax(1.625rem,1fr))] gap-[3px]"
      >
        {cells.map(({ sequenceNo, kind, facts }) => (
          <Link
            key={sequenceNo}
            href={`/messages/${code}/${sequenceNo}`}
            prefetch={false}
            data-number={sequenceNo}
            data-kind={kind}
            tabIndex={sequenceNo === tabbed ? 0 : -1}
            aria-label={`#${sequenceNo}, ${RIBBON_WORDS[kind].word}`}
            onFocus={() => setCurrent(sequenceNo)}
            onPointerEnter={() => setCurrent(sequenceNo)}
            className={cn(
              'grid h-6.5 place-items-center rounded-[5px] border text-xs font-medium transition-transform hover:scale-110',
              RIBBON_WORDS[kind].look,
              sequenceNo === head && 'ring-2 ring-ink ring-offset-1 ring-offset-surface',
              facts?.replayState != null && 'underline decoration-2 underline-offset-2',
            )}
          >
            <span aria-hidden>{RIBBON_WORDS[kind].glyph}</span>
          </Link>
        ))}
      </div>
      {cell !== undefined && (
        <p className="mt-3 flex flex-wrap items-baseline gap-x-2" data-testid="ribbon-reason" suppressHydrationWarning>
          <Link
            href={`/messages/${code}/${cell.sequenceNo}`}
            prefetch={false}
            className="tabular font-mono text-xs font-semibold hover:underline"
          >
            #{cell.sequenceNo}
          </Link>
          {cell.sequenceNo === head && (
            <span className="rounded bg-ink px-1 text-2xs font-medium text-surface">head</span>
          )}
          <span className="font-medium">{RIBBON_WORDS[cell.kind].word}</span>
          <span className="text-muted" suppressHydrationWarning>
            {numberReason(cell, line, now)}
          </span>
        </p>
      )}
    </div>
  );
}

function columnsOf(grid: HTMLElement | null): number {
  return grid === null ? 1 : getComputedStyle(grid).gridTemplateColumns.split(' ').length;
}

export function Glyph({ kind, className }: { kind: RibbonCell['kind']; className?: string }) {
  return (
    <span
      aria-hidden
      className={cn('grid shrink-0 place-items-center rounded border font-medium', RIBBON_WORDS[kind].look, className)}
    >
      {RIBBON_WORDS[kind].glyph}
    </span>
  );
}
