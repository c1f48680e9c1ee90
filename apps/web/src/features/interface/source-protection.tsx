import { Fragment } from 'react';
import type { RouterOutputs } from '../../trpc/outputs.ts';
import { TONE_TEXT } from '../../ui/badge.tsx';
import { cn } from '../../ui/class-names.ts';
import { RelativeTime } from '../../ui/time.tsx';
import { PROTECTION_WORDS, protectionDetail } from './protection-words.ts';

type Protection = NonNullable<RouterOutputs['lanes']['read']['sources'][number]['protection']>;

/** Whether order survives a change of reader at this source's queue, and what to do where it does not. */
export function SourceProtection({ protection }: { protection: Protection }) {
  const { verdict, checkedAt } = protection;
  const { word, icon: Icon, tone, meaning } = PROTECTION_WORDS[verdict];
  const detail = protectionDetail(verdict, protection.detail, checkedAt !== null);
  return (
    <div data-protection={verdict} title={meaning} className="mt-0.5 flex items-start gap-1.5 text-xs">
      <Icon aria-hidden className={cn('mt-px size-3.5 shrink-0', TONE_TEXT[tone])} strokeWidth={2.25} />
      <p className="min-w-0 text-muted">
        <span className={cn('font-medium', TONE_TEXT[tone])}>{word}</span>
        {detail !== '' && (
          <>
            {'. '}
            <Coded text={detail} />
          </>
        )}
        {checkedAt !== null && (
          <>
            {' '}
            <span className="whitespace-nowrap">
              · seen <RelativeTime at={checkedAt} />
            </span>
          </>
        )}
      </p>
    </div>
  );
}

/** Names of settings stand between backticks. */
function Coded({ text }: { text: string }) {
  return text.split('`').map((part, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the position is what it is
    <Fragment key={index}>
      {index % 2 === 0 ? part : <code className="font-mono text-ink whitespace-nowrap">{part}</code>}
    </Fragment>
  ));
}
