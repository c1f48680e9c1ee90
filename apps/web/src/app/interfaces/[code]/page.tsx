import { interfaceCode } from '@inorder/core';
import { TRPCError } from '@trpc/server';
import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { InterfacePage } from '../../../features/interface/interface-page.tsx';
import { requireUser } from '../../../server/auth/require-user.ts';
import { laneFeed } from '../../../server/live/live.ts';
import { serverCaller } from '../../../server/trpc/caller.ts';
import type { RouteProps } from '../../route-props.ts';

type Props = RouteProps<{ code: string }>;

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: (await params).code.slice(0, 32) };
}

export default async function Interface({ params, searchParams }: Props) {
  const { code } = await params;
  const user = await requireUser(`/interfaces/${code}`, await searchParams);
  if (!isCode(code)) notFound();
  const caller = await serverCaller();
  const facts = await caller.lanes.read({ code }).catch((error: unknown) => {
    if (error instanceof TRPCError && error.code === 'NOT_FOUND') notFound();
    throw error;
  });
  const feed = await laneFeed();
  return (
    <InterfacePage
      key={code}
      snapshot={feed.snapshot(Date.now(), code)}
      facts={facts}
      user={{ role: user.role, phiReveal: user.phiReveal }}
    />
  );
}

function isCode(text: string): boolean {
  try {
    interfaceCode(text);
    return true;
  } catch {
    return false;
  }
}
