/** Orders as HL7 v2 text: ORM^O01 2.3 and 2.5.1, OML^O21 2.5.1, OMG^O19 2.5.1 (HL7 v2.5.1 chapter 4). */
import { hl7Instant } from '../messages/hl7-instant.ts';
import { formatMark } from '../messages/order-reading.ts';
import type { OrderContent } from './order-content.ts';

export type Hl7Dialect = 'ORM-2.3' | 'ORM-2.5.1' | 'OML-2.5.1' | 'OMG-2.5.1';

const TYPES: Readonly<Record<Hl7Dialect, { readonly type: string; readonly version: string }>> = {
  'ORM-2.3': { type: 'ORM^O01', version: '2.3' },
  'ORM-2.5.1': { type: 'ORM^O01^ORM_O01', version: '2.5.1' },
  'OML-2.5.1': { type: 'OML^O21^OML_O21', version: '2.5.1' },
  'OMG-2.5.1': { type: 'OMG^O19^OMG_O19', version: '2.5.1' },
};
const APPLICATION = 'SIMORDERS';
const SPECIMEN_NAMES = { SER: 'Serum', PLAS: 'Plasma', BLD: 'Whole blood', UR: 'Urine' } as const;

/** Fields by their HL7 numbers; what is not named is empty. */
function segment(name: string, fields: Readonly<Record<number, string>>): string {
  const numbers = Object.keys(fields).map(Number);
  const last = Math.max(...numbers);
  const values = Array.from({ length: last }, (_, index) => fields[index + 1] ?? '');
  return [name, ...values].join('|');
}

/** Segments end with CR, the last one too. Plain ASCII. */
export function writeHl7Order(order: OrderContent, dialect: Hl7Dialect): string {
  const { type, version } = TYPES[dialect];
  const isOld = dialect === 'ORM-2.3';
  const { placed, atMs } = order;
  const at = isOld ? hl7Instant(atMs).slice(0, 14) : hl7Instant(atMs);
  const segments = [
    // MSH-1 is the separator itself, so MSH-n is written at n - 1.
    segment('MSH', {
      1: '^~\\&',
      2: APPLICATION,
      3: order.interfaceCode,
      4: 'LIS',
      5: 'LAB',
      6: at,
      8: type,
      9: order.controlId,
      10: 'P',
      11: version,
      ...(isOld ? {} : { 17: 'UNICODE UTF-8' }),
    }),
    segment('PID', {
      1: '1',
      3: isOld ? placed.patient.id : `${placed.patient.id}^^^${APPLICATION}^MR`,
      5: `${placed.patient.family}^${placed.patient.given}${isOld ? '' : '^^^^^L'}`,
      7: placed.patient.birthDate,
      8: placed.patient.sex,
    }),
    segment('PV1', { 1: '1', 2: 'O' }),
    commonOrder(order, dialect, at),
    ...(dialect === 'OML-2.5.1' || dialect === 'OMG-2.5.1'
      ? [segment('TQ1', { 1: '1', 7: hl7Instant(placed.collectedAtMs), 9: priority(order) })]
      : []),
    observationRequest(order, dialect),
    ...(order.mark === undefined ? [] : [segment('NTE', { 1: '1', 3: formatMark(order.mark) })]),
    ...(dialect === 'OML-2.5.1' || dialect === 'OMG-2.5.1'
      ? [
          segment('SPM', {
            1: '1',
            2: `S-${placed.placerNumber}`,
            4: `${placed.test.specimen}^${SPECIMEN_NAMES[placed.test.specimen]}^HL70487`,
            17: hl7Instant(placed.collectedAtMs),
          }),
        ]
      : []),
  ];
  return `${segments.join('\r')}\r`;
}

const priority = (order: OrderContent): string => (order.urgent ? 'S' : 'R');

function commonOrder(order: OrderContent, dialect: Hl7Dialect, at: string): string {
  const { placed } = order;
  return segment('ORC', {
    1: order.control,
    2: `${placed.placerNumber}^${APPLICATION}`,
    // Quantity and timing moved to TQ1 with version 2.5; ORM keeps them here.
    ...(dialect.startsWith('ORM') ? { 7: `1^^^^^${priority(order)}` } : {}),
    9: at,
    12: `${placed.orderer.id}^${placed.orderer.family}^${placed.orderer.given}`,
  });
}

function observationRequest(order: OrderContent, dialect: Hl7Dialect): string {
  const { placed } = order;
  const isOld = dialect === 'ORM-2.3';
  const collected = hl7Instant(placed.collectedAtMs);
  return segment('OBR', {
    1: '1',
    2: `${placed.placerNumber}^${APPLICATION}`,
    4: `${placed.test.code}^${placed.test.name}^L`,
    ...(isOld ? { 5: priority(order) } : {}),
    7: isOld ? collected.slice(0, 14) : collected,
    16: `${placed.orderer.id}^${placed.orderer.family}^${placed.orderer.given}`,
    ...(dialect.startsWith('ORM') ? { 27: `1^^^^^${priority(order)}` } : {}),
  });
}
