'use client';
import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useState } from 'react';
import { useTRPC, useTRPCClient } from '../../trpc/client.tsx';
import type { RouterOutputs } from '../../trpc/outputs.ts';
import { type ActionCommand, withHold } from './action-words.ts';
import type { PlannedCommand } from './planned-command.ts';
/**
 * The steps of one action: PLANNING → READY → SENDING → FOLLOWING → ENDED. A plan that is no longer true leads from
 * SENDING back to READY with the new one; what fails on the way leads to FAILED, from where it is planned anew.
 * Command ids are made once per plan, so that sending twice is sending once.
 */
import { uuidv7 } from './uuid.ts';

export type CommandView = RouterOutputs['commands']['get'][number];

export type ActionStep =
  | { readonly at: 'PLANNING' }
  | { readonly at: 'READY'; readonly planned: readonly PlannedCommand[]; readonly changed: boolean }
  | { readonly at: 'SENDING'; readonly planned: readonly PlannedCommand[] }
  | { readonly at: 'FOLLOWING'; readonly planned: readonly PlannedCommand[]; readonly views: readonly CommandView[] }
  | { readonly at: 'ENDED'; readonly planned: readonly PlannedCommand[]; readonly views: readonly CommandView[] }
  | { readonly at: 'FAILED'; readonly message: string };

const FOLLOW_EVERY_MS = 500;

export interface Action {
  readonly step: ActionStep;
  readonly plan: () => void;
  readonly send: (reason: string, holdLane: boolean) => void;
}

export function useAction(commands: readonly ActionCommand[], active: boolean): Action {
  const client = useTRPCClient();
  const refresh = useRefresh();
  const [step, setStep] = useState<ActionStep>({ at: 'PLANNING' });
  const [ids, setIds] = useState<readonly string[]>([]);
  // The caller may write the list anew with every render; what it says is what counts.
  const asked = JSON.stringify(commands);

  const plan = useCallback(() => {
    setStep({ at: 'PLANNING' });
    client.commands.plan.mutate({ commands: JSON.parse(asked) as ActionCommand[] }).then(
      (planned) => {
        setIds(planned.map(() => uuidv7()));
        setStep({ at: 'READY', planned, changed: false });
      },
      (error: unknown) => setStep(failed(error)),
    );
  }, [client, asked]);

  useEffect(() => {
    if (active) plan();
  }, [active, plan]);

  const send = useCallback(
    (reason: string, holdLane: boolean) => {
      if (step.at !== 'READY') return;
      const { planned } = step;
      const going = planned.flatMap((each, i) => {
        const commandId = ids[i];
        if (each.refusal !== null || commandId === undefined) return [];
        return [{ ...withHold(each, holdLane), commandId, planHash: each.hash }];
      });
      setStep({ at: 'SENDING', planned });
      client.commands.request.mutate({ reason, commands: going }).then(
        (answer) => {
          if (answer.ok) setStep({ at: 'FOLLOWING', planned, views: answer.commands });
          else {
            setIds(planned.map(() => uuidv7()));
            setStep({ at: 'READY', planned: withChanges(planned, answer.changed), changed: true });
          }
        },
        (error: unknown) => setStep(failed(error)),
      );
    },
    [client, ids, step],
  );

  useEffect(() => {
    if (step.at !== 'FOLLOWING') return;
    const abort = new AbortController();
    const { planned, views } = step;
    const timer = setTimeout(() => {
      const commandIds = views.map((view) => view.commandId);
      client.commands.get.mutate({ commandIds }, { signal: abort.signal }).then(
        (news) => {
          if (abort.signal.aborted) return;
          const open = news.some((view) => view.status === 'PENDING' || view.status === 'RUNNING');
          setStep({ at: open ? 'FOLLOWING' : 'ENDED', planned, views: news });
          if (!open) refresh();
        },
        // The command stands; only the look at it failed. Look again.
        () => abort.signal.aborted || setStep({ at: 'FOLLOWING', planned, views }),
      );
    }, FOLLOW_EVERY_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [client, refresh, step]);

  return { step, plan, send };
}

/** What a carried-out command may have changed is asked for again. */
function useRefresh(): () => void {
  const queryClient = useQueryClient();
  const trpc = useTRPC();
  return useCallback(() => {
    for (const queryKey of [trpc.deadLetters.pathKey(), trpc.messages.get.pathKey(), trpc.commands.pathKey()]) {
      void queryClient.invalidateQueries({ queryKey });
    }
  }, [queryClient, trpc]);
}

function withChanges(planned: readonly PlannedCommand[], changed: readonly PlannedCommand[]): PlannedCommand[] {
  // Whether the lane is to be held was chosen after the first plan.
  const keyOf = (each: PlannedCommand) => JSON.stringify(withHold(each, false));
  const news = new Map(changed.map((each) => [keyOf(each), each]));
  return planned.map((each) => news.get(keyOf(each)) ?? each);
}

function failed(error: unknown): ActionStep {
  return { at: 'FAILED', message: error instanceof Error ? error.message : 'the console could not do that' };
}
