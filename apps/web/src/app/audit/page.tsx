import { may } from '@inorder/shared';
import type { Metadata } from 'next';
import { AuditPage } from '../../features/audit/audit-page.tsx';
import { requireUser } from '../../server/auth/require-user.ts';
import { Page, PageHeader } from '../../ui/page-header.tsx';
import { DeniedState } from '../../ui/state.tsx';
import type { RouteProps } from '../route-props.ts';

export const metadata: Metadata = { title: 'Audit' };

export default async function Audit({ searchParams }: RouteProps) {
  const user = await requireUser('/audit', await searchParams);
  if (may(user, 'audit.read')) return <AuditPage />;
  return (
    <Page>
      <PageHeader title="Audit" />
      <DeniedState permission="audit.read" title="You may not read the audit" />
    </Page>
  );
}
