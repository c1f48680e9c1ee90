/** What processes used, from Linux's /proc; null on other systems. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Usage {
  /** User and system time so far, of all its threads, in seconds. */
  readonly cpuSeconds: number;
  /** Memory it has for itself, plus its share of what it shares (PSS). */
  readonly bytes: number;
}

/** Linux counts CPU time for users of /proc in hundredths of a second, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;
const KIB = 1024;

export function processUsage(pid: number): Usage | null {
  try {
    const stat = statOf(pid);
    return { cpuSeconds: (stat.user + stat.system) / TICKS_PER_SECOND, bytes: memoryOf(pid) };
  } catch {
    return null;
  }
}

/** A server and its children, those that ended included: a postmaster with its backends. */
export function serverUsage(pid: number): Usage | null {
  try {
    const main = statOf(pid);
    let ticks = main.user + main.system + main.endedUser + main.endedSystem;
    let bytes = memoryOf(pid);
    for (const child of childrenOf(pid)) {
      const stat = statOf(child);
      ticks += stat.user + stat.system;
      bytes += memoryOf(child);
    }
    return { cpuSeconds: ticks / TICKS_PER_SECOND, bytes };
  } catch {
    return null;
  }
}

interface Stat {
  readonly parent: number;
  readonly user: number;
  readonly system: number;
  readonly endedUser: number;
  readonly endedSystem: number;
}

function statOf(pid: number): Stat {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in brackets and may hold anything.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const at = (field: number): number => fields[field - 3] ?? 0;
  return { parent: at(4), user: at(14), system: at(15), endedUser: at(16), endedSystem: at(17) };
}

function memoryOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * KIB;
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((other) => {
      try {
        return statOf(other).parent === pid;
      } catch {
        return false; // It ended while we looked.
      }
    });
}
