import { type Disposition, epoch, type InboundMessage, instanceId } from '@inorder/core';
import { describe, expect, test } from 'vitest';
import {
  connectionLost,
  inbound,
  OFFERED_TO_NOBODY,
  RecordingLanes,
  realClock,
  ShakyDatabase,
  type SiteFixture,
  silent,
  siteFixture,
} from '../../test/site-fixture.ts';
import { createIngest, type Ingest, type IngestDependencies } from './ingest.ts';

function ingestOf(
  fixture: SiteFixture,
  more: Partial<IngestDependencies> = {},
): { ingest: Ingest; lanes: RecordingLanes } {
  const lanes = new RecordingLanes();
  const ingest = createIngest({
    database: fixture.database,
    site: fixture.site,
    lanes,
    stages: OFFERED_TO_NOBODY,
    clock: realClock,
    logger: silent,
    instance: fixture.instance,
    limits: { retryDelayMs: 1, retryDelayMsMax: 5 },
    ...more,
  });
  return { ingest, lanes };
}

async function numbersOf(fixture: SiteFixture): Promise<{ code: string; no: number; body: string }[]> {
  const { rows } = await fixture.test.pool.query<{ code: string; no: string; raw: Buffer }>(
    `SELECT i.code, t.sequence_no AS no, p.raw FROM message_tracking t JOIN interface i USING (interface_id)
       JOIN message_payload p USING (message_id) ORDER BY i.code, t.sequence_no`,
  );
  return rows.map((row) => ({ code: row.code, no: Number(row.no), body: row.raw.toString() }));
}

function kinds(dispositions: readonly Disposition[]): string[] {
  return dispositions.map((each) => each.kind);
}

