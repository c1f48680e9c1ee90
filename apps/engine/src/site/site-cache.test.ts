import { interfaceId } from '@inorder/core';
import { uuidv7 } from '@inorder/db';
import { CONFIG_CHANNEL } from '@inorder/shared';
import { expect, test } from 'vitest';
import { realClock, ShakyDatabase, silent, siteFixture } from '../../test/site-fixture.ts';
import { openSiteCache } from './postgres-site-cache.ts';
import type { SiteCache } from './site-cache.ts';

function changed(site: SiteCache): Promise<void> {
  return new Promise((resolve) => {
    const forget = site.onChange(() => {
      forget();
      resolve();
    });
  });
}

test('25,000 interfaces load, and a look that finds no change loads nothing', async () => {
  await using fixture = await siteFixture({ interfaces: 25_000 });
  const database = new ShakyDatabase(fixture.database);
  const site = await openSiteCache({ database, clock: realClock, logger: silent });
  expect(site.interfaces()).toHaveLength(25_000);
  const id = fixture.interfaceIds[24_999];
  expect(site.interfaceByCode('LAB-25000')).toMatchObject({
    interfaceId: id,
    enabled: true,
    revision: 1,
    format: 'HL7V2',
  });
  expect(site.source(fixture.shared)?.feeds(interfaceId(id ?? ''))).toBe(true);
  expect(site.source(fixture.both)?.interfaceIds).toEqual(fixture.interfaceIds.slice(0, 2));
  database.names.length = 0;
  await site.refresh();
  expect(database.names).toEqual(['site_version']);
  expect(site.version).toBe(1);
  await site.close();
}, 60_000);

test('a NOTIFY is followed at once; an unheard change is found by the look each refreshMs', async () => {
  await using fixture = await siteFixture({ interfaces: 2 });
  const { pool } = fixture.test;
  const site = await openSiteCache({ database: fixture.database, clock: realClock, logger: silent, refreshMs: 60_000 });
  await site.refresh();
  const [id = interfaceId('')] = fixture.interfaceIds;
  const heard = changed(site);
  // Until LISTEN stands nothing is heard: say it until it is.
  await pool.query('UPDATE interface SET enabled = false WHERE interface_id = $1', [id]);
  await pool.query(`NOTIFY ${CONFIG_CHANNEL}`);
  await heard;
  expect(site.interfaceById(id)?.enabled).toBe(false);
  await site.close();

  const looking = await openSiteCache({ database: fixture.database, clock: realClock, logger: silent, refreshMs: 20 });
  const seen = changed(looking);
  await pool.query('UPDATE interface SET enabled = true WHERE interface_id = $1', [id]);
  await seen;
  expect(looking.interfaceById(id)?.enabled).toBe(true);
  await looking.close();
});

test('equal documents are parsed once; revisions are read in one batch and kept', async () => {
  await using fixture = await siteFixture({ interfaces: 3 });
  const { pool } = fixture.test;
  const [a = interfaceId(''), b = interfaceId('')] = fixture.interfaceIds;
  await pool.query(
    `INSERT INTO interface_revision (interface_id, revision, document, created_by) VALUES ($1, 2, '{"route":[]}', 'test')`,
    [a],
  );
  const database = new ShakyDatabase(fixture.database);
  const site = await openSiteCache({ database, clock: realClock, logger: silent });
  database.names.length = 0;
  const wanted = [
    { interfaceId: a, revision: 1 },
    { interfaceId: b, revision: 1 },
    { interfaceId: a, revision: 2 },
    { interfaceId: interfaceId(uuidv7()), revision: 1 },
  ];
  await site.loadDocuments(wanted);
  expect(database.names).toEqual(['site_documents']);
  expect(site.document(a, 1)?.key).toBe(site.document(b, 1)?.key);
  expect(site.document(a, 1)?.document.delivery.retries).toBe(3);
  // Not valid (a route needs a rule), and not there.
  expect(site.document(a, 2)).toBeUndefined();
  await site.loadDocuments(wanted.slice(0, 2));
  expect(database.names).toHaveLength(1);
  await site.close();
});

test('G22: secrets are opened through the function given; a wire that cannot be opened is left out alone', async () => {
  await using fixture = await siteFixture({ interfaces: 1 });
  await fixture.test.pool.query(
    `INSERT INTO destination (destination_id, name, document, secrets, updated_at) VALUES ($1, 'sealed', '{"kind":"HTTP","url":"https://lis.example/","headers":{"x":"(kept)"}}', '\\x01', now())`,
    [uuidv7()],
  );
  const open = (document: unknown, sealed: Uint8Array | null): unknown => {
    if (sealed === null) return document;
    return { ...(document as object), headers: { x: 'secret' } };
  };
  const common = { database: fixture.database, clock: realClock, logger: silent };
  const site = await openSiteCache({ ...common, openDocument: open });
  expect(site.destination('sealed')?.document).toMatchObject({ headers: { x: 'secret' } });
  await site.close();
  const wrongKey = await openSiteCache({
    ...common,
    openDocument: (document, sealed) => {
      if (sealed !== null) throw new Error('secrets do not open');
      return document;
    },
  });
  expect(wrongKey.destination('sealed')).toBeUndefined();
  expect(wrongKey.destination('lis')?.document.kind).toBe('MLLP');
  await wrongKey.close();
});
