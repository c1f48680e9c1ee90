import type { Metadata } from 'next';
import { redirect } from 'next/navigation';
import { Mark } from '../../features/shell/shell.tsx';
import { safeNext } from '../../features/sign-in/safe-next.ts';
import { SignInForm } from '../../features/sign-in/sign-in-form.tsx';
import { currentUser } from '../../server/auth/require-user.ts';
import type { RouteProps } from '../route-props.ts';

export const metadata: Metadata = { title: 'Sign in' };

export default async function SignInPage({ searchParams }: RouteProps) {
  const { next, problem } = await searchParams;
  const target = safeNext(next);
  if ((await currentUser()) !== null) redirect(target);
  return (
    <div className="grid min-h-dvh place-items-center px-4 py-10">
      <div className="w-full max-w-sm">
        <div className="mb-6 flex flex-col items-center gap-3 text-center">
          <Mark className="size-11" />
          <h1 className="text-xl font-semibold tracking-tight">Sign in to Inorder</h1>
        </div>
        <div className="rounded-xl border bg-surface p-6 shadow-pop">
          {problem === 'link' && (
            <p role="alert" className="mb-4 rounded-md bg-warn-soft px-3 py-2 text-warn">
              That link was used already or is older than 10 minutes. Ask for a new one.
            </p>
          )}
          <SignInForm next={target} />
        </div>
        <p className="mt-4 text-center text-xs text-muted">
          No password yet? <code className="font-mono text-ink">./inorder up</code> prints a sign-in link.
        </p>
      </div>
    </div>
  );
}