describe('G1, G2: storing and numbering', () => {
  test('G2: numbers run in the order of hand-over, one statement for what gathered', async () => {
    await using fixture = await siteFixture({ interfaces: 3 });
    const database = new ShakyDatabase(fixture.database);
    const { ingest, lanes } = ingestOf(fixture, { database });
    const messages = Array.from({ length: 300 }, (_, i) =>
      inbound(fixture.shared, fixture.codes[i % 3] ?? '', `m${i}`),
    );
    expect(new Set(kinds(await Promise.all(messages.map(ingest.handle))))).toEqual(new Set(['accept']));
    const rows = await numbersOf(fixture);
    expect(rows).toHaveLength(300);
    for (const [c, code] of fixture.codes.entries()) {
      const own = rows.filter((row) => row.code === code);
      expect(own.map((row) => row.no)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
      expect(own.map((row) => row.body)).toEqual(Array.from({ length: 100 }, (_, i) => `m${i * 3 + c}`));
    }
    expect(lanes.numbers.map((each) => each.sequenceNo)).toEqual(messages.map((_, i) => Math.floor(i / 3) + 1));
    expect(database.names).toEqual(['ingest_store_batch']);
  });

  test('G2: redelivered copies get no second number, in one batch or in two', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    const { ingest } = ingestOf(fixture);
    const [code = ''] = fixture.codes;
    const a = inbound(fixture.shared, code, 'a');
    const b = inbound(fixture.shared, code, 'b');
    await Promise.all([a, b, a, b].map(ingest.handle));
    const again = await Promise.all([a, inbound(fixture.shared, code, 'c')].map(ingest.handle));
    expect(kinds(again)).toEqual(['accept', 'accept']);
    expect((await numbersOf(fixture)).map((row) => [row.no, row.body])).toEqual([
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
    ]);
    expect(ingest.counters()).toMatchObject({ stored: 3, duplicates: 3 });
  });

  test('G2: the same id with other bytes is numbered and opens one incident', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    const { ingest } = ingestOf(fixture);
    const [code = ''] = fixture.codes;
    const with_ = (body: string): InboundMessage => inbound(fixture.shared, code, body, { jmsMessageId: 'ID:same' });
    await Promise.all([with_('a'), with_('b')].map(ingest.handle));
    await ingest.handle(with_('c'));
    await ingest.handle(with_('c'));
    expect(await numbersOf(fixture)).toHaveLength(3);
    const { rows } = await fixture.test.pool.query('SELECT kind, scope, scope_name, occurrences FROM incident');
    expect(rows).toEqual([{ kind: 'INGEST_MESSAGE_ID_REUSED', scope: 'INTERFACE', scope_name: code, occurrences: 2 }]);
  });

  test('G2: without an id everything is numbered; a redelivered one with known bytes is a possible twin', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    const { ingest } = ingestOf(fixture);
    const [code = ''] = fixture.codes;
    const bare = (body: string, redelivered: boolean): InboundMessage =>
      inbound(fixture.shared, code, body, { jmsMessageId: null, redelivered });
    await Promise.all([bare('a', false), bare('a', true), bare('b', true)].map(ingest.handle));
    for (const each of [bare('a', false), bare('b', true), bare('c', true)]) await ingest.handle(each);
    const { rows } = await fixture.test.pool.query<{ possible_twin: boolean }>(
      'SELECT possible_twin FROM message_tracking ORDER BY sequence_no',
    );
    expect(rows.map((row) => row.possible_twin)).toEqual([false, true, false, false, true, false]);
  });

  test('G2: an answer lost after the commit is recognised: same numbers, lanes told once', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    const database = new ShakyDatabase(fixture.database);
    let failures = 3;
    database.fault = (name) => {
      if (name !== 'ingest_store_batch' || failures-- <= 0) return false;
      if (failures === 1) throw connectionLost();
      return true;
    };
    const { ingest, lanes } = ingestOf(fixture, { database });
    const [code = ''] = fixture.codes;
    const duplicate = inbound(fixture.shared, code, 'x');
    await Promise.all([duplicate, inbound(fixture.shared, code, 'y'), duplicate].map(ingest.handle));
    expect(lanes.numbers.map((each) => each.sequenceNo)).toEqual([1, 2]);
    expect((await numbersOf(fixture)).map((row) => row.body)).toEqual(['x', 'y']);
    expect(ingest.counters()).toMatchObject({ stored: 2, duplicates: 1 });
  });

  test('G3: behind a message whose source is not known everything of that source goes back, and nothing of another', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    // Known again by the time the next of its messages is looked at.
    let unknown = 2;
    const site: IngestDependencies['site'] = {
      source: (id) => (id === fixture.shared && unknown-- > 0 ? undefined : fixture.site.source(id)),
      interfaceByCode: (code) => fixture.site.interfaceByCode(code),
      interfaceById: (id) => fixture.site.interfaceById(id),
      refresh: () => fixture.site.refresh(),
    };
    const { ingest } = ingestOf(fixture, { site });
    const [code = ''] = fixture.codes;
    const messages = [
      inbound(fixture.shared, code, 'a'),
      inbound(fixture.both, null, 'b'),
      inbound(fixture.shared, code, 'c'),
    ];
    expect(kinds(await Promise.all(messages.map(ingest.handle)))).toEqual(['release', 'accept', 'release']);
  });

  test('G3: a lost source lease stores nothing and gives everything back, earlier hand-overs included', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    const { ingest } = ingestOf(fixture);
    const [code = ''] = fixture.codes;
    await fixture.test.pool.query("UPDATE source_lease SET owner = 'engine-b', epoch = 2 WHERE source_id = $1", [
      fixture.shared,
    ]);
    const settled = await Promise.all([
      ingest.handle(inbound(fixture.shared, code, 'a')),
      ingest.handle(inbound(fixture.both, null, 'b')),
    ]);
    expect(kinds(settled)).toEqual(['release', 'accept']);
    // Taken back: what was handed over under epoch 1 still is not ours to store.
    await fixture.test.pool.query("UPDATE source_lease SET owner = 'engine-a', epoch = 3 WHERE source_id = $1", [
      fixture.shared,
    ]);
    expect((await ingest.handle(inbound(fixture.shared, code, 'a'))).kind).toBe('release');
    const later = inbound(fixture.shared, code, 'a', { sourceEpoch: epoch(3) });
    expect((await ingest.handle(later)).kind).toBe('accept');
  });

  test('several destinations are several interfaces: each gets its copy in one transaction', async () => {
    await using fixture = await siteFixture({ interfaces: 3 });
    const { ingest } = ingestOf(fixture);
    await Promise.all(['a', 'b'].map((body) => ingest.handle(inbound(fixture.both, null, body))));
    expect((await numbersOf(fixture)).map((row) => `${row.code}:${row.no}:${row.body}`)).toEqual([
      'LAB-0001:1:a',
      'LAB-0001:2:b',
      'LAB-0002:1:a',
      'LAB-0002:2:b',
    ]);
  });

  test('a TextMessage is stored in the character set its own MSH-18 names, bytes are stored as they came', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    const { ingest } = ingestOf(fixture);
    const [code = ''] = fixture.codes;
    const text = 'MSH|^~\\&|A|B|C|D|20260101||ORM^O01|1|P|2.5.1||||||8859/1\rPID|1||7||M\u00fcller';
    const message = { ...inbound(fixture.shared, code, text), isText: true };
    await ingest.handle(message);
    await ingest.handle({ ...message, jmsMessageId: 'ID:other', isText: false });
    const { rows } = await fixture.test.pool.query<{ raw: Buffer }>(
      'SELECT raw FROM message_payload p JOIN message_tracking t USING (message_id) ORDER BY sequence_no',
    );
    expect(rows.map((row) => row.raw.toString('hex'))).toEqual([
      Buffer.from(text, 'latin1').toString('hex'),
      Buffer.from(text, 'utf8').toString('hex'),
    ]);
  });

  test('an empty body and a disabled interface are numbered and stored like any other', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    await fixture.test.pool.query('UPDATE interface SET enabled = false');
    await fixture.site.refresh();
    const { ingest } = ingestOf(fixture);
    expect((await ingest.handle(inbound(fixture.shared, fixture.codes[0] ?? '', ''))).kind).toBe('accept');
    expect(await numbersOf(fixture)).toEqual([{ code: 'LAB-0001', no: 1, body: '' }]);
  });
});

