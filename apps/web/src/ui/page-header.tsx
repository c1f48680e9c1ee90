import { ChevronRight } from 'lucide-react';
import Link from 'next/link';
import type { ReactNode } from 'react';

export interface Crumb {
  readonly href: string;
  readonly label: string;
}

/** The page's one h1, where it hangs, and what can be done here. */
export function PageHeader({
  title,
  crumbs = [],
  lead,
  actions,
}: {
  title: ReactNode;
  crumbs?: readonly Crumb[];
  /** One sentence under the title. */
  lead?: ReactNode;
  actions?: ReactNode;
}) {
  return (
    <header className="flex flex-wrap items-start gap-x-4 gap-y-3">
      <div className="min-w-0 flex-1 basis-64">
        {crumbs.length > 0 && (
          <nav aria-label="Breadcrumb" className="mb-0.5">
            <ol className="flex items-center gap-1 text-xs text-muted">
              {crumbs.map((crumb) => (
                <li key={crumb.href} className="flex items-center gap-1">
                  <Link href={crumb.href} className="hover:text-ink hover:underline">
                    {crumb.label}
                  </Link>
                  <ChevronRight aria-hidden className="size-3 text-faint" />
                </li>
              ))}
            </ol>
          </nav>
        )}
        <h1 className="text-lg leading-7 font-semibold tracking-tight">{title}</h1>
        {lead && <div className="text-muted">{lead}</div>}
      </div>
      {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
    </header>
  );
}

/** The width and spacing every page shares. */
export function Page({ children, wide = false }: { children: ReactNode; wide?: boolean }) {
  return (
    <div className={`mx-auto flex w-full flex-col gap-5 px-4 py-5 sm:px-6 ${wide ? '' : 'max-w-[88rem]'}`}>
      {children}
    </div>
  );
}
