/** What one synthetic order says, before it is written as HL7 v2 or FHIR. Every name is invented. */
import type { AnswerMark } from '../messages/order-reading.ts';
import type { CatalogueTest } from './catalogue.ts';
import type { Chance } from './chance.ts';

/** ORC-1: new order, change request, cancel request. */
export type OrderControl = 'NW' | 'XO' | 'CA';

export interface Patient {
  readonly id: string;
  readonly family: string;
  readonly given: string;
  /** YYYYMMDD. */
  readonly birthDate: string;
  readonly sex: 'F' | 'M';
}

/** What stays the same over NW, XO and CA of one order. */
export interface PlacedOrder {
  readonly placerNumber: string;
  readonly patient: Patient;
  /** A code of the catalogue, or one that the code table does not know. */
  readonly test: Pick<CatalogueTest, 'code' | 'name' | 'specimen'>;
  readonly orderer: { readonly id: string; readonly family: string; readonly given: string };
  readonly collectedAtMs: number;
}

export interface OrderContent {
  readonly interfaceCode: string;
  readonly controlId: string;
  readonly control: OrderControl;
  readonly urgent: boolean;
  readonly placed: PlacedOrder;
  readonly mark: AnswerMark | undefined;
  readonly atMs: number;
}

const FAMILIES: readonly [string, ...string[]] = [
  'Testalder',
  'Probewood',
  'Samplesen',
  'Mockridge',
  'Fauxmont',
  'Dummerby',
  'Exampleton',
  'Fictio',
];
const GIVEN: readonly [string, ...string[]] = ['Ada', 'Bo', 'Cleo', 'Dara', 'Eli', 'Finn', 'Gus', 'Ina'];

export function inventPatient(chance: Chance): Patient {
  const year = 1930 + chance.below(90);
  const two = (n: number): string => String(n).padStart(2, '0');
  return {
    id: `P${String(chance.below(10_000_000)).padStart(7, '0')}`,
    family: chance.pick(FAMILIES),
    given: chance.pick(GIVEN),
    birthDate: `${year}${two(1 + chance.below(12))}${two(1 + chance.below(28))}`,
    sex: chance.happens(0.5) ? 'F' : 'M',
  };
}

export function inventOrderer(chance: Chance): PlacedOrder['orderer'] {
  return {
    id: `D${String(chance.below(1000)).padStart(4, '0')}`,
    family: chance.pick(FAMILIES),
    given: chance.pick(GIVEN),
  };
}
