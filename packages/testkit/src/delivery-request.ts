/** Sends as a lane would ask for them, with synthetic orders. */
import { type DeliveryRequest, epoch, interfaceCode, interfaceId, messageId, sequenceNo } from '@inorder/core';

/** A signal that never aborts. */
export const NEVER: AbortSignal = new AbortController().signal;

/** A synthetic order with this control id. */
export function orderOf(controlId: string, over: Partial<DeliveryRequest> = {}): DeliveryRequest {
  return {
    interfaceId: interfaceId('01900000-0000-7000-8000-000000000001'),
    interfaceCode: interfaceCode('LAB-0001'),
    sequenceNo: sequenceNo(7),
    messageId: messageId('01900000-0000-7000-8000-000000000002'),
    epoch: epoch(3),
    attempt: 1,
    possibleDuplicate: false,
    replayId: null,
    controlId,
    format: 'HL7V2',
    payload: Buffer.from(`MSH|^~\\&|E|S|LIS|LAB|20260101||OML^O21|${controlId}|P|2.5.1\rPID|1\r`),
    ...over,
  };
}
