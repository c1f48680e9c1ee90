import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { MessagePage } from '../../../../features/messages/message-page.tsx';
import { requireUser } from '../../../../server/auth/require-user.ts';
import { serverCaller } from '../../../../server/trpc/caller.ts';
import type { RouteProps } from '../../../route-props.ts';

type Props = RouteProps<{ code: string; seq: string }>;

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { code, seq } = await params;
  return { title: `${code}:${seq}` };
}

export default async function Message({ params }: Props) {
  const { code, seq } = await params;
  if (!/^[A-Z0-9][A-Z0-9-]{1,31}$/.test(code) || !/^[1-9]\d{0,14}$/.test(seq)) notFound();
  const { role, phiReveal, email } = await requireUser(`/messages/${code}/${seq}`);
  const sequenceNo = Number(seq);
  // The page asks again itself; a failure here is shown by it, in its place.
  const initial = await (await serverCaller()).messages.get({ code, sequenceNo }).catch(() => undefined);
  return (
    <MessagePage
      key={`${code}:${seq}`}
      code={code}
      sequenceNo={sequenceNo}
      user={{ role, phiReveal, email }}
      initial={initial}
    />
  );
}
