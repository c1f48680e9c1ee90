/** Cross checks of a site document: every name it uses must stand in it or in the database already. */
import type { SiteDocument } from '@inorder/shared';

/** `path` as a person finds it in the file: `interfaces.LAB-0042.route[1].to`. */
export interface SiteProblem {
  readonly path: string;
  readonly message: string;
}

/** Names that stand in the database. */
export interface KnownNames {
  readonly connections: ReadonlySet<string>;
  /** Those of the connections that lead to a broker (kind CONNECT). */
  readonly brokers: ReadonlySet<string>;
  /** JMS destinations, and the connection each delivers over. */
  readonly jmsDestinations: ReadonlyMap<string, string>;
  readonly destinations: ReadonlySet<string>;
  readonly codeTables: ReadonlySet<string>;
  readonly interfaces: ReadonlySet<string>;
}

/** More would not be read, and 25,000 interfaces with one wrong name should not make 25,000 lines. */
const PROBLEMS_MAX = 200;

/** @returns all problems in the order of the document, at most 200. */
export function checkSite(site: SiteDocument, known: KnownNames): SiteProblem[] {
  const problems: SiteProblem[] = [];
  const check = (held: object, stored: ReadonlySet<string>, what: string, name: string, path: string) => {
    if (Object.hasOwn(held, name) || stored.has(name) || problems.length === PROBLEMS_MAX) return;
    problems.push({ path, message: `${what} "${name}" does not exist` });
  };
  for (const [name, table] of Object.entries(site.codeTables)) {
    const seen = new Map<string, number>();
    for (const [i, entry] of table.entries.entries()) {
      const first = seen.get(entry.code);
      if (first === undefined) seen.set(entry.code, i);
      else if (problems.length < PROBLEMS_MAX) {
        const path = `codeTables.${name}.entries[${i}].code`;
        problems.push({ path, message: `"${entry.code}" stands already in entries[${first}]` });
      }
    }
  }
  checkJmsDestinations(site, known, check, (path, message) => {
    if (problems.length < PROBLEMS_MAX) problems.push({ path, message });
  });
  for (const [name, source] of Object.entries(site.sources)) {
    check(site.connections, known.connections, 'connection', source.connection, `sources.${name}.connection`);
    for (const [i, code] of source.interfaces.entries()) {
      check(site.interfaces, known.interfaces, 'interface', code, `sources.${name}.interfaces[${i}]`);
    }
  }
  for (const [code, document] of Object.entries(site.interfaces)) {
    for (const [i, rule] of document.enrich.entries()) {
      const path = `interfaces.${code}.enrich[${i}].codeTable`;
      check(site.codeTables, known.codeTables, 'code table', rule.codeTable, path);
    }
    for (const [i, rule] of document.route.entries()) {
      if (rule.to === undefined) continue;
      check(site.destinations, known.destinations, 'destination', rule.to, `interfaces.${code}.route[${i}].to`);
    }
  }
  return problems;
}

/** A JMS destination delivers over a connection to a broker, also where only one of the two stands in this document. */
function checkJmsDestinations(
  site: SiteDocument,
  known: KnownNames,
  check: (held: object, stored: ReadonlySet<string>, what: string, name: string, path: string) => void,
  problem: (path: string, message: string) => void,
): void {
  for (const [name, document] of Object.entries(site.destinations)) {
    if (document.kind !== 'JMS') continue;
    const { connection } = document;
    const path = `destinations.${name}.connection`;
    check(site.connections, known.connections, 'connection', connection, path);
    const held = site.connections[connection];
    const isListener =
      held === undefined
        ? known.connections.has(connection) && !known.brokers.has(connection)
        : held.kind !== 'CONNECT';
    if (isListener)
      problem(path, `connection "${connection}" leads to no broker: a JMS destination needs one of kind CONNECT`);
  }
  for (const [name, connection] of known.jmsDestinations) {
    if (Object.hasOwn(site.destinations, name) || site.connections[connection]?.kind !== 'LISTEN') continue;
    problem(`connections.${connection}.kind`, `destination "${name}" delivers over it and needs kind CONNECT`);
  }
}
