import type { RouterOutputs } from '../../trpc/outputs.ts';

/** What the server lets somebody see of a message or of one answer to it: masked, unless it was revealed. */
export type Seen = RouterOutputs['messages']['payload'];
export type SeenBundle = Extract<Seen, { part: 'payload' }>['payload'];
/** One text of it, as parsed and as written. */
export type SeenView = SeenBundle['raw'];