describe('G16: what Postgres or the rules refuse', () => {
  test('G16: a NUL in a property, in the middle of 500, is rejected alone; the others keep their order', async () => {
    await using fixture = await siteFixture({ interfaces: 2 });
    const { ingest } = ingestOf(fixture);
    const messages = Array.from({ length: 500 }, (_, i) =>
      inbound(fixture.shared, fixture.codes[i % 2] ?? '', `m${i}`, i === 251 ? { jmsMessageId: 'ID:\u0000251' } : {}),
    );
    const settled = await Promise.all(messages.map(ingest.handle));
    expect(settled.flatMap((each, i) => (each.kind === 'accept' ? [] : [[i, each.kind]]))).toEqual([[251, 'reject']]);
    expect(settled[251]).toMatchObject({ code: 'STORE_DATA_REFUSED' });
    const rows = await numbersOf(fixture);
    for (const c of [0, 1]) {
      const own = rows.filter((row) => row.code === fixture.codes[c]);
      expect(own.map((row) => row.no)).toEqual(own.map((_, i) => i + 1));
      expect(own.map((row) => row.body)).toEqual(
        messages.flatMap((_, i) => (i % 2 === c && i !== 251 ? [`m${i}`] : [])),
      );
    }
    const { rows: rejects } = await fixture.test.pool.query<{ body: Buffer }>(
      'SELECT error_code, jms_message_id, body, body_bytes FROM ingest_reject',
    );
    expect(rejects).toMatchObject([
      { error_code: 'STORE_DATA_REFUSED', jms_message_id: 'ID:\uFFFD251', body_bytes: '4' },
    ]);
    expect(rejects[0]?.body.toString()).toBe('m251');
  });

  test.each([
    ['INGEST_NO_INTERFACE', null, 'x'],
    ['INGEST_UNKNOWN_INTERFACE', 'LAB-9999', 'x'],
    ['INGEST_UNKNOWN_INTERFACE', 'DOE^JANE', 'x'],
    ['INGEST_TOO_LARGE', 'LAB-0001', 'x'.repeat(2000)],
  ])('%s is kept, then rejected with a sentence (%s)', async (code, property, body) => {
    await using fixture = await siteFixture({ interfaces: 1 });
    const { ingest } = ingestOf(fixture, { limits: { payloadBytesMax: 1000 } });
    const settled = await ingest.handle(inbound(fixture.shared, property, body));
    expect(settled).toMatchObject({ kind: 'reject', code });
    expect(JSON.stringify(settled)).toContain('Source orders');
    expect(JSON.stringify(settled)).not.toContain('DOE');
    const { rows } = await fixture.test.pool.query('SELECT error_code, body_bytes FROM ingest_reject');
    expect(rows).toEqual([{ error_code: code, body_bytes: String(body.length) }]);
  });

  test('INGEST_INTERFACE_NOT_ALLOWED, and a change of configuration is seen before anybody is refused', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    const { ingest } = ingestOf(fixture);
    const send = (): Promise<Disposition> => ingest.handle(inbound(fixture.shared, 'LAB-0001', 'x'));
    await fixture.test.pool.query('DELETE FROM source_interface WHERE source_id = $1', [fixture.shared]);
    await fixture.site.refresh();
    expect(await send()).toMatchObject({ kind: 'reject', code: 'INGEST_INTERFACE_NOT_ALLOWED' });
    await fixture.test.pool.query('INSERT INTO source_interface VALUES ($1, $2)', [
      fixture.shared,
      fixture.interfaceIds[0],
    ]);
    expect(await send()).toEqual({ kind: 'accept' });
  });
});

