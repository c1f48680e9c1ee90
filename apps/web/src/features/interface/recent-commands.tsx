import type { CommandKind, CommandStatus } from '@inorder/core';
import { KIND_WORDS } from '@inorder/shared';
import { Badge, type Tone } from '../../ui/badge.tsx';
import { RelativeTime } from '../../ui/time.tsx';

interface RecentCommand {
  readonly commandId: string;
  readonly kind: CommandKind;
  readonly fromSequenceNo: number | null;
  readonly toSequenceNo: number | null;
  readonly reason: string;
  readonly actor: string;
  readonly requestedAt: Date;
  readonly status: CommandStatus;
  readonly refusalCode: string | null;
}

const STATUS_TONES: Record<CommandStatus, Tone> = {
  PENDING: 'info',
  RUNNING: 'info',
  DONE: 'good',
  REFUSED: 'bad',
  EXPIRED: 'warn',
};

function numbersOf({ fromSequenceNo: from, toSequenceNo: to }: RecentCommand): string {
  if (from === null) return '';
  return to === null || to === from ? `#${from}` : `#${from} – ${to}`;
}

/** The last commands to this lane, and what became of them. */
export function RecentCommands({ commands }: { commands: readonly RecentCommand[] }) {
  return (
    <section aria-labelledby="commands-title" className="rounded-xl border bg-surface">
      <h2 id="commands-title" className="border-b px-4 py-2.5 font-semibold">
        Commands
      </h2>
      {commands.length === 0 ? (
        <p className="px-4 py-4 text-muted">Nobody has acted on this lane.</p>
      ) : (
        <ol className="divide-y">
          {commands.map((command) => (
            <li key={command.commandId} className="px-4 py-2">
              <p className="flex flex-wrap items-center gap-x-2">
                <span className="font-medium">{KIND_WORDS[command.kind].verb}</span>
                <span className="tabular font-mono text-xs">{numbersOf(command)}</span>
                <Badge tone={STATUS_TONES[command.status]} title={command.refusalCode ?? undefined} className="ml-auto">
                  {command.status.toLowerCase()}
                </Badge>
              </p>
              <p className="text-xs text-muted">
                {command.actor}, <RelativeTime at={command.requestedAt} />: {command.reason}
              </p>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
