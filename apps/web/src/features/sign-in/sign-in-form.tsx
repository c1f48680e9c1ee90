'use client';
import { useState } from 'react';
import { Button } from '../../ui/button.tsx';
import { Field, Input } from '../../ui/input.tsx';

const PROBLEMS: Record<number, string> = {
  401: 'E-mail or password is wrong.',
  403: 'This account may not sign in.',
  429: 'Too many tries. Wait a minute.',
};

export function SignInForm({ next }: { next: string }) {
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  const signIn = async (form: FormData) => {
    setBusy(true);
    setProblem(null);
    const answer = await fetch('/api/auth/sign-in/email', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: form.get('email'), password: form.get('password') }),
    }).catch(() => null);
    // A full load: every page is rendered again for the one who has signed in.
    if (answer?.ok) return window.location.assign(next);
    setBusy(false);
    setProblem(answer === null ? 'The console cannot be reached.' : (PROBLEMS[answer.status] ?? 'That did not work.'));
  };

  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        void signIn(new FormData(event.currentTarget));
      }}
    >
      <Field id="email" label="E-mail">
        <Input id="email" name="email" type="email" autoComplete="username" required className="h-10 text-sm" />
      </Field>
      <Field id="password" label="Password">
        <Input
          id="password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          className="h-10 text-sm"
        />
      </Field>
      {problem !== null && (
        <p role="alert" className="text-bad">
          {problem}
        </p>
      )}
      <Button type="submit" variant="primary" size="lg" disabled={busy}>
        {busy ? 'Signing in …' : 'Sign in'}
      </Button>
    </form>
  );
}