describe('G12: Postgres away', () => {
  test('G12: nothing is settled while it is away, and all of it in order once it is back', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    const database = new ShakyDatabase(fixture.database);
    let tries = 0;
    const tried = Promise.withResolvers<void>();
    let away = true;
    database.fault = () => {
      if (++tries === 5) tried.resolve();
      if (away) throw connectionLost();
      return false;
    };
    const { ingest } = ingestOf(fixture, { database });
    let settled = 0;
    const all = Array.from({ length: 20 }, async (_, i) => {
      const disposition = await ingest.handle(inbound(fixture.shared, 'LAB-0001', `m${i}`));
      settled += 1;
      return disposition;
    });
    await tried.promise;
    expect(settled).toBe(0);
    expect(ingest.pendingBytes()).toBeGreaterThan(0);
    away = false;
    expect(new Set(kinds(await Promise.all(all)))).toEqual(new Set(['accept']));
    expect((await numbersOf(fixture)).map((row) => row.body)).toEqual(Array.from({ length: 20 }, (_, i) => `m${i}`));
    expect(ingest.pendingBytes()).toBe(0);
  });

  test('G12: a stop while it is away gives everything back', async () => {
    await using fixture = await siteFixture({ interfaces: 1 });
    const database = new ShakyDatabase(fixture.database);
    const tried = Promise.withResolvers<void>();
    database.fault = () => {
      tried.resolve();
      throw connectionLost();
    };
    const { ingest } = ingestOf(fixture, { database, limits: { retryDelayMs: 60_000, retryDelayMsMax: 60_000 } });
    const first = ingest.handle(inbound(fixture.shared, 'LAB-0001', 'a'));
    await tried.promise;
    const second = ingest.handle(inbound(fixture.shared, 'LAB-0001', 'b'));
    await ingest.stop();
    expect(kinds(await Promise.all([first, second]))).toEqual(['release', 'release']);
    expect((await ingest.handle(inbound(fixture.shared, 'LAB-0001', 'c'))).kind).toBe('release');
  });
});

test('G2: a stop between two halves gives back what is behind the half that went back: nothing overtakes', async () => {
  await using fixture = await siteFixture({ interfaces: 1 });
  const database = new ShakyDatabase(fixture.database);
  let stopped: Promise<void> | undefined;
  // The whole batch, its first half, then the first message alone: that one meets an outage, and we stop.
  database.fault = (name) => {
    if (name !== 'ingest_store_batch' || database.names.length < 3) return false;
    stopped ??= ingest.stop();
    throw connectionLost();
  };
  const { ingest } = ingestOf(fixture, { database });
  const settled = await Promise.all(
    ['a', 'ID:\u0000', 'b', 'c'].map((id) =>
      ingest.handle(inbound(fixture.shared, 'LAB-0001', id, { jmsMessageId: id })),
    ),
  );
  await stopped;
  expect(kinds(settled)).toEqual(['release', 'release', 'release', 'release']);
  expect(database.names).toHaveLength(3);
});

