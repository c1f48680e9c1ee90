/** Neighbouring numbers of one interface, both ends included. */
export interface NumberRange {
  readonly interfaceCode: string;
  readonly fromSequenceNo: number;
  readonly toSequenceNo: number;
}

/** Joins neighbours; the numbers of each interface come out in order whatever order they came in. */
export function rangesOf(
  numbers: readonly { readonly interfaceCode: string; readonly sequenceNo: number }[],
): NumberRange[] {
  const sorted = numbers.toSorted((a, b) =>
    a.interfaceCode === b.interfaceCode ? a.sequenceNo - b.sequenceNo : a.interfaceCode < b.interfaceCode ? -1 : 1,
  );
  const ranges: { interfaceCode: string; fromSequenceNo: number; toSequenceNo: number }[] = [];
  for (const { interfaceCode, sequenceNo } of sorted) {
    const last = ranges.at(-1);
    if (last?.interfaceCode === interfaceCode && sequenceNo <= last.toSequenceNo + 1) last.toSequenceNo = sequenceNo;
    else ranges.push({ interfaceCode, fromSequenceNo: sequenceNo, toSequenceNo: sequenceNo });
  }
  return ranges;
}
