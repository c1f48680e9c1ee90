import { readiness } from '../../server/operations/readiness.ts';

/**
 * 200 while Postgres answers and no stop was asked for, else 503; `ReadinessReport` of shared. Anybody may ask, so it holds no addresses. Within
 * the longest time-out of a dependency, two seconds.
 */
export async function GET(): Promise<Response> {
  const report = await readiness().look();
  return Response.json(report, { status: report.ready ? 200 : 503, headers: { 'cache-control': 'no-store' } });
}

export const dynamic = 'force-dynamic';
