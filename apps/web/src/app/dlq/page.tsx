import type { Metadata } from 'next';
import { DeadLettersPage } from '../../features/dead-letters/dead-letters-page.tsx';
import { requireUser } from '../../server/auth/require-user.ts';

export const metadata: Metadata = { title: 'Dead letters' };

export default async function Dlq() {
  const { role, phiReveal } = await requireUser('/dlq');
  return <DeadLettersPage user={{ role, phiReveal }} />;
}
