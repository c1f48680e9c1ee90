import { database } from '../../server/database.ts';

const READY_MS = 2000;

/** 200 when Postgres answers within two seconds, else 503. Says nothing more: anybody may ask. */
export async function GET(): Promise<Response> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), READY_MS);
  });
  const answers = askPostgres();
  const ready = await Promise.race([answers, late]);
  clearTimeout(timer);
  return new Response(ready ? 'ok\n' : 'Postgres does not answer\n', { status: ready ? 200 : 503 });
}

async function askPostgres(): Promise<boolean> {
  try {
    await database().pool.query('SELECT 1');
    return true;
  } catch {
    return false;
  }
}

export const dynamic = 'force-dynamic';
