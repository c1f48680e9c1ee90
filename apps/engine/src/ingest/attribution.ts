/**
 * Which interfaces a message is for: all that its source feeds, or the one its property names (there is no default).
 * Pure, so that every refusal can be read here. An empty body is no refusal: where the interface is known it gets its
 * number and ends FAILED in the stages, where its lane and the dead letters show it.
 */
import type { ErrorCode, InboundMessage } from '@inorder/core';
import type { SiteCache, SiteInterface } from '../site/site-cache.ts';

export type Attribution =
  | { readonly kind: 'interfaces'; readonly interfaces: readonly SiteInterface[] }
  /** The source itself is not known here: it was removed, or this instance is behind. The peer gets the message back. */
  | { readonly kind: 'noSource' }
  | {
      readonly kind: 'refused';
      readonly code: ErrorCode;
      /** Without patient data: a property's value is named only if it has the form of an interface code. */
      readonly detail: string;
      /** A newer configuration may know better. */
      readonly mayBeStale: boolean;
    };

const CODE_FORM = /^[A-Z0-9][A-Z0-9-]{1,31}$/;

export function attribute(
  site: Pick<SiteCache, 'source' | 'interfaceByCode' | 'interfaceById'>,
  message: InboundMessage,
  payloadBytesMax: number,
): Attribution {
  const source = site.source(message.sourceId);
  if (source === undefined) return { kind: 'noSource' };
  if (message.body.byteLength > payloadBytesMax) {
    return refused(
      'INGEST_TOO_LARGE',
      `Source ${source.name}: ${message.body.byteLength} bytes, payloadBytesMax is ${payloadBytesMax}`,
      false,
    );
  }
  const property = source.document.interfaceProperty;
  if (property === undefined) {
    const interfaces = source.interfaceIds.flatMap((id) => site.interfaceById(id) ?? []);
    if (interfaces.length > 0) return { kind: 'interfaces', interfaces };
    return refused('INGEST_NO_INTERFACE', `Source ${source.name} feeds no interface and names no property`, true);
  }
  const value = message.properties[property];
  if (value === undefined || value === null || value === '') {
    return refused('INGEST_NO_INTERFACE', `Source ${source.name}: property ${property} is missing or empty`, false);
  }
  const code = String(value);
  if (!CODE_FORM.test(code)) {
    return refused(
      'INGEST_UNKNOWN_INTERFACE',
      `Source ${source.name}: the value of property ${property} does not have the form of an interface code`,
      false,
    );
  }
  const named = site.interfaceByCode(code);
  if (named === undefined) {
    return refused('INGEST_UNKNOWN_INTERFACE', `Source ${source.name}: there is no interface ${code}`, true);
  }
  if (!source.feeds(named.interfaceId)) {
    return refused(
      'INGEST_INTERFACE_NOT_ALLOWED',
      `Source ${source.name} does not list interface ${code} among those it may feed`,
      true,
    );
  }
  return { kind: 'interfaces', interfaces: [named] };
}

function refused(code: ErrorCode, detail: string, mayBeStale: boolean): Attribution {
  return { kind: 'refused', code, detail, mayBeStale };
}
