/** The simulated laboratory and the simulated upstream, for `up`, `lis`, tests, chaos and bench. */
export { type ControlHandle, type ControlOptions, startControl } from './control.ts';
export { type InterfaceReport, Judge, type JudgeOptions, type JudgeReport, type Verdict } from './lis/judge.ts';
export { Ledger } from './lis/ledger.ts';
export { type EndpointStatus, type LisHandle, type LisOptions, preciseNow, startLis } from './lis/lis.ts';
export type { OutagePlan } from './lis/outage.ts';
export type { AnsweredEvent, ReceivedEvent } from './lis/reception.ts';
export { type Fault, type FaultRule, faultRuleSchema, Switches } from './lis/switches.ts';
export { formatControlId, type OrderKey, parseControlId } from './messages/control-id.ts';
export {
  demonstrationInterfaces,
  type SimulatorConfig,
  type SimulatorHandle,
  type SimulatorHooks,
  simulatorConfigSchema,
  startSimulator,
} from './simulator.ts';
export { CATALOGUE, type CatalogueTest, catalogueTable, UNKNOWN_CODES } from './upstream/catalogue.ts';
export { LOCAL_CODE_SYSTEM } from './upstream/fhir-order.ts';
export {
  type Dialect,
  type GeneratedOrder,
  generateOrders,
  OrderGenerator,
  type OrderInterface,
  type OrderOptions,
  type PoisonShare,
} from './upstream/orders.ts';
export {
  type SenderCounts,
  type SenderOptions,
  type SentEvent,
  type SettledEvent,
  UpstreamSender,
} from './upstream/sender.ts';
export { startUpstream, type UpstreamHandle, type UpstreamOptions, type UpstreamStatus } from './upstream/upstream.ts';
