/** What people have to decide: lanes that hold or are paused, open incidents, dead letters, commands nobody carries out. */
import { HOLD_WORDS, type HoldReason } from '@inorder/core';
import type pg from 'pg';
import { count, type Finding, Findings, names, verb } from './finding.ts';

const OLD_MINUTES = 15;
const INCIDENTS_MAX = 20;
const LANES_MAX = 1000;
/** The rest are warnings. */
const GRAVE: ReadonlySet<string> = new Set([
  'INVARIANT_BROKEN',
  'PASS_LIMIT',
  'PAYLOAD_MISSING',
  'ENDPOINT_DOWN',
  'RESTORED',
]);

export async function examineLanes(client: pg.Client): Promise<Finding[]> {
  const found = new Findings('lanes');
  await holds(found, client);
  await waiting(found, client);
  await incidents(found, client);
  await commands(found, client);
  await deadLetters(found, client);
  return found.list;
}

async function holds(found: Findings, client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ code: string; held: HoldReason | null; paused: boolean; by: string | null }>(
    `SELECT i.code, c.held_for AS held, c.paused_at IS NOT NULL AS paused, c.paused_by AS by
       FROM message_delivery_checkpoint c JOIN interface i USING (interface_id)
      WHERE c.held_for IS NOT NULL OR c.paused_at IS NOT NULL ORDER BY i.code LIMIT $1`,
    [LANES_MAX],
  );
  const held = Map.groupBy(
    rows.filter((row) => row.held !== null),
    (row) => row.held,
  );
  for (const [reason, lanes] of held) {
    if (reason === null) continue;
    found.problem(
      `${names(lanes.map((lane) => lane.code))} ${verb(lanes.length, 'holds', 'hold')}: ${HOLD_WORDS[reason]}`,
      'Later orders of the interface wait behind it.',
      reason === 'RESTORED'
        ? 'Compare with the laboratories and the senders (docs/operations/restored.md), then ./inorder resume --all-restored.'
        : 'Look at the lane in the console, decide, and let it go on: ./inorder resume, or resolve for an unknown outcome.',
    );
  }
  const paused = rows.filter((row) => row.paused);
  if (paused.length > 0)
    found.warning(
      `${names(paused.map((lane) => lane.code))} ${verb(paused.length, 'is', 'are')} paused`,
      'Somebody stopped it; orders wait.',
      './inorder resume when the reason is gone; the audit names it.',
    );
  if (rows.length === 0) found.ok('no lane holds or is paused');
}

async function waiting(found: Findings, client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ code: string; lag: string; minutes: number }>(
    `SELECT i.code, s.last_sequence_no - c.last_delivered_sequence AS lag,
            (extract(epoch FROM now() - t.received_at) / 60)::int AS minutes
       FROM interface_sequence s JOIN message_delivery_checkpoint c USING (interface_id) JOIN interface i USING (interface_id)
       JOIN message_tracking t ON t.interface_id = s.interface_id AND t.sequence_no = c.last_delivered_sequence + 1
      WHERE s.last_sequence_no > c.last_delivered_sequence AND t.received_at < now() - $1 * interval '1 minute'
      ORDER BY t.received_at LIMIT $2`,
    [OLD_MINUTES, LANES_MAX],
  );
  const [oldest] = rows;
  if (oldest === undefined) found.ok(`no order waits for more than ${OLD_MINUTES} minutes`);
  else
    found.problem(
      `${rows.length >= LANES_MAX ? `${LANES_MAX} lanes or more` : count(rows.length, 'lane')} ${verb(rows.length, 'waits', 'wait')} for more than ${OLD_MINUTES} minutes: ${names(rows.map((row) => `${row.code} (${row.lag} waiting, ${row.minutes} min)`))}`,
      'The laboratory does not have these orders.',
      './inorder lag says what each of them waits for.',
    );
}

async function incidents(found: Findings, client: pg.Client): Promise<void> {
  const { rows } = await client.query<{
    kind: string;
    scope: string;
    detail: string;
    occurrences: number;
    since: string;
  }>(
    `SELECT kind, scope_name AS scope, left(detail, 200) AS detail, occurrences,
            to_char(opened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"') AS since
       FROM incident WHERE open_key IS NOT NULL ORDER BY opened_at DESC LIMIT $1`,
    [INCIDENTS_MAX + 1],
  );
  for (const { kind, scope, detail, since } of rows.slice(0, INCIDENTS_MAX)) {
    const what = `incident ${kind} at ${scope} since ${since}: ${detail}`;
    const todo = 'See docs/operations; it ends by itself when its cause does, or when it is dealt with.';
    if (GRAVE.has(kind)) found.problem(what, 'Orders wait, or a promise was broken.', todo);
    else found.warning(what, 'Somebody should know of it.', todo);
  }
  if (rows.length > INCIDENTS_MAX)
    found.warning('there are more open incidents', 'Only the newest are shown.', 'The console lists all of them.');
  if (rows.length === 0) found.ok('no incident is open');
}

async function commands(found: Findings, client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ code: string; kind: string }>(
    `SELECT i.code, c.kind::text AS kind FROM lane_command c JOIN interface i USING (interface_id)
      WHERE c.status IN ('PENDING', 'RUNNING') AND c.requested_at < now() - interval '1 minute' ORDER BY c.requested_at LIMIT 100`,
  );
  if (rows.length > 0)
    found.warning(
      `${count(rows.length, 'command')} older than a minute ${verb(rows.length, 'waits', 'wait')}: ${names(rows.map((row) => `${row.kind} of ${row.code}`))}`,
      'No owner has carried it out: its lane has none, or a send takes long.',
      'See who owns the lane (engines, above).',
    );
}

async function deadLetters(found: Findings, client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ open: number }>(
    'SELECT count(*)::int AS open FROM (SELECT 1 FROM dead_letter WHERE resolved_at IS NULL LIMIT 10001) d',
  );
  const open = rows[0]?.open ?? 0;
  if (open === 0) found.ok('no dead letter waits for somebody');
  else
    found.warning(
      `${open > 10_000 ? 'more than 10,000 dead letters wait' : `${count(open, 'dead letter')} ${verb(open, 'waits', 'wait')}`} for somebody`,
      'These orders did not reach the laboratory.',
      './inorder dlq groups them by cause.',
    );
}
