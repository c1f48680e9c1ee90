import { router } from '../../trpc.ts';
import { getMessage } from './get-message.ts';
import { getPayload } from './get-payload.ts';
import { revealPayload } from './reveal-payload.ts';
import { searchMessages } from './search-messages.ts';

export const messagesRouter = router({
  get: getMessage,
  payload: getPayload,
  reveal: revealPayload,
  search: searchMessages,
});
