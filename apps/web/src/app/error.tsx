'use client';
import { Button } from '../ui/button.tsx';
import { ErrorState } from '../ui/state.tsx';

/** `digest` is what the server's log calls the fault; its text stays there. */
export default function ErrorPage({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  return (
    <ErrorState
      title={<h1>This page could not be shown</h1>}
      action={<Button onClick={reset}>Try again</Button>}
      className="py-24"
    >
      The lanes go on without the console. {error.digest && <>The server's log has the details under {error.digest}.</>}
    </ErrorState>
  );
}
