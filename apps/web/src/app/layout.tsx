import { GeistMono } from 'geist/font/mono';
import { GeistSans } from 'geist/font/sans';
import type { Metadata, Viewport } from 'next';
import { cookies } from 'next/headers';
import { NuqsAdapter } from 'nuqs/adapters/next/app';
import type { ReactNode } from 'react';
import { Toaster } from 'sonner';
import { env } from '../env.ts';
import { Shell } from '../features/shell/shell.tsx';
import { parseTheme, THEME_COOKIE } from '../features/shell/theme.ts';
import { currentUser } from '../server/auth/require-user.ts';
import { TrpcClientProvider } from '../trpc/client.tsx';
import './globals.css';

export const metadata: Metadata = {
  title: { default: 'Inorder', template: '%s – Inorder' },
  description: 'Lab orders, in order',
  robots: { index: false, follow: false },
};

export const viewport: Viewport = {
  colorScheme: 'light dark',
  themeColor: [
    { media: '(prefers-color-scheme: light)', color: '#ffffff' },
    { media: '(prefers-color-scheme: dark)', color: '#151719' },
  ],
};

export default async function RootLayout({ children }: { children: ReactNode }) {
  const theme = parseTheme((await cookies()).get(THEME_COOKIE)?.value);
  const user = await currentUser();
  return (
    <html lang="en" data-theme={theme} className={`${GeistSans.variable} ${GeistMono.variable}`}>
      <body>
        <NuqsAdapter>
          <TrpcClientProvider>
            {user === null ? (
              <main id="main">{children}</main>
            ) : (
              <Shell
                user={{ name: user.name, email: user.email, role: user.role, phiReveal: user.phiReveal }}
                environment={env().INORDER_ENVIRONMENT}
                theme={theme}
              >
                {children}
              </Shell>
            )}
          </TrpcClientProvider>
        </NuqsAdapter>
        <Toaster position="bottom-right" closeButton theme={theme} />
      </body>
    </html>
  );
}
