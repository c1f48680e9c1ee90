/** One icon, one word, one colour for each state and each health: everywhere. */
import type { LaneStateName } from '@inorder/core';
import {
  ArrowRightLeft,
  Ban,
  CircleCheck,
  CircleDashed,
  CircleDot,
  CirclePause,
  CircleX,
  Hand,
  Hourglass,
  type LucideIcon,
  Moon,
  RotateCcw,
  Snail,
  TimerOff,
  TrafficCone,
  Unplug,
} from 'lucide-react';
import type { Tone } from '../../ui/badge.tsx';
import type { Health } from './health.ts';

export interface Word {
  readonly word: string;
  readonly icon: LucideIcon;
  readonly tone: Tone;
  /** What it means, for legends and tooltips. */
  readonly meaning: string;
}

export const LANE_STATE_WORDS: Record<LaneStateName, Word> = {
  FLOWING: { word: 'Flowing', icon: ArrowRightLeft, tone: 'good', meaning: 'The head is on its way' },
  WAITING: { word: 'Waiting', icon: Hourglass, tone: 'info', meaning: 'The head is still in a stage' },
  RETRYING: { word: 'Retrying', icon: RotateCcw, tone: 'warn', meaning: 'The head failed and will be tried again' },
  ENDPOINT_DOWN: {
    word: 'Endpoint down',
    icon: Unplug,
    tone: 'bad',
    meaning: 'The destination cannot be used; nothing is skipped',
  },
  HOLDING: { word: 'Holding', icon: Hand, tone: 'hold', meaning: 'Stopped before the head until someone decides' },
  PAUSED: { word: 'Paused', icon: CirclePause, tone: 'hold', meaning: 'Paused by an operator' },
  IDLE: { word: 'Idle', icon: CircleDot, tone: 'calm', meaning: 'Every number is settled' },
  DISABLED: { word: 'Disabled', icon: Ban, tone: 'calm', meaning: 'Switched off in its configuration' },
};

export const HEALTH_WORDS: Record<Health, Word> = {
  STOPPED: {
    word: 'Stopped',
    icon: CircleX,
    tone: 'bad',
    meaning: 'Numbers wait and nothing was delivered for five minutes',
  },
  GAP: {
    word: 'Gap',
    icon: CircleDashed,
    tone: 'bad',
    meaning: 'The next number is missing while later ones are ready',
  },
  STALLED: {
    word: 'Stalled',
    icon: TrafficCone,
    tone: 'warn',
    meaning: 'Numbers wait and nothing was delivered for half a minute',
  },
  BREACH: { word: 'Too old', icon: TimerOff, tone: 'warn', meaning: 'The oldest number waits for longer than allowed' },
  SLOW: { word: 'Slow', icon: Snail, tone: 'warn', meaning: 'It delivers, but more and more numbers wait' },
  QUIET: { word: 'Quiet', icon: Moon, tone: 'info', meaning: 'Nothing comes although it usually does' },
  OK: { word: 'OK', icon: CircleCheck, tone: 'good', meaning: 'Nothing to worry about' },
};
