/** Columns on a terminal. Widths are counted without colours. */
import { stripVTControlCharacters } from 'node:util';

export type Align = 'left' | 'right';

/** Rows under a heading, two spaces between columns; `aligns` from the left, left where it is shorter. */
export function table(rows: readonly (readonly string[])[], aligns: readonly Align[] = []): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, width(cell));
  }
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const space = ' '.repeat((widths[column] ?? 0) - width(cell));
        return aligns[column] === 'right' ? space + cell : cell + space;
      })
      .join('  ')
      .trimEnd();
  return `${rows.map(line).join('\n')}\n`;
}

/** `2026-07-31 14:05:09.123`, in the time of whoever reads it. */
export function timeText(at: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const milliseconds = String(at.getMilliseconds()).padStart(3, '0');
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${milliseconds}`;
}

function width(cell: string): number {
  return stripVTControlCharacters(cell).length;
}
