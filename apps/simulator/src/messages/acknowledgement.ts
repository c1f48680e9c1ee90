/** Acknowledgements as the simulated laboratory writes them (HL7 v2.5.1 chapter 2.9). */
import { hl7Instant } from './hl7-instant.ts';
import type { AckCode, Header } from './order-reading.ts';

export interface Acknowledgement {
  readonly code: AckCode;
  /** MSA-2: the control id it answers. */
  readonly controlId: string;
  /** MSH-10 of the acknowledgement itself. */
  readonly ownControlId: string;
  /** ERR-3 (table 0357); absent: no ERR. */
  readonly errorCode?: string;
  readonly atMs: number;
}

const FALLBACK: Header = {
  fieldSeparator: '|',
  encodingCharacters: '^~\\&',
  sendingApplication: '',
  sendingFacility: '',
  receivingApplication: 'SIMLIS',
  receivingFacility: '',
  triggerEvent: 'O01',
  processingId: 'P',
  version: '2.5.1',
};

/** The text of an ACK to a message with this header; sender and receiver change places. */
export function acknowledgement(to: Header | undefined, ack: Acknowledgement): string {
  const header = to ?? FALLBACK;
  const separator = header.fieldSeparator;
  const component = header.encodingCharacters.charAt(0);
  const type = header.version.startsWith('2.3') ? 'ACK' : ['ACK', header.triggerEvent, 'ACK'].join(component);
  const segments = [
    [
      'MSH',
      header.encodingCharacters,
      header.receivingApplication,
      header.receivingFacility,
      header.sendingApplication,
      header.sendingFacility,
      hl7Instant(ack.atMs),
      '',
      type,
      ack.ownControlId,
      header.processingId,
      header.version,
    ],
    ['MSA', ack.code, ack.controlId],
  ];
  if (ack.errorCode !== undefined) {
    segments.push(['ERR', '', '', [ack.errorCode, '', 'HL70357'].join(component), 'E']);
  }
  return `${segments.map((fields) => fields.join(separator)).join('\r')}\r`;
}
