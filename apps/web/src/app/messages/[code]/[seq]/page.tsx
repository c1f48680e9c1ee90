import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { MessagePage } from '../../../../features/messages/message-page.tsx';
import { requireUser } from '../../../../server/auth/require-user.ts';

type Props = PageProps<'/messages/[code]/[seq]'>;

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { code, seq } = await params;
  return { title: `${code}:${seq}` };
}

export default async function Message({ params }: Props) {
  const { code, seq } = await params;
  if (!/^[A-Z0-9][A-Z0-9-]{1,31}$/.test(code) || !/^[1-9]\d{0,14}$/.test(seq)) notFound();
  const { role, phiReveal, email } = await requireUser(`/messages/${code}/${seq}`);
  return <MessagePage key={`${code}:${seq}`} code={code} sequenceNo={Number(seq)} user={{ role, phiReveal, email }} />;
}
