/** AMQP 1.0 both ways round. The only folder that knows rhea. */
export { AmqpListener, type AmqpListenerOptions, type Resolution } from './listener.ts';
export {
  AMQP_DEFAULTS,
  type AmqpCounters,
  type AmqpLog,
  CREDIT_MAX,
  type InboundOptions,
  type RefusedMessage,
} from './options.ts';
export { AmqpReceiver, type AmqpReceiverOptions } from './receiver.ts';
export type { ReceiverSource } from './receiver-queue.ts';
