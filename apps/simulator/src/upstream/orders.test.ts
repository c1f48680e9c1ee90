import { codeTableDocumentSchema } from '@inorder/shared';
import { expect, test } from 'vitest';
import { parseControlId } from '../messages/control-id.ts';
import { readOrder } from '../messages/order-reading.ts';
import { CATALOGUE, catalogueTable, UNKNOWN_CODES } from './catalogue.ts';
import { type Dialect, generateOrders, OrderGenerator, type OrderOptions } from './orders.ts';

const AT = Date.UTC(2026, 0, 1, 12);
const at = (n: number) => AT + n * 1000;
const options: OrderOptions = { seed: 7, interfaces: [{ code: 'LAB-0001' }, { code: 'LAB-0002', dialect: 'FHIR' }] };
const made = (more: Partial<OrderOptions> = {}, count = 400) => [...generateOrders({ ...options, ...more }, count, at)];

test('the same seed gives the same orders, another seed others', () => {
  expect(made()).toEqual(made());
  expect(made({ seed: 8 })).not.toEqual(made());
});

test('each interface counts for itself, gapless from 1 or from where it was told', () => {
  const orders = made({ startCounters: { 'LAB-0001': 50 }, run: 'r7' });
  for (const [code, first] of [
    ['LAB-0001', 50],
    ['LAB-0002', 1],
  ] as const) {
    const counters = orders.filter((o) => o.interfaceCode === code).map((o) => parseControlId(o.controlId)?.counter);
    expect(counters.length).toBeGreaterThan(100);
    expect(counters).toEqual(counters.map((_, index) => first + index));
  }
  expect(parseControlId(orders[0]?.controlId ?? '')?.run).toBe('r7');
});

test('changes and cancels name an order placed before, and a cancelled one does not come back', () => {
  const placed = new Set<string>();
  const seen = new Set<string>();
  for (const order of made()) {
    seen.add(order.control);
    if (order.control === 'NW') {
      expect(placed.has(order.placerNumber)).toBe(false);
      placed.add(order.placerNumber);
    } else {
      expect(placed.has(order.placerNumber)).toBe(true);
    }
    if (order.control === 'CA') placed.delete(order.placerNumber);
  }
  expect([...seen].sort()).toEqual(['CA', 'NW', 'XO']);
});

test('poison comes in about its share, and the laboratory can read the mark', () => {
  const orders = made({ poison: { unknownCode: 0.1, nackCode: 0.1, mark: { code: 'AR', errorCode: '103' } } }, 2000);
  const unknown = orders.filter((order) => order.poison === 'unknownCode');
  const refused = orders.filter((order) => order.poison === 'nackCode');
  for (const share of [unknown, refused]) expect(share.length / orders.length).toBeCloseTo(0.1, 1);
  for (const order of unknown) expect(UNKNOWN_CODES.some((code) => order.body.includes(code))).toBe(true);
  for (const order of orders) {
    const mark = order.poison === 'nackCode' ? { code: 'AR', errorCode: '103' } : undefined;
    expect(readOrder(Buffer.from(order.body))).toMatchObject({ controlId: order.controlId, mark });
  }
});

test('each dialect carries header, order and test where its version has them', () => {
  const write = (dialect: Dialect) =>
    new OrderGenerator({ seed: 1, interfaces: [{ code: 'LAB-0001', dialect }] }).next(AT).body.split('\r');
  const names = (dialect: Dialect) => write(dialect).map((line) => line.slice(0, 3));
  expect(names('ORM-2.3')).toEqual(['MSH', 'PID', 'PV1', 'ORC', 'OBR', '']);
  expect(names('ORM-2.5.1')).toEqual(['MSH', 'PID', 'PV1', 'ORC', 'OBR', '']);
  expect(names('OML-2.5.1')).toEqual(['MSH', 'PID', 'PV1', 'ORC', 'TQ1', 'OBR', 'SPM', '']);
  expect(names('OMG-2.5.1')).toEqual(['MSH', 'PID', 'PV1', 'ORC', 'TQ1', 'OBR', 'SPM', '']);
  const msh = (write('OML-2.5.1')[0] ?? '').split('|');
  expect(msh.slice(6, 12)).toEqual(['20260101120000+0000', '', 'OML^O21^OML_O21', 'LAB-0001.000001', 'P', '2.5.1']);
  expect(msh[17]).toBe('UNICODE UTF-8');
  expect(JSON.parse(write('FHIR')[0] ?? '')).toMatchObject({
    resourceType: 'ServiceRequest',
    id: 'LAB-0001.000001',
    status: 'active',
    intent: 'order',
  });
});

test('the catalogue is a code table with some forty codes, none of them unknown', () => {
  const table = codeTableDocumentSchema.parse(catalogueTable());
  expect(new Set(table.entries.map((entry) => entry.code)).size).toBe(CATALOGUE.length);
  expect(new Set(table.entries.map((entry) => entry.target)).size).toBe(CATALOGUE.length);
  expect(CATALOGUE.length).toBeGreaterThanOrEqual(40);
  expect(table.entries.some((entry) => UNKNOWN_CODES.includes(entry.code))).toBe(false);
});
