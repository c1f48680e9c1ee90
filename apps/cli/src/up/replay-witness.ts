/**
 * Tells the demonstration's judge which orders came again because somebody ordered it (G14). The judge knows the order
 * of orders by their own counters alone and would call a replay a violation; in tests the test itself tells it.
 */
import pg from 'pg';
import { lisControl } from '../lis/control.ts';

const LOOK_EVERY_MS = 1_000;

/** Sends of late replays under way or ended within the last minute, by the control id they were sent with. */
const RECENT_REPLAYS = `
SELECT r.replay_id AS "replayId", r.attempts, coalesce(r.control_id, p.control_id, k.control_id) AS "controlId"
  FROM replay r
  LEFT JOIN message_payload p USING (message_id)
  LEFT JOIN message_payload_kept k USING (message_id)
 WHERE (r.state = 'RUNNING' OR r.done_at > now() - interval '1 minute') AND r.attempts > 0
 LIMIT 10000`;

interface RecentReplay {
  readonly replayId: string;
  readonly attempts: number;
  readonly controlId: string | null;
}

/** Looks each second until it is stopped; a database or simulator that is away for a moment is asked again. */
export function watchReplays(databaseUrl: string, controlUrl: string): { stop(): Promise<void> } {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1, connectionTimeoutMillis: 3_000 });
  pool.on('error', () => undefined); // Idle connections end when Postgres does; the next look says so again.
  const control = lisControl(controlUrl);
  let told = new Map<string, number>();
  let look: Promise<void> = Promise.resolve();
  const tell = async (): Promise<void> => {
    const { rows } = await pool.query<RecentReplay>(RECENT_REPLAYS);
    const news = rows.flatMap(({ replayId, attempts, controlId }) =>
      controlId === null ? [] : Array.from({ length: attempts - (told.get(replayId) ?? 0) }, () => controlId),
    );
    if (news.length > 0) await control.explainReplays(news.slice(0, 10_000));
    told = new Map(rows.map(({ replayId, attempts }) => [replayId, attempts]));
  };
  const timer = setInterval(() => {
    look = look.then(tell).catch(() => undefined);
  }, LOOK_EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      await look;
      await pool.end();
    },
  };
}
