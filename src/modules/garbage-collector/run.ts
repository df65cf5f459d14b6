/** The garbage collector at work: follows every kind that is served, now and later, and works the graph's agenda off. */
import { untilAborted } from '../../base/aborted.ts';
import type { Client, ModuleContext } from '../../sdk/index.ts';
import { isApiError } from '../../api/errors.ts';
import { createWorkQueue, type WorkQueue } from '../../sdk/work-queue.ts';
import { examine, orphan, type Collector } from './collect.ts';
import { everywhere, type Everywhere, type Followable } from './everywhere.ts';
import { follow } from './follow.ts';
import { Graph, type Agenda } from './graph.ts';

const EXAMINE = 'examine:';
const ORPHAN = 'orphan:';

export async function runGarbageCollector(context: ModuleContext): Promise<void> {
  const { signal } = context;
  const kinds = everywhere(context.kinds, context.client);
  const queue = createWorkQueue('garbage-collector');
  const collector: Collector = { kinds, events: context.events, graph: new Graph(), undecided: new Set() };
  const followed = new Followed(context, kinds, collector.graph, queue);
  const stop = context.kinds.subscribe(() => {
    followed.sync();
    for (const uid of collector.undecided) queue.add(EXAMINE + uid);
  });
  followed.sync();
  await followed.firstLists(); // until all is known, an owner may only look absent
  await queue.drain({ concurrency: 8, signal }, (key) => work(collector, queue, key, context));
  stop();
  await followed.settled();
}

async function work(collector: Collector, queue: WorkQueue, key: string, { log, signal }: ModuleContext): Promise<void> {
  const agenda: Agenda = { examine: new Set(), orphan: new Set() };
  try {
    if (key.startsWith(ORPHAN)) await orphan(collector, key.slice(ORPHAN.length));
    else await examine(collector, key.slice(EXAMINE.length), agenda);
    queue.forget(key);
  } catch (error) {
    if (signal.aborted) return;
    if (!isApiError(error, 'Conflict')) log.warn('an object could not be looked at, trying again', { error });
    queue.addRateLimited(key);
  }
  enqueue(queue, agenda);
}

function enqueue(queue: WorkQueue, agenda: Agenda): void {
  for (const uid of agenda.examine) queue.add(EXAMINE + uid);
  for (const uid of agenda.orphan) queue.add(ORPHAN + uid);
}

/** One follower a kind, started and stopped as kinds come and go. */
class Followed {
  readonly #context: ModuleContext;
  readonly #kinds: Everywhere;
  readonly #graph: Graph;
  readonly #queue: WorkQueue;
  readonly #followers = new Map<string, { abort: AbortController; listed: Promise<void>; ended: Promise<void>; client: Client; elsewhere: boolean }>();
  readonly #ending = new Set<Promise<void>>();

  constructor(context: ModuleContext, kinds: Everywhere, graph: Graph, queue: WorkQueue) {
    this.#context = context;
    this.#kinds = kinds;
    this.#graph = graph;
    this.#queue = queue;
  }

  sync(): void {
    const wanted = this.#kinds.followable();
    for (const [key, { abort, ended, client }] of this.#followers) {
      if (wanted.get(key)?.client === client) continue;
      abort.abort();
      this.#followers.delete(key);
      this.#keep(ended);
    }
    for (const [key, each] of wanted) if (!this.#followers.has(key)) this.#start(key, each);
  }

  async firstLists(): Promise<void> {
    // Other servers may take their time: whose owners are there is asked of them when it matters.
    await untilAborted(Promise.all([...this.#followers.values()].filter(({ elsewhere }) => !elsewhere).map((each) => each.listed)), this.#context.signal);
  }

  async settled(): Promise<void> {
    for (const { ended } of this.#followers.values()) this.#keep(ended);
    await Promise.all(this.#ending);
  }

  #keep(ended: Promise<void>): void {
    this.#ending.add(ended);
    void ended.finally(() => this.#ending.delete(ended));
  }

  #start(key: string, { kind, client, elsewhere }: Followable): void {
    const abort = new AbortController();
    const listed = Promise.withResolvers<void>();
    const agendaOf = (change: (agenda: Agenda) => void): void => {
      const agenda: Agenda = { examine: new Set(), orphan: new Set() };
      change(agenda);
      enqueue(this.#queue, agenda);
    };
    const { clock, log } = this.#context;
    const ended = follow({ client, clock, log }, kind, {
      listed: (objects) => {
        const present = new Set(objects.map((each) => each.metadata.uid));
        agendaOf((agenda) => {
          for (const node of this.#graph.ofKind(kind)) if (!present.has(node.uid)) this.#graph.remove(node.uid, agenda);
          for (const each of objects) this.#graph.set(kind, each, agenda);
        });
        listed.resolve();
      },
      changed: (object) => agendaOf((agenda) => this.#graph.set(kind, object, agenda)),
      deleted: (object) => agendaOf((agenda) => this.#graph.remove(object.metadata.uid ?? '', agenda)),
    }, AbortSignal.any([abort.signal, this.#context.signal]));
    this.#followers.set(key, { abort, listed: listed.promise, ended, client, elsewhere });
  }
}
