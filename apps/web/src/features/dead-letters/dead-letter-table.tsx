'use client';
import type { DeadLetterItem } from '@inorder/db/console';
import { CircleHelp } from 'lucide-react';
import Link from 'next/link';
import { Badge } from '../../ui/badge.tsx';
import { Table, Td, Th, Tr } from '../../ui/table.tsx';
import { RelativeTime } from '../../ui/time.tsx';
import { causeOf, stageWords } from './cause.ts';

const CHECKBOX = 'size-4 accent-(--accent) align-middle';

/** `LAB-0042:15` */
export function deadLetterKey(item: Pick<DeadLetterItem, 'interfaceCode' | 'sequenceNo'>): string {
  return `${item.interfaceCode}:${item.sequenceNo}`;
}

export function DeadLetterTable({
  items,
  selected,
  onSelect,
  selectable,
  withCause,
}: {
  items: readonly DeadLetterItem[];
  selected: ReadonlySet<string>;
  onSelect: (selected: ReadonlySet<string>) => void;
  selectable: boolean;
  /** false where all rows have one cause, shown above. */
  withCause: boolean;
}) {
  const all = items.length > 0 && items.every((item) => selected.has(deadLetterKey(item)));
  const toggle = (key: string) => {
    const next = new Set(selected);
    if (!next.delete(key)) next.add(key);
    onSelect(next);
  };
  return (
    <Table aria-label="Dead letters">
      <thead>
        <tr>
          {selectable && (
            <Th className="w-9 pr-0">
              <input
                type="checkbox"
                className={CHECKBOX}
                aria-label="Select all that are shown"
                checked={all}
                onChange={() => onSelect(all ? new Set() : new Set(items.map(deadLetterKey)))}
              />
            </Th>
          )}
          <Th>Message</Th>
          {withCause && <Th>Cause</Th>}
          {!withCause && <Th>Place</Th>}
          <Th>Stage</Th>
          <Th className="text-right">Tries</Th>
          <Th>Failed</Th>
          <Th>Now</Th>
        </tr>
      </thead>
      <tbody>
        {items.map((item) => {
          const key = deadLetterKey(item);
          return (
            <Tr
              key={item.messageId}
              data-testid={`dead-letter-${key}`}
              data-selected={selected.has(key)}
              className="data-[selected=true]:bg-accent-soft/50"
            >
              {selectable && (
                <Td className="pr-0">
                  <input
                    type="checkbox"
                    className={CHECKBOX}
                    aria-label={`Select ${key}`}
                    checked={selected.has(key)}
                    onChange={() => toggle(key)}
                  />
                </Td>
              )}
              <Td className="whitespace-nowrap">
                <Link
                  href={`/messages/${item.interfaceCode}/${item.sequenceNo}`}
                  className="font-mono text-accent hover:underline"
                >
                  {key}
                </Link>
              </Td>
              {withCause ? (
                <Td className="min-w-56">
                  {causeOf(item.errorCode).title}
                  {item.value !== null && (
                    <span className="ml-1.5 rounded bg-bad-soft px-1 font-mono text-xs text-bad">{item.value}</span>
                  )}
                </Td>
              ) : (
                <Td className="font-mono text-xs whitespace-nowrap text-muted">{item.path ?? '–'}</Td>
              )}
              <Td className="whitespace-nowrap text-muted">{stageWords(item.stage)}</Td>
              <Td className="tabular text-right">{item.attempts}</Td>
              <Td className="whitespace-nowrap text-muted">
                <RelativeTime at={item.createdAt} />
              </Td>
              <Td>
                <Standing item={item} />
              </Td>
            </Tr>
          );
        })}
      </tbody>
    </Table>
  );
}

function Standing({ item }: { item: DeadLetterItem }) {
  return (
    <span className="flex flex-wrap gap-1">
      {item.resolution === null ? (
        <Badge
          tone={item.passed ? 'calm' : 'hold'}
          title={
            item.passed ? 'The lane has gone on without it' : 'The lane has not passed it: a replay keeps its turn'
          }
        >
          {item.passed ? 'passed' : 'holds its lane'}
        </Badge>
      ) : (
        <Badge tone="good">{item.resolution.toLowerCase()}</Badge>
      )}
      {item.maybeDelivered && (
        <Badge tone="warn" icon={CircleHelp} title="Bytes may have reached the laboratory">
          maybe delivered
        </Badge>
      )}
    </span>
  );
}
