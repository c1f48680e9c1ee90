'use client';
import { may, restoredWords } from '@inorder/shared';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { DatabaseBackup } from 'lucide-react';
import { useId, useState } from 'react';
import { useTRPC } from '../../trpc/client.tsx';
import type { RouterOutputs } from '../../trpc/outputs.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Field, Textarea } from '../../ui/input.tsx';
import { ClockTime } from '../../ui/time.tsx';
import { grouped } from '../lag/numbers.ts';

const READ_MS = 5000;
const REASON_LENGTH_MIN = 10;

type Restored = RouterOutputs['lanes']['restored'];

/** On every page while lanes hold because Postgres was restored or failed over (G21), with the act that ends it. */
export function RestoredBanner({ user }: { user: Parameters<typeof may>[0] }) {
  const trpc = useTRPC();
  const read = useQuery(trpc.lanes.restored.queryOptions(undefined, { refetchInterval: READ_MS, retry: false }));
  const [asking, setAsking] = useState(false);
  const restored = read.data;
  if (restored === undefined || restored.heldAt === null || restored.lanes === 0) return null;
  const refused = !may(user, 'lane.act')
    ? 'Needs the right lane.act'
    : restored.lanes === restored.paused
      ? 'All of them are paused as well: resume them one by one'
      : undefined;
  return (
    <section
      aria-label="Postgres was restored"
      data-testid="restored-banner"
      className="flex flex-wrap items-center gap-x-4 gap-y-2 border-b border-bad/40 bg-bad-soft px-4 py-2 sm:px-6"
    >
      <p className="flex min-w-0 flex-1 items-center gap-2 text-bad">
        <DatabaseBackup aria-hidden className="size-4 shrink-0" />
        <span>
          Postgres was restored or failed over (<ClockTime at={restored.heldAt} />
          ): {restoredWords(restored)}, and what waits there is not sent.
        </span>
      </p>
      <Button variant="danger" disabled={refused !== undefined} title={refused} onClick={() => setAsking(true)}>
        Release them
      </Button>
      {asking && <ReleaseDialog restored={restored} onClose={() => setAsking(false)} />}
    </section>
  );
}

function ReleaseDialog({ restored, onClose }: { restored: Restored; onClose: () => void }) {
  const trpc = useTRPC();
  const queries = useQueryClient();
  const id = useId();
  const [reason, setReason] = useState('');
  const release = useMutation(
    trpc.commands.releaseRestored.mutationOptions({
      onSuccess: () => {
        void queries.invalidateQueries(trpc.lanes.restored.queryFilter());
        onClose();
      },
    }),
  );
  const ready = reason.trim().length >= REASON_LENGTH_MIN && !release.isPending;
  const count = restored.lanes - restored.paused;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Release ${count === 1 ? '1 lane' : `${grouped(count)} lanes`}`}
      description="They go on with their next number. Numbers that were delivered after the backup are sent once more, unless they are skipped before; what was accepted after it and is not here must come from the sender again."
      footer={
        <>
          <Button variant="ghost" onClick={onClose}>
            Cancel
          </Button>
          <Button
            variant="danger"
            disabled={!ready}
            onClick={() => release.mutate({ generation: restored.generation, reason: reason.trim() })}
          >
            Release
          </Button>
        </>
      }
    >
      <Field id={id} label="Reason" hint={`At least ${REASON_LENGTH_MIN} characters.`} error={release.error?.message}>
        <Textarea
          id={id}
          value={reason}
          maxLength={500}
          aria-describedby={`${id}-hint`}
          onChange={(event) => setReason(event.target.value)}
        />
      </Field>
      <p className="text-xs text-muted">
        On the command line: <code className="font-mono">./inorder resume --all-restored --reason "…"</code>
      </p>
    </Dialog>
  );
}
