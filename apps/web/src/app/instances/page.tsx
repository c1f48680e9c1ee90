import { may } from '@inorder/shared';
import type { Metadata } from 'next';
import { InstancesPage } from '../../features/instances/instances-page.tsx';
import { requireUser } from '../../server/auth/require-user.ts';

export const metadata: Metadata = { title: 'Instances' };

export default async function Instances() {
  const user = await requireUser('/instances');
  return <InstancesPage seesQueues={may(user, 'queues.read')} />;
}
