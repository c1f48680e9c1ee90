import { expect, test } from 'vitest';
import { engineInstances, LAYOUTS, layoutOf, rolesOf } from './layout.ts';

test('split: each role has processes of its own, the watchdog sits with the lanes, one process listens', () => {
  const instances = engineInstances('split', 2);
  expect(instances.map(({ name, roles }) => `${name}: ${roles.join(' ')}`)).toEqual([
    'ingest-1: ingest',
    'ingest-2: ingest',
    'validate-1: validate',
    'validate-2: validate',
    'enrich-1: enrich',
    'enrich-2: enrich',
    'route-1: route',
    'route-2: route',
    'deliver-1: deliver watchdog',
    'deliver-2: deliver watchdog',
  ]);
  expect(instances.filter(({ listens }) => listens).map(({ name }) => name)).toEqual(['ingest-1']);
});

test('together: every process has every role', () => {
  const instances = engineInstances('together', 3);
  expect(instances.map(({ name }) => name)).toEqual(['engine-1', 'engine-2', 'engine-3']);
  expect(new Set(instances.map(({ roles }) => roles.join(' ')))).toEqual(
    new Set(['ingest validate enrich route deliver watchdog']),
  );
  expect(instances.filter(({ listens }) => listens).map(({ name }) => name)).toEqual(['engine-1']);
});

test('the names of a run tell its layout and what each process does', () => {
  for (const layout of LAYOUTS) {
    const instances = engineInstances(layout, 12);
    expect(layoutOf(instances.map(({ name }) => name))).toBe(layout);
    for (const { name, roles } of instances) expect(rolesOf(name), name).toEqual(roles);
  }
});
