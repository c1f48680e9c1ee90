import type { MessagePayload } from '@inorder/db/console';
import { type FieldChange, fieldChanges } from './diff.ts';
import { type PayloadView, payloadView } from './view.ts';

/** Everything the payload panel shows at once. */
export interface PayloadBundle {
  readonly raw: PayloadView;
  /** null: the same bytes as raw, or not routed yet. */
  readonly processed: PayloadView | null;
  /** null where there is nothing to compare. */
  readonly changes: readonly FieldChange[] | null;
  readonly jmsMessageId: string | null;
  readonly properties: readonly { readonly name: string; readonly value: string; readonly masked: boolean }[];
}

/** Properties whose values the broker or the routing gives; any other may hold anything. */
const READABLE_PROPERTIES = /^(interface|JMSXGroupID|JMSXGroupSeq|JMSXDeliveryCount|JMSType)$/;

export function payloadBundle(payload: MessagePayload, revealed: boolean): PayloadBundle {
  const { format, raw, processed } = payload;
  return {
    raw: payloadView(format, raw, revealed),
    processed: processed === null ? null : payloadView(format, processed, revealed),
    changes: processed === null ? null : fieldChanges(format, raw, processed, revealed),
    jmsMessageId: payload.jmsMessageId,
    properties: Object.entries(payload.properties).map(([name, value]) => {
      const masked = !revealed && !READABLE_PROPERTIES.test(name);
      return { name, value: masked ? '' : String(value), masked };
    }),
  };
}
