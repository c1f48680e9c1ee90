/** The generated Prisma client, made when the schema changed. */
import path from 'node:path';
import { ROOT, stateFolder } from './checkout.ts';
import { CommandFailure, EXIT } from './exit.ts';
import { packageProgram, runQuietly } from './program.ts';
import { unlessFresh } from './stamp.ts';

/** @returns whether it was generated now. */
export function ensurePrismaClient(): Promise<boolean> {
  // The product lies in the checkout, so its stamp does too, whatever folder the run's state has.
  const stamp = path.join(stateFolder(path.join(ROOT, '.inorder')).stamps, 'prisma-client');
  const inputs = ['prisma/schema.prisma', 'prisma.config.ts', 'node_modules/@prisma/client/package.json'];
  return unlessFresh(
    stamp,
    inputs.map((input) => path.join(ROOT, input)),
    path.join(ROOT, 'packages/db/src/generated/client.ts'),
    async () => {
      const { code, output } = await runQuietly(packageProgram('prisma', ['generate']));
      if (code !== 0) throw new CommandFailure(EXIT.failed, `prisma generate failed:\n${output}`);
    },
  );
}
