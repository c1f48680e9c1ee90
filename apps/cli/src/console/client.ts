/** The console's procedures, as the other commands call them: with this machine's token, every answer checked. */
import { createTRPCUntypedClient, httpLink, TRPCClientError } from '@trpc/client';
import superjson from 'superjson';
import { z } from 'zod';
import { stateFolder } from '../checkout.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { readRunFile } from '../up/run-file.ts';
import { readToken } from '../up/users.ts';

const ANSWER_TIMEOUT_MS = 60_000;

export interface ConsoleClient {
  readonly address: string;
  query<S extends z.ZodType>(path: string, input: unknown, answer: S): Promise<z.output<S>>;
  mutation<S extends z.ZodType>(path: string, input: unknown, answer: S): Promise<z.output<S>>;
  /** A plain GET that answers JSON. */
  get<S extends z.ZodType>(path: string, answer: S): Promise<z.output<S>>;
}

/**
 * INORDER_CONSOLE_URL and INORDER_TOKEN name a console elsewhere; else it is the one `inorder up` runs here.
 * @throws CommandFailure when none is known.
 */
export function openConsole(): ConsoleClient {
  const state = stateFolder();
  const address = process.env['INORDER_CONSOLE_URL'] || readRunFile(state.runFile)?.endpoints.console;
  if (!address)
    throw new CommandFailure(
      EXIT.notReachable,
      'no console runs here; inorder up starts it (or set INORDER_CONSOLE_URL)',
    );
  const token = process.env['INORDER_TOKEN'] || readToken(state);
  if (!token)
    throw new CommandFailure(EXIT.refused, `there is no token in ${state.cliToken}; set INORDER_TOKEN to one of yours`);
  return consoleClient(address, token);
}

export function consoleClient(address: string, token: string): ConsoleClient {
  const headers = { authorization: `Bearer ${token}` };
  const client = createTRPCUntypedClient({
    links: [httpLink({ url: new URL('/api/trpc', address).href, transformer: superjson, headers })],
  });
  const call = async <S extends z.ZodType>(how: 'query' | 'mutation', path: string, input: unknown, answer: S) => {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    try {
      return checked(path, answer, await client[how](path, input, { signal }));
    } catch (error) {
      throw explained(error, address);
    }
  };
  return {
    address,
    query: (path, input, answer) => call('query', path, input, answer),
    mutation: (path, input, answer) => call('mutation', path, input, answer),
    async get(path, answer) {
      let response: Response;
      try {
        response = await fetch(new URL(path, address), { headers, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
      } catch (error) {
        throw explained(error, address);
      }
      if (!response.ok) throw refusal(response.status, await errorOf(response));
      return checked(path, answer, await response.json());
    },
  };
}

function checked<S extends z.ZodType>(path: string, schema: S, answer: unknown): z.output<S> {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new CommandFailure(
    EXIT.failed,
    `the console answers ${path} in another form than this program knows (are both of one version?):\n${z.prettifyError(parsed.error)}`,
  );
}

const errorDataSchema = z.object({ httpStatus: z.int() });

function explained(error: unknown, address: string): unknown {
  if (error instanceof CommandFailure) return error;
  const data = error instanceof TRPCClientError ? errorDataSchema.safeParse(error.data) : undefined;
  if (data?.success) return refusal(data.data.httpStatus, error instanceof Error ? error.message : '');
  return new CommandFailure(EXIT.notReachable, `the console does not answer at ${address}`, { cause: error });
}

function refusal(status: number, message: string): CommandFailure {
  if (status === 401)
    return new CommandFailure(EXIT.refused, 'the console does not know this token, or its user is banned');
  if (status === 403 || status === 409) return new CommandFailure(EXIT.refused, message);
  if (status === 400) return new CommandFailure(EXIT.wrongUse, issuesOf(message));
  return new CommandFailure(EXIT.failed, message);
}

const issuesSchema = z.array(z.object({ message: z.string(), path: z.array(z.union([z.string(), z.number()])) }));

/** tRPC sends what zod found as JSON text. */
function issuesOf(message: string): string {
  try {
    return issuesSchema
      .parse(JSON.parse(message))
      .map((issue) => `${issue.path.join('.')}: ${issue.message}`)
      .join('\n');
  } catch {
    return message;
  }
}

async function errorOf(response: Response): Promise<string> {
  const body = z.object({ error: z.string() }).safeParse(await response.json().catch(() => undefined));
  return body.success ? body.data.error : `HTTP ${response.status}`;
}
