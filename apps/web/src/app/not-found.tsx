import { SearchX } from 'lucide-react';
import Link from 'next/link';
import { buttonStyle } from '../ui/button.tsx';
import { EmptyState } from '../ui/state.tsx';

export default function NotFound() {
  return (
    <EmptyState
      icon={SearchX}
      title={<h1>There is no such page</h1>}
      action={
        <Link href="/lag" className={buttonStyle()}>
          To the lanes
        </Link>
      }
      className="py-24"
    >
      Codes look like LAB-0042, messages like LAB-0042:123.
    </EmptyState>
  );
}
