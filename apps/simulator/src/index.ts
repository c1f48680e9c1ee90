/** The simulated laboratory and the simulated upstream, for `up`, `lis`, tests, chaos and bench. */
export { Judge, type JudgeOptions, type JudgeReport, type Verdict } from './lis/judge.ts';
export { Ledger } from './lis/ledger.ts';
export { type LisHandle, type LisOptions, preciseNow, startLis } from './lis/lis.ts';
export { type FaultRule, faultRuleSchema, Switches } from './lis/switches.ts';
export { formatControlId, type OrderKey, parseControlId } from './messages/control-id.ts';
