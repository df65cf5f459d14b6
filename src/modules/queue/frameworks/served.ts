/** Kinds of other operators wait in queues as long as the cluster serves them: definitions come and go, and where there are none nothing runs. */
import { JobSet } from '../../../api/jobset/job-set.ts';
import { resourceKey, type Kind } from '../../../api/kind.ts';
import type { ForeignObject } from '../../../api/kueue/frameworks.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { createCaches, type RunningCaches } from '../../../sdk/caches.ts';
import type { Cache, Caches, Controller, ModuleContext, ServedKinds } from '../../../sdk/index.ts';
import { runController } from '../../../sdk/run-controller.ts';
import { jobControllerOf } from '../framework.ts';
import { queueNameOf, type Order } from '../owner.ts';
import { isPartOfQueued, type ReadParent } from './ancestors.ts';
import type { Framework } from './framework.ts';
import { integrationOf } from './integration.ts';
import { FRAMEWORKS, FRAMEWORK_KINDS } from './table.ts';

export interface Frameworks {
  /** Those of the module, and those of the kinds that run now. */
  readonly caches: Caches;
  /** Whether it waits with a parent that is in a queue. */
  isPart(object: KubeObject): Promise<boolean | undefined>;
  /** Settles when the signal has aborted and all of them have ended. */
  run(): Promise<void>;
}

interface Running { readonly ending: AbortController; readonly caches: RunningCaches; readonly ended: Promise<void> }

export function isServed({ list }: Pick<ServedKinds, 'list'>, { group, version, plural }: Kind): boolean {
  return list().some((each) => each.group === group && each.version === version && each.plural === plural);
}

export function createFrameworks(context: ModuleContext, order: Order): Frameworks {
  const running = new Map<Framework, Running>();
  /** Of kinds that are served now, by which of them they are read. */
  const own = new Map<string, Running>();
  const caches: Caches = { of: <T extends KubeObject>(kind: Kind<T>): Cache<T> => (own.get(resourceKey(kind))?.caches ?? context.caches).of(kind) };

  const read: ReadParent = async (kind, namespace, name) => {
    const key = `${namespace}/${name}`;
    const foreign = own.get(resourceKey(kind));
    if (foreign !== undefined) {
      await Promise.race([foreign.caches.of(kind).ready(), foreign.ended]);
      return { object: foreign.caches.of(kind).get(key) };
    }
    // Its definition may be about to be read, as after a start.
    if (FRAMEWORK_KINDS.includes(kind) || (kind === (JobSet as Kind) && !isServed(context.kinds, kind))) return undefined;
    await context.caches.of(kind).ready();
    return { object: context.caches.of(kind).get(key) };
  };
  const isPart = (object: KubeObject): Promise<boolean | undefined> => isPartOfQueued(object, read);

  const works = new Set<Promise<void>>();

  const start = (framework: Framework): void => {
    const kinds = [framework.kind as Kind, ...(framework.reads ?? [])].map(resourceKey);
    const ending = new AbortController();
    const signal = AbortSignal.any([context.signal, ending.signal]);
    const { client, log, clock } = context;
    const fresh = createCaches({ client, log, signal, clock });
    // What is under way when the definition goes must not bring the cache back.
    const view: Caches = { of: (kind) => (kinds.includes(resourceKey(kind)) ? fresh : caches).of(kind) };
    const work = async (): Promise<void> => {
      const unfollow = fresh.of(framework.kind).subscribe(({ type, object }) => {
        if (type === 'added' && queueNameOf(object) !== undefined) order.of(object);
        if (type === 'deleted') order.forget(object);
      });
      await runController(jobControllerOf<ForeignObject>(integrationOf(framework), order, isPart) as unknown as Controller, { ...context, caches: view, signal });
      unfollow();
      await fresh.settled();
    };
    const entry: Running = { ending, caches: fresh, ended: new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })) };
    running.set(framework, entry);
    for (const key of kinds) own.set(key, entry);
    const done = work().catch((error: unknown) => log.error('a kind of jobs waits in no queue any more', { kind: framework.kind.kind, error })).finally(() => void works.delete(done));
    works.add(done);
  };

  const stop = (framework: Framework, entry: Running): void => {
    entry.ending.abort();
    running.delete(framework);
    for (const [key, each] of own) if (each === entry) own.delete(key);
  };

  const look = (): void => {
    if (context.signal.aborted) return;
    for (const framework of FRAMEWORKS) {
      const served = [framework.kind as Kind, ...(framework.reads ?? [])].every((kind) => isServed(context.kinds, kind));
      const entry = running.get(framework);
      if (served && entry === undefined) start(framework);
      if (!served && entry !== undefined) stop(framework, entry);
    }
  };

  return {
    caches, isPart,
    async run() {
      const unsubscribe = context.kinds.subscribe(look);
      look();
      await new Promise<void>((resolve) => (context.signal.aborted ? resolve() : context.signal.addEventListener('abort', () => resolve(), { once: true })));
      unsubscribe();
      await Promise.all(works);
    },
  };
}
