'use client';
import { useMutation } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { useTRPC } from '../../trpc/client.tsx';
import type { RouterOutputs } from '../../trpc/outputs.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Field, Textarea } from '../../ui/input.tsx';

const REASON_LENGTH_MIN = 10;

/** Asks why; the server writes that down before it answers. */
export function RevealDialog({
  open,
  onOpenChange,
  input,
  onRevealed,
}: {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  input: { readonly code: string; readonly sequenceNo: number; readonly attemptId?: string };
  onRevealed: (seen: RouterOutputs['messages']['reveal']) => void;
}) {
  const trpc = useTRPC();
  const id = useId();
  const [reason, setReason] = useState('');
  const reveal = useMutation(
    trpc.messages.reveal.mutationOptions({
      // Nothing revealed stays in a cache.
      gcTime: 0,
      onSuccess: (seen) => {
        onRevealed(seen);
        onOpenChange(false);
      },
    }),
  );
  const ready = reason.trim().length >= REASON_LENGTH_MIN && !reveal.isPending;
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title={`Show patient data of ${input.code}:${input.sequenceNo}`}
      description="Your name and reason are written to the audit before anything is shown."
      footer={
        <>
          <Button variant="ghost" onClick={() => onOpenChange(false)}>
            Cancel
          </Button>
          <Button variant="danger" disabled={!ready} onClick={() => reveal.mutate({ ...input, reason: reason.trim() })}>
            Show patient data
          </Button>
        </>
      }
    >
      <Field id={id} label="Reason" hint={`At least ${REASON_LENGTH_MIN} characters.`} error={reveal.error?.message}>
        <Textarea
          id={id}
          value={reason}
          maxLength={500}
          aria-describedby={`${id}-hint`}
          onChange={(event) => setReason(event.target.value)}
        />
      </Field>
    </Dialog>
  );
}
