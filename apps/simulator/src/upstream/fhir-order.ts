/** Orders as a FHIR R4 ServiceRequest in JSON; XO is the same request with new content, CA has status `revoked`. */
import { CONTROL_ID_SYSTEM, formatMark } from '../messages/order-reading.ts';
import type { OrderContent } from './order-content.ts';

/** System of the local codes, as the enrichment finds them in `code.coding`. */
export const LOCAL_CODE_SYSTEM = 'urn:inorder:simulator:local-codes';
const PLACER_SYSTEM = 'urn:inorder:simulator:placer';

/**
 * The upstream's control id is both the resource's id and an identifier of its own system: a lab side that keeps either
 * can be judged. The placer number is the PLAC identifier, shared by NW, XO and CA.
 */
export function writeFhirOrder(order: OrderContent): string {
  const { placed } = order;
  const resource = {
    resourceType: 'ServiceRequest',
    id: order.controlId,
    identifier: [
      {
        type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'PLAC' }] },
        system: PLACER_SYSTEM,
        value: placed.placerNumber,
      },
      { system: CONTROL_ID_SYSTEM, value: order.controlId },
    ],
    status: order.control === 'CA' ? 'revoked' : 'active',
    intent: 'order',
    priority: order.urgent ? 'stat' : 'routine',
    category: [{ coding: [{ system: 'http://snomed.info/sct', code: '108252007', display: 'Laboratory procedure' }] }],
    code: { coding: [{ system: LOCAL_CODE_SYSTEM, code: placed.test.code, display: placed.test.name }] },
    subject: {
      type: 'Patient',
      identifier: { system: 'urn:inorder:simulator:patients', value: placed.patient.id },
      display: `${placed.patient.given} ${placed.patient.family}`,
    },
    authoredOn: new Date(order.atMs).toISOString(),
    requester: {
      type: 'Practitioner',
      identifier: { system: 'urn:inorder:simulator:orderers', value: placed.orderer.id },
      display: `${placed.orderer.given} ${placed.orderer.family}`,
    },
    ...(order.mark === undefined ? {} : { note: [{ text: formatMark(order.mark) }] }),
  };
  return JSON.stringify(resource);
}
