/** AMQP 1.0 both ways round. The only folder that knows rhea. */
export { JmsDestination } from './jms-destination.ts';
export { AmqpListener, type AmqpListenerOptions } from './listener.ts';
export type { RefusedMessage, Resolution } from './options.ts';
export { AmqpReceiver } from './receiver.ts';
export type { ReceiverSource } from './receiver-queue.ts';
