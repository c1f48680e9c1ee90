/** Tunables of delivery, with the defaults of docs/operations/settings.md. Milliseconds unless named otherwise. */
export interface DeliverySettings {
  readonly leaseMs: number;
  readonly leaseRenewMs: number;
  readonly leaseSendMarginMs: number;
  readonly leaseCloseMarginMs: number;
  readonly instanceHeartbeatMs: number;
  readonly gapGraceMs: number;
  readonly reconcileIntervalMs: number;
  readonly breakerProbeMs: number;
  readonly breakerProbeMsMax: number;
  readonly windowEntriesMax: number;
  readonly settleBatchMax: number;
  readonly commandExpiryMs: number;
  readonly outboundCacheBytesMax: number;
  readonly stageStuckMs: number;
}

export const DELIVERY_DEFAULTS: DeliverySettings = {
  leaseMs: 10_000,
  leaseRenewMs: 3000,
  leaseSendMarginMs: 2000,
  leaseCloseMarginMs: 1000,
  instanceHeartbeatMs: 2000,
  gapGraceMs: 500,
  reconcileIntervalMs: 1000,
  breakerProbeMs: 500,
  breakerProbeMsMax: 15_000,
  windowEntriesMax: 10_000,
  settleBatchMax: 500,
  commandExpiryMs: 60_000,
  outboundCacheBytesMax: 128 * 1024 * 1024,
  stageStuckMs: 30_000,
};
