/** One icon, one word, one colour for each presence; one sentence for each role that nobody hosts. */
import { CircleCheck, CircleStop, HeartCrack } from 'lucide-react';
import type { Word } from '../lag/lane-words.ts';
import type { EngineRole, Presence } from './presence.ts';

export const PRESENCE_WORDS: Record<Presence, Word> = {
  ALIVE: { word: 'Alive', icon: CircleCheck, tone: 'good', meaning: 'Its heartbeat comes every two seconds' },
  LOST: { word: 'Lost', icon: HeartCrack, tone: 'bad', meaning: 'Silent for longer than a lease, without a goodbye' },
  STOPPED: {
    word: 'Stopped',
    icon: CircleStop,
    tone: 'calm',
    meaning: 'It said that it stops, and gave its shards back',
  },
};

interface RoleWord {
  /** What it does. */
  readonly does: string;
  /** What it means that nobody hosts it. */
  readonly missing: string;
}

export const ROLE_WORDS: Record<EngineRole, RoleWord> = {
  ingest: {
    does: 'Takes orders in and numbers them',
    missing: 'No order is taken in: they wait at their senders.',
  },
  validate: {
    does: 'Checks each message',
    missing: 'Orders are numbered and stored, then wait to be validated.',
  },
  enrich: {
    does: 'Adds what the laboratory needs',
    missing: 'Orders are validated, then wait to be enriched.',
  },
  route: {
    does: 'Chooses the destination',
    missing: 'Orders are enriched, then wait to be routed.',
  },
  deliver: {
    does: 'Owns lanes and sends, in order',
    missing: 'No lane moves: orders wait in Postgres and keep their order.',
  },
  watchdog: {
    does: 'Finds again what was lost from memory or Redis',
    missing: 'What is lost from memory or Redis is not found again until a watchdog runs.',
  },
};
