/**
 * What of a message is shown without a right to see patient data. Default deny: a segment or resource that is not
 * listed here is masked whole; of a listed one, what is named stays readable or is hidden as said.
 */

/** Readable segments, and their fields that are hidden all the same: people, telephones, addresses, free text. */
const READABLE_SEGMENTS: Readonly<Record<string, readonly number[]>> = {
  MSH: [8],
  MSA: [3],
  ERR: [1, 7, 8],
  SFT: [],
  // Attending, referring, consulting, admitting doctor; preadmit, visit and alternate visit number; other provider.
  PV1: [5, 7, 8, 9, 17, 19, 50, 52],
  ORC: [3, 10, 11, 12, 14, 19, 22, 23, 24],
  OBR: [3, 10, 13, 16, 17, 18, 19, 20, 21, 28, 32, 33, 34, 35, 39, 43],
  OBX: [5, 16],
  SPM: [2, 3, 14],
  NTE: [3, 5],
  DG1: [4, 16],
  AL1: [5],
  TQ1: [10, 11],
};

/** Set id and similar: shown even of hidden segments, where it is only digits. */
const SET_ID_SEGMENTS = ['PID', 'NK1', 'GT1', 'IN1', 'IN2', 'PRT'];

/** Value types of OBX-2 whose OBX-5 is a number or a code, not words someone wrote. */
const CODED_VALUE_TYPES = ['NM', 'SN', 'CE', 'CWE', 'CNE', 'CF', 'IS', 'ID'];

/** `valueType` is OBX-2 of the same segment. */
export function hidesField(segment: string, field: number, valueType: string, value: string): boolean {
  if (SET_ID_SEGMENTS.includes(segment) && field === 1) return !/^\d{0,4}$/.test(value);
  const hidden = Object.hasOwn(READABLE_SEGMENTS, segment) ? READABLE_SEGMENTS[segment] : undefined;
  if (hidden === undefined) return true;
  if (segment === 'OBX' && field === 5) return !CODED_VALUE_TYPES.includes(valueType);
  return hidden.includes(field);
}

/** Resources whose content is the order's, not a person's. */
const READABLE_RESOURCES = ['ServiceRequest', 'Bundle', 'MessageHeader', 'Specimen', 'Observation'];

/** Elements hidden with all that is below them, in any resource. */
const HIDDEN_ELEMENTS = new Set(
  (
    'name birthDate telecom address text note subject patient requester performer encounter insurance collector ' +
    'valueString valueDateTime patientInstruction contact photo div data author responsible enterer sender receiver ' +
    'contained extension reference fullUrl description comment title accessionIdentifier'
  ).split(' '),
);

export function hidesElement(name: string): boolean {
  return HIDDEN_ELEMENTS.has(name);
}

export function hidesResource(resourceType: string): boolean {
  return !READABLE_RESOURCES.includes(resourceType);
}

/** No more of a value's length is told than this. */
const MASK_LENGTH_MAX = 8;

/**
 * Keeps what kind of character stood where (`Xxxx9`), of the first 8 only, so that an analyst sees an empty, a short
 * and a wrongly typed value apart, and nothing else.
 */
export function maskText(value: string): string {
  return [...value.slice(0, MASK_LENGTH_MAX)]
    .map((char) => {
      if (/\p{Nd}/u.test(char)) return '9';
      if (/\p{Lu}/u.test(char)) return 'X';
      if (/\p{L}/u.test(char)) return 'x';
      return /[\s.,:;/+-]/.test(char) ? char : '*';
    })
    .join('');
}
