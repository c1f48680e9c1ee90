'use client';
import { Search } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { jumpTarget } from './jump.ts';

export function JumpBox() {
  const router = useRouter();
  return (
    <search className="hidden md:block">
      <form
        className="relative"
        onSubmit={(event) => {
          event.preventDefault();
          const field = event.currentTarget.elements.namedItem('jump');
          if (!(field instanceof HTMLInputElement)) return;
          const target = jumpTarget(field.value);
          if (target === null) return;
          field.value = '';
          field.blur();
          router.push(target);
        }}
      >
        <Search aria-hidden className="pointer-events-none absolute top-2 left-2.5 size-4 text-faint" />
        <input
          name="jump"
          aria-label="Go to an interface or message"
          placeholder="Go to LAB-0042 or LAB-0042:123"
          autoComplete="off"
          spellCheck={false}
          className="h-8 w-64 rounded-md border border-transparent bg-sunken pr-2.5 pl-8 placeholder:text-faint hover:border-line-strong focus-visible:border-accent focus-visible:bg-surface focus-visible:outline-1 focus-visible:outline-offset-0"
        />
      </form>
    </search>
  );
}
