/** The garbage collector at work: follows every kind that is served, now and later, and works the graph's agenda off. */
import { resourceKey, type Kind } from '../../api/kind.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { isApiError } from '../../api/errors.ts';
import { createWorkQueue, type WorkQueue } from '../../sdk/work-queue.ts';
import { examine, orphan, type Collector } from './collect.ts';
import { follow } from './follow.ts';
import { Graph, type Agenda } from './graph.ts';

const EXAMINE = 'examine:';
const ORPHAN = 'orphan:';

export async function runGarbageCollector(context: ModuleContext): Promise<void> {
  const { signal, kinds } = context;
  const queue = createWorkQueue();
  const collector: Collector = { client: context.client, kinds, events: context.events, graph: new Graph(), undecided: new Set() };
  const followed = new Followed(context, collector.graph, queue);
  const stop = kinds.subscribe(() => {
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
  readonly #graph: Graph;
  readonly #queue: WorkQueue;
  readonly #followers = new Map<string, { abort: AbortController; listed: Promise<void>; ended: Promise<void> }>();
  readonly #ending = new Set<Promise<void>>();

  constructor(context: ModuleContext, graph: Graph, queue: WorkQueue) {
    this.#context = context;
    this.#graph = graph;
    this.#queue = queue;
  }

  sync(): void {
    const wanted = followable(this.#context.kinds.list());
    for (const [key, { abort, ended }] of this.#followers) {
      if (wanted.has(key)) continue;
      abort.abort();
      this.#followers.delete(key);
      this.#keep(ended);
    }
    for (const [key, kind] of wanted) if (!this.#followers.has(key)) this.#start(key, kind);
  }

  async firstLists(): Promise<void> {
    const aborted = new Promise<void>((resolve) => this.#context.signal.addEventListener('abort', () => resolve(), { once: true }));
    await Promise.race([Promise.all([...this.#followers.values()].map((each) => each.listed)), aborted]);
  }

  async settled(): Promise<void> {
    for (const { ended } of this.#followers.values()) this.#keep(ended);
    await Promise.all(this.#ending);
  }

  #keep(ended: Promise<void>): void {
    this.#ending.add(ended);
    void ended.finally(() => this.#ending.delete(ended));
  }

  #start(key: string, kind: Kind): void {
    const abort = new AbortController();
    const listed = Promise.withResolvers<void>();
    const agendaOf = (change: (agenda: Agenda) => void): void => {
      const agenda: Agenda = { examine: new Set(), orphan: new Set() };
      change(agenda);
      enqueue(this.#queue, agenda);
    };
    const ended = follow(this.#context, kind, {
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
    this.#followers.set(key, { abort, listed: listed.promise, ended });
  }
}

/** One version a resource; events own nothing and are owned by nothing. */
function followable(kinds: readonly Kind[]): Map<string, Kind> {
  const found = new Map<string, Kind>();
  for (const kind of kinds) {
    if (kind.kind === 'Event' && (kind.group === '' || kind.group === 'events.k8s.io')) continue;
    if (kind.storageGroup !== undefined || !['list', 'watch', 'get', 'delete', 'patch'].every((verb) => (kind.verbs as readonly string[]).includes(verb))) continue;
    if (!found.has(resourceKey(kind))) found.set(resourceKey(kind), kind);
  }
  return found;
}