test('G1, G2, G12: connections cut by the server at any moment cost nothing: no gap, no twin, order kept', async () => {
  await using fixture = await siteFixture({ interfaces: 5 });
  const { ingest, lanes } = ingestOf(fixture, { limits: { ingestBatchMax: 50, retryDelayMs: 1, retryDelayMsMax: 5 } });
  let done = false;
  const cuts = (async () => {
    let cut = 0;
    while (!done && cut < 12) {
      const { rows } = await fixture.test.pool.query<{ n: string }>(
        `SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity
          WHERE application_name = 'engine-a' AND state = 'active' AND query LIKE '%ingest_key%'`,
      );
      cut += Number(rows[0]?.n);
    }
    return cut;
  })();
  const settled = await Promise.all(
    Array.from({ length: 1000 }, (_, i) =>
      ingest.handle(inbound(fixture.shared, fixture.codes[i % 5] ?? '', String(i), { jmsMessageId: `ID:${i}` })),
    ),
  );
  done = true;
  expect(await cuts).toBeGreaterThan(0);
  expect(new Set(kinds(settled))).toEqual(new Set(['accept']));
  const rows = await numbersOf(fixture);
  for (const [c, code] of fixture.codes.entries()) {
    const own = rows.filter((row) => row.code === code);
    expect(own.map((row) => row.no)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    expect(own.map((row) => row.body)).toEqual(Array.from({ length: 200 }, (_, i) => String(i * 5 + c)));
  }
  expect(lanes.numbers).toHaveLength(1000);
}, 60_000);

test('G2: two instances feed the same interfaces from two sources: no deadlock, no gap, no twin', async () => {
  await using fixture = await siteFixture({ interfaces: 20 });
  await fixture.test.pool.query("UPDATE source_lease SET owner = 'engine-b' WHERE source_id = $1", [fixture.both]);
  await fixture.test.pool.query(
    'INSERT INTO source_interface SELECT $1, interface_id FROM interface ON CONFLICT DO NOTHING',
    [fixture.both],
  );
  await fixture.test.pool.query(
    `UPDATE source SET document = document || '{"interfaceProperty":"interface"}' WHERE source_id = $1`,
    [fixture.both],
  );
  await fixture.site.refresh();
  const failures: string[] = [];
  const logger = {
    ...silent,
    warn: (entry: unknown) => failures.push(JSON.stringify(entry)),
    info: () => undefined,
    error: () => undefined,
  };
  const a = ingestOf(fixture, { limits: { ingestBatchMax: 40 }, logger });
  const b = ingestOf(fixture, {
    limits: { ingestBatchMax: 40 },
    database: fixture.connect('engine-b'),
    instance: instanceId('engine-b'),
    logger,
  });
  const send = (ingest: Ingest, source: typeof fixture.shared, step: number): Promise<Disposition>[] =>
    Array.from({ length: 1000 }, (_, i) =>
      ingest.handle(
        inbound(source, fixture.codes[(i * step) % 20] ?? '', `${source === fixture.shared ? 'a' : 'b'}${i}`),
      ),
    );
  const settled = await Promise.all([...send(a.ingest, fixture.shared, 1), ...send(b.ingest, fixture.both, 19)]);
  expect(new Set(kinds(settled))).toEqual(new Set(['accept']));
  const rows = await numbersOf(fixture);
  expect(rows).toHaveLength(2000);
  for (const code of fixture.codes) {
    const own = rows.filter((row) => row.code === code);
    expect(own.map((row) => row.no)).toEqual(own.map((_, i) => i + 1));
    for (const side of ['a', 'b']) {
      const order = own.filter((row) => row.body.startsWith(side)).map((row) => Number(row.body.slice(1)));
      expect(order).toEqual(order.toSorted((x, y) => x - y));
    }
  }
  expect(failures).toEqual([]);
});
