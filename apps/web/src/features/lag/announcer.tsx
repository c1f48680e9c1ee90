'use client';
import { useEffect, useRef, useState } from 'react';
import { HEALTHS } from './health.ts';
import { HEALTH_WORDS } from './lane-words.ts';

const ANNOUNCE_MS = 10_000;
const TOLD = HEALTHS.filter((health) => HEALTH_WORDS[health].tone === 'bad' || health === 'STALLED');

/** Tells screen readers what became worse, at most every ten seconds: the numbers themselves are in no live region. */
export function Announcer({ counts }: { counts: readonly number[] }) {
  const latest = useRef(counts);
  latest.current = counts;
  const [text, setText] = useState('');
  useEffect(() => {
    let told = latest.current;
    const timer = setInterval(() => {
      const worse = TOLD.flatMap((health) => {
        const more = (latest.current[HEALTHS.indexOf(health)] ?? 0) - (told[HEALTHS.indexOf(health)] ?? 0);
        return more > 0 ? [`${more} more ${HEALTH_WORDS[health].word.toLowerCase()}`] : [];
      });
      told = latest.current;
      if (worse.length > 0) setText(`Interfaces: ${worse.join(', ')}`);
    }, ANNOUNCE_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <p role="status" aria-live="polite" className="sr-only">
      {text}
    </p>
  );
}
