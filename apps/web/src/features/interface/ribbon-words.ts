import type { RibbonKind } from './ribbon.ts';

export interface RibbonWord {
  readonly word: string;
  /** One character, so that colour is never alone. */
  readonly glyph: string;
  /** Of a cell. */
  readonly look: string;
  /** Of the squeezed line. */
  readonly bar: string;
}

export const RIBBON_WORDS: Record<RibbonKind, RibbonWord> = {
  REMOVED: { word: 'Removed', glyph: '·', look: 'bg-sunken text-faint border-line', bar: 'fill-line' },
  SETTLED: { word: 'Settled', glyph: '·', look: 'bg-good-soft text-good border-transparent', bar: 'fill-good/45' },
  DELIVERED: { word: 'Delivered', glyph: '✓', look: 'bg-good-soft text-good border-transparent', bar: 'fill-good/70' },
  FILTERED: { word: 'Filtered', glyph: '▽', look: 'bg-calm-soft text-calm border-line-strong', bar: 'fill-calm' },
  SKIPPED: { word: 'Skipped', glyph: '»', look: 'bg-hold-soft text-hold border-hold/40', bar: 'fill-hold' },
  FAILED: { word: 'Dead letter', glyph: '✕', look: 'bg-bad-soft text-bad border-bad/50', bar: 'fill-bad' },
  VALIDATING: { word: 'In validate', glyph: 'V', look: 'bg-warn-soft text-warn border-warn/50', bar: 'fill-warn' },
  ENRICHING: { word: 'In enrich', glyph: 'E', look: 'bg-warn-soft text-warn border-warn/50', bar: 'fill-warn' },
  ROUTING: { word: 'In route', glyph: 'R', look: 'bg-warn-soft text-warn border-warn/50', bar: 'fill-warn' },
  READY: { word: 'Ready', glyph: '○', look: 'bg-info-soft text-info border-transparent', bar: 'fill-info/60' },
  SENT: { word: 'Sent', glyph: '→', look: 'bg-accent text-accent-ink border-transparent', bar: 'fill-accent' },
  MISSING: { word: 'No row', glyph: '!', look: 'bg-bad text-surface border-transparent', bar: 'fill-bad' },
};
