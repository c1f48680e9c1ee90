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

function diff(databaseUrl: string): Promise<Ended> {
  const args = [
    'migrate',
    'diff',
    '--from-migrations',
    'prisma/migrations',
    '--to-schema',
    'prisma/schema.prisma',
    '--exit-code',
  ];
  return runQuietly({ ...packageProgram('prisma', args), env: { DATABASE_URL: databaseUrl } });
}
