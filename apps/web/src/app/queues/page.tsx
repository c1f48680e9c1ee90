import { may, QUEUE_BOARD_PATH } from '@inorder/shared';
import type { Metadata } from 'next';
import { redirect } from 'next/navigation';
import { BOARD_PROBLEMS, isBoardProblem } from '../../features/queues/board-problems.ts';
import { requireUser } from '../../server/auth/require-user.ts';
import { buttonStyle } from '../../ui/button.tsx';
import { Page, PageHeader } from '../../ui/page-header.tsx';
import { DeniedState, EmptyState, ErrorState } from '../../ui/state.tsx';
import type { RouteProps } from '../route-props.ts';

export const metadata: Metadata = { title: 'Stage queues' };

/** What stands in the way of bull-board; with nothing in the way it leads there. */
export default async function Queues({ searchParams }: RouteProps) {
  const query = await searchParams;
  const user = await requireUser('/queues', query);
  const { problem } = query;
  const permitted = may(user, 'queues.read');
  if (permitted && !isBoardProblem(problem)) redirect(QUEUE_BOARD_PATH);
  return (
    <Page>
      <PageHeader title="Stage queues" crumbs={[{ href: '/instances', label: 'Instances' }]} />
      {permitted && isBoardProblem(problem) ? (
        <Problem problem={problem} />
      ) : (
        <DeniedState permission="queues.read" title="You may not see the stage queues" />
      )}
    </Page>
  );
}

function Problem({ problem }: { problem: keyof typeof BOARD_PROBLEMS }) {
  const { title, text } = BOARD_PROBLEMS[problem];
  // Running without Redis is a choice, not a fault.
  const State = problem === 'NO_REDIS' ? EmptyState : ErrorState;
  return (
    <State
      title={title}
      action={
        <a href={QUEUE_BOARD_PATH} className={buttonStyle()}>
          {problem === 'NO_PAGE' ? 'To all queues' : 'Try again'}
        </a>
      }
    >
      {text}
    </State>
  );
}
