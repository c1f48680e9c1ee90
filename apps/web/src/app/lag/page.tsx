import type { Metadata } from 'next';
import { requireUser } from '../../server/auth/require-user.ts';
import { Page, PageHeader } from '../../ui/page-header.tsx';

export const metadata: Metadata = { title: 'Lanes' };

export default async function LagPage() {
  await requireUser('/lag');
  return (
    <Page wide>
      <PageHeader title="Lanes" />
    </Page>
  );
}
