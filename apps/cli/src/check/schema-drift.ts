/** Whether `prisma/migrations`, applied in order, end at `prisma/schema.prisma`. Prisma needs a server for that. */
import path from 'node:path';
import { startEmbeddedPostgres } from '@inorder/db/embedded';
import { ROOT } from '../checkout.ts';
import { type Ended, packageProgram, runQuietly } from '../program.ts';

export async function schemaDrift(): Promise<Ended> {
  const given = process.env['INORDER_TEST_DATABASE_URL'];
  if (given !== undefined) return diff(given);
  // Kept between checks: one that was killed leaves a server that the next adopts and stops.
  const dataDir = path.join(ROOT, '.inorder', 'check', 'postgres');
  const server = await startEmbeddedPostgres({ dataDir, port: 0, durable: false });
  try {
    return await diff(server.url);
  } finally {
    await server.stop();
  }
}

async function diff(databaseUrl: string): Promise<Ended> {
  const args = [
    'migrate',
    'diff',
    '--from-migrations',
    'prisma/migrations',
    '--to-schema',
    'prisma/schema.prisma',
    '--exit-code',
  ];
  const result = await runQuietly({ ...packageProgram('prisma', args), env: { DATABASE_URL: databaseUrl } });
  // The CLI also ends with 0 when its engine died on the way; only what it says shows that it has compared.
  return result.code === 0 && !result.output.includes('No difference detected') ? { ...result, code: 1 } : result;
}
