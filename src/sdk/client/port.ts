/**
 * Client over a MessagePort: `servePort` answers calls on one side with a real Client, `createPortClient` is the Client on the other.
 * It carries the calls of isolated modules out of their worker. Kinds cross as their names; the serving side knows the rest.
 */
import type { MessagePort } from 'node:worker_threads';
import { ApiError, type Status } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import type { Client, WatchEvent, WatchOptions } from '../client.ts';

/** What stands for a Kind on the wire. */
interface KindRef {
  kindRef: true;
  group: string;
  version: string;
  plural: string;
}

type Method = Exclude<keyof Client, 'watch'>;

type Message =
  | { type: 'call'; id: number; method: Method | 'watch'; args: unknown[] }
  | { type: 'abort'; id: number }
  | { type: 'answer'; id: number; value: unknown }
  | { type: 'failure'; id: number; status: Status }
  | { type: 'event'; id: number; event: WatchEvent };

type FindKind = (ref: { group: string; version: string; plural: string }) => Kind | undefined;

/** How many arguments each method has; the last one is its options. */
const ARGUMENTS: Readonly<Record<Method, number>> = {
  get: 3, list: 2, create: 3, createSubresource: 5, update: 3, patch: 4, apply: 3, delete: 3, deleteCollection: 2,
};

/** Answers calls from the port until it closes. `find` gives the Kind of a reference. */
export function servePort(port: MessagePort, client: Client, find: FindKind): void {
  const running = new Map<number, AbortController>();
  const serve = async ({ id, method, args }: Extract<Message, { type: 'call' }>): Promise<void> => {
    const abort = new AbortController();
    running.set(id, abort);
    try {
      const value = await answer(port, client, { id, method, args: withKinds(args, find, abort.signal) });
      port.postMessage({ type: 'answer', id, value } satisfies Message);
    } catch (error) {
      const status = (error instanceof ApiError ? error : new ApiError('InternalError', (error as Error).message)).toStatus();
      port.postMessage({ type: 'failure', id, status } satisfies Message);
    } finally {
      running.delete(id);
    }
  };
  port.on('message', (message: Message) => {
    if (message.type === 'call') void serve(message);
    else if (message.type === 'abort') running.get(message.id)?.abort();
  });
  port.on('close', () => {
    for (const abort of running.values()) abort.abort();
  });
}

async function answer(port: MessagePort, client: Client, { id, method, args }: { id: number; method: Method | 'watch'; args: unknown[] }): Promise<unknown> {
  if (method !== 'watch') return (client[method] as (...rest: unknown[]) => Promise<unknown>)(...args);
  for await (const event of client.watch(args[0] as Kind, args[1] as WatchOptions)) port.postMessage({ type: 'event', id, event } satisfies Message);
  return undefined;
}

/** References become Kinds again, and the options get a signal of this side. */
function withKinds(args: readonly unknown[], find: FindKind, signal: AbortSignal): unknown[] {
  const found = args.map((arg) => (isKindRef(arg) ? known(find(arg), arg) : arg));
  return [...found.slice(0, -1), { ...(found.at(-1) as object), signal }];
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
  event: ((event: WatchEvent) => void) | undefined;
}

/** The Client of the other side of the port. */
export function createPortClient(port: MessagePort): Client {
  const pending = new Map<number, Pending>();
  let lastId = 0;
  port.on('message', (message: Exclude<Message, { type: 'call' | 'abort' }>) => settle(pending, message));
  const call = (method: Method | 'watch', given: unknown[], event?: (event: WatchEvent) => void): Promise<unknown> => {
    const id = (lastId += 1);
    const { signal, ...options } = (given.at(-1) ?? {}) as { signal?: AbortSignal };
    if (signal?.aborted === true) return Promise.reject(new ApiError('Timeout', 'the call was aborted'));
    signal?.addEventListener('abort', () => port.postMessage({ type: 'abort', id } satisfies Message), { once: true });
    return new Promise((resolve, reject) => {
      pending.set(id, { resolve, reject, event });
      port.postMessage({ type: 'call', id, method, args: [...given.slice(0, -1).map(refOf), options] } satisfies Message);
    });
  };
  const methods = Object.entries(ARGUMENTS).map(([name, count]) => [
    name,
    (...args: unknown[]) => call(name as Method, [...args, ...new Array<undefined>(Math.max(0, count - args.length))]),
  ]);
  return {
    ...Object.fromEntries(methods),
    watch: (kind: Kind, options: WatchOptions = {}) => streamed((onEvent) => call('watch', [kind, options], onEvent)),
  } as Client;
}

function settle(pending: Map<number, Pending>, message: Exclude<Message, { type: 'call' | 'abort' }>): void {
  const waiting = pending.get(message.id);
  if (message.type === 'event') return waiting?.event?.(freeze(message.event));
  pending.delete(message.id);
  if (message.type === 'answer') waiting?.resolve(freeze(message.value));
  else waiting?.reject(ApiError.fromStatus(message.status));
}

/** Events as they come, until the call ends; then what is left, then its failure if it had one. */
async function* streamed(begin: (onEvent: (event: WatchEvent) => void) => Promise<unknown>): AsyncGenerator<WatchEvent> {
  const events: WatchEvent[] = [];
  let wake = (): void => {};
  let over: { failure?: Error } | undefined;
  const end = (failure?: Error): void => {
    over = { failure };
    wake();
  };
  void begin((event) => {
    events.push(event);
    wake();
  }).then(() => end(), (error: Error) => end(error));
  while (over === undefined || events.length > 0) {
    const event = events.shift();
    if (event !== undefined) yield event;
    else await new Promise<void>((resolve) => (wake = resolve));
  }
  if (over.failure !== undefined) throw over.failure;
}

function refOf(arg: unknown): unknown {
  if (typeof (arg as Kind | undefined)?.schema !== 'function') return arg;
  const { group, version, plural } = arg as Kind;
  return { kindRef: true, group, version, plural } satisfies KindRef;
}

function isKindRef(value: unknown): value is KindRef {
  return (value as KindRef | undefined)?.kindRef === true;
}

function known(kind: Kind | undefined, ref: KindRef): Kind {
  if (kind === undefined) throw new ApiError('NotFound', `the cluster does not serve ${ref.plural} of ${ref.group || 'the core group'}/${ref.version}`);
  return kind;
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) freeze(part);
  }
  return value;
}
