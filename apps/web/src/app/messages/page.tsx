import type { Metadata } from 'next';
import { SearchPage } from '../../features/messages/search-page.tsx';
import { requireUser } from '../../server/auth/require-user.ts';

export const metadata: Metadata = { title: 'Messages' };

export default async function Messages() {
  const { role, phiReveal } = await requireUser('/messages');
  return <SearchPage user={{ role, phiReveal }} />;
}
