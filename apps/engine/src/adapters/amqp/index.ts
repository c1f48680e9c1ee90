/** AMQP 1.0 both ways round. The only folder that knows rhea. */
export { JmsDestination } from './jms-destination.ts';
export { AmqpListener, type AmqpListenerOptions, type Resolution } from './listener.ts';
export type { RefusedMessage } from './options.ts';
export { AmqpReceiver } from './receiver.ts';
