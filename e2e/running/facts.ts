/** What the journeys know of the running system. The setup writes it into the environment, which the workers inherit. */
import type { Role } from '@inorder/shared';

export interface Person {
  readonly email: string;
  readonly password: string;
  /** File with the cookies of a session of theirs, as Playwright keeps them. */
  readonly session: string;
}

export interface RunningSystem {
  readonly consoleUrl: string;
  readonly databaseUrl: string;
  /** Absent where this machine has no Redis. */
  readonly redisUrl?: string;
  /** Where the engine listens for JMS clients. */
  readonly amqpPort: number;
  readonly adminSecret: string;
  readonly people: Readonly<Record<Role, Person>>;
}

const VARIABLE = 'INORDER_E2E_SYSTEM';

export function tellWorkers(system: RunningSystem): void {
  process.env[VARIABLE] = JSON.stringify(system);
}

/** undefined before the setup has started it. */
export function runningSystem(): RunningSystem | undefined {
  const text = process.env[VARIABLE];
  return text === undefined ? undefined : (JSON.parse(text) as RunningSystem); // `tellWorkers` wrote it
}
