/** Kinds of other operators wait in queues as long as the cluster serves them: definitions come and go, and where there are none nothing runs. */
import { JobSet } from '../../../api/jobset/job-set.ts';
import { resourceKey, type Kind } from '../../../api/kind.ts';
import { LeaderWorkerSet, ProvisioningRequest, type ForeignObject } from '../../../api/kueue/frameworks.ts';
import { ProvisioningRequestConfig } from '../../../api/kueue/provisioning.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { aborted } from '../../../base/aborted.ts';
import { createCaches, type RunningCaches } from '../../../sdk/caches.ts';
import type { Cache, Caches, Controller, ModuleContext, ServedKinds } from '../../../sdk/index.ts';
import { runController } from '../../../sdk/run-controller.ts';
import { jobControllerOf } from '../framework.ts';
import { queueNameOf, type Order } from '../owner.ts';
import { provisioningCheckStatus } from '../provisioning/check-status.ts';
import { provisioningRequests } from '../provisioning/controller.ts';
import { isPartOfQueued, type ReadParent } from './ancestors.ts';
import type { Framework } from './framework.ts';
import { integrationOf } from './integration.ts';
import { leaderWorkerSetController } from './leader-worker-set.ts';
import { FRAMEWORKS, FRAMEWORK_KINDS } from './table.ts';

export interface Frameworks {
  /** Those of the module, and those of the kinds that run now. */
  readonly caches: Caches;
  /** Whether it waits with a parent that is in a queue. */
  isPart(object: KubeObject): Promise<boolean | undefined>;
  /** Settles when the signal has aborted and all of them have ended. */
  run(): Promise<void>;
}

/** What runs as long as all of the kinds are served; the first one is that of its objects. */
interface Part { readonly kinds: readonly [Kind<ForeignObject>, ...Kind[]]; readonly controllers: readonly Controller[] }

/** Requests to a cluster autoscaler, where there is one. */
const PROVISIONING: Part = { kinds: [ProvisioningRequest, ProvisioningRequestConfig as Kind], controllers: [provisioningRequests, provisioningCheckStatus] as unknown as readonly Controller[] };

interface Running { readonly ending: AbortController; readonly caches: RunningCaches; readonly ended: Promise<void> }

export function isServed({ list }: Pick<ServedKinds, 'list'>, { group, version, plural }: Kind): boolean {
  return list().some((each) => each.group === group && each.version === version && each.plural === plural);
}

/** So long after a start definitions may be on their way. */
const DEFINED_MS = 60_000;

export function createFrameworks(context: ModuleContext, order: Order): Frameworks {
  const startedMs = context.clock.nowMs();
  const running = new Map<Part, Running>();
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
    // Its definition may be about to be read, as after a start; later there is none.
    if (FRAMEWORK_KINDS.includes(kind) || (kind === (JobSet as Kind) && !isServed(context.kinds, kind))) return context.clock.nowMs() - startedMs < DEFINED_MS ? undefined : { object: undefined };
    await context.caches.of(kind).ready();
    return { object: context.caches.of(kind).get(key) };
  };
  const isPart = (object: KubeObject): Promise<boolean | undefined> => isPartOfQueued(object, read);

  const works = new Set<Promise<void>>();

  const partOf = (framework: Framework): Part => ({ kinds: [framework.kind, ...(framework.reads ?? [])], controllers: [jobControllerOf<ForeignObject>(integrationOf(framework), order, isPart) as unknown as Controller] });
  const parts: readonly Part[] = [...FRAMEWORKS.map(partOf), { kinds: [LeaderWorkerSet], controllers: [leaderWorkerSetController(order) as unknown as Controller] }, PROVISIONING];

  const start = (part: Part): void => {
    const keys = part.kinds.map(resourceKey);
    const ending = new AbortController();
    const signal = AbortSignal.any([context.signal, ending.signal]);
    const { client, log, clock } = context;
    const fresh = createCaches({ client, log, signal, clock });
    // What is under way when the definition goes must not bring the cache back.
    const view: Caches = { of: (kind) => (keys.includes(resourceKey(kind)) ? fresh : caches).of(kind) };
    const work = async (): Promise<void> => {
      const unfollow = fresh.of(part.kinds[0]).subscribe(({ type, object }) => {
        if (type === 'added' && queueNameOf(object) !== undefined) order.of(object);
        if (type === 'deleted') order.forget(object);
      });
      await Promise.all(part.controllers.map((each) => runController(each, { ...context, caches: view, signal })));
      unfollow();
      await fresh.settled();
    };
    const entry: Running = { ending, caches: fresh, ended: aborted(signal) };
    running.set(part, entry);
    for (const key of keys) own.set(key, entry);
    const done = work().catch((error: unknown) => log.error('a kind of jobs waits in no queue any more', { kind: part.kinds[0].kind, error })).finally(() => void works.delete(done));
    works.add(done);
  };

  const stop = (part: Part, entry: Running): void => {
    entry.ending.abort();
    running.delete(part);
    for (const [key, each] of own) if (each === entry) own.delete(key);
  };

  const look = (): void => {
    if (context.signal.aborted) return;
    for (const part of parts) {
      const served = part.kinds.every((kind) => isServed(context.kinds, kind));
      const entry = running.get(part);
      if (served && entry === undefined) start(part);
      if (!served && entry !== undefined) stop(part, entry);
    }
  };

  return {
    caches, isPart,
    async run() {
      const unsubscribe = context.kinds.subscribe(look);
      look();
      await aborted(context.signal);
      unsubscribe();
      await Promise.all(works);
    },
  };
}
