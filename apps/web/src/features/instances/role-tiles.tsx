import { CircleAlert } from 'lucide-react';
import { cn } from '../../ui/class-names.ts';
import type { EngineRole } from './presence.ts';
import { ROLE_WORDS } from './presence-words.ts';

const NAMES_SHOWN = 2;

/** Who hosts each role, in the order of a message's way. A role without a host is red, and says what that means. */
export function RoleTiles({ hosts }: { hosts: ReadonlyMap<EngineRole, readonly string[]> }) {
  const missing = [...hosts].filter(([, names]) => names.length === 0).map(([role]) => role);
  return (
    <section aria-label="Roles" className="flex flex-col gap-2">
      <ul className="grid grid-cols-2 gap-2 sm:grid-cols-3 xl:grid-cols-6">
        {[...hosts].map(([role, names]) => (
          <li
            key={role}
            title={ROLE_WORDS[role].does}
            data-role={role}
            className={cn(
              'min-w-0 rounded-lg border bg-surface px-3 py-2',
              names.length === 0 && 'border-bad/50 bg-bad-soft',
            )}
          >
            <p className={cn('font-medium', names.length === 0 && 'text-bad')}>{role}</p>
            {names.length === 0 ? (
              <p className="flex items-center gap-1 text-xs font-medium text-bad">
                <CircleAlert aria-hidden className="size-3.5 shrink-0" /> Hosted by nobody
              </p>
            ) : (
              <p className="truncate text-xs text-muted" title={names.join(', ')}>
                {names.slice(0, NAMES_SHOWN).join(', ')}
                {names.length > NAMES_SHOWN && ` and ${names.length - NAMES_SHOWN} more`}
              </p>
            )}
          </li>
        ))}
      </ul>
      {missing.length > 0 && (
        <div role="alert" className="rounded-md bg-bad-soft px-3 py-2">
          <ul className="flex flex-col gap-1">
            {missing.map((role) => (
              <li key={role} className="flex items-start gap-2">
                <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-bad" />
                <span>
                  <strong className="font-semibold text-bad">Nobody hosts {role}.</strong> {ROLE_WORDS[role].missing}
                </span>
              </li>
            ))}
          </ul>
        </div>
      )}
    </section>
  );
}
