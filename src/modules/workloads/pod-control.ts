/** Makes and deletes pods for an owner, with expectations and the events that every workload tells (upstream: RealPodControl). */
import { Pod } from '../../api/core/pod.ts';
import { isApiError } from '../../api/errors.ts';
import type { KubeObject } from '../../api/meta.ts';
import { keyOf, type Cache, type ReconcileContext } from '../../sdk/index.ts';
import { watchExpectations, type Expectations } from './expectations.ts';
import { slowStart } from './slow-start.ts';

const known = new WeakMap<Cache<Pod>, Map<string, Expectations>>();

/** The expectations of one controller, kept as long as its context lives. */
export function expectationsOf(controller: string, { caches, clock, signal }: ReconcileContext): Expectations {
  const pods = caches.of(Pod);
  let ofCache = known.get(pods);
  if (ofCache === undefined) known.set(pods, (ofCache = new Map()));
  const existing = ofCache.get(controller);
  if (existing !== undefined) return existing;
  const watched = watchExpectations(pods as unknown as Cache, clock);
  ofCache.set(controller, watched);
  signal.addEventListener('abort', () => {
    watched.stop();
    known.delete(pods);
  }, { once: true });
  return watched;
}

export interface Outcome {
  done: number;
  /** The first failure. A namespace that goes takes no pods, and that is none. */
  error?: unknown;
}

export async function createPods(owner: KubeObject, pods: readonly Pod[], expectations: Expectations, { client, events }: ReconcileContext): Promise<Outcome> {
  const uid = owner.metadata.uid ?? '';
  const waiting = [...pods];
  expectations.expectCreations(uid, pods.length);
  const result = await slowStart(pods.length, async () => {
    try {
      const made = await client.create(Pod, waiting.shift()!);
      events.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${made.metadata.name}`);
    } catch (error) {
      expectations.creationFailed(uid);
      if (!isTerminating(error)) events.event(owner, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
      throw error;
    }
  });
  for (let index = 0; index < result.skipped; index++) expectations.creationFailed(uid);
  return { done: result.succeeded, ...(result.error === undefined || isTerminating(result.error) ? {} : { error: result.error }) };
}

/** A pod that is gone already counts as deleted. */
export async function deletePods(owner: KubeObject, pods: readonly Pod[], expectations: Expectations | undefined, context: ReconcileContext): Promise<Outcome> {
  const uid = owner.metadata.uid ?? '';
  expectations?.expectDeletions(uid, pods.map((each) => each.metadata.uid ?? keyOf(each)));
  const results = await Promise.allSettled(pods.map(async (pod) => {
    try {
      await deletePod(owner, pod, context);
    } catch (error) {
      expectations?.deletionFailed(uid, pod.metadata.uid ?? keyOf(pod));
      if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
    }
  }));
  const failed = results.find((each) => each.status === 'rejected');
  return { done: results.filter((each) => each.status === 'fulfilled').length, ...(failed === undefined ? {} : { error: failed.reason }) };
}

/** Rejects with NotFound and Conflict when the pod is gone or another has its name. */
async function deletePod(owner: KubeObject, pod: Pod, { client, events }: ReconcileContext): Promise<void> {
  const { name = '', namespace, uid } = pod.metadata;
  try {
    await client.delete(Pod, name, { namespace, preconditions: { uid } });
    events.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
  } catch (error) {
    if (!isApiError(error, 'NotFound', 'Conflict')) events.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`);
    throw error;
  }
}

/** The namespace is being deleted: nothing can be made in it. */
export function isTerminating(error: unknown): boolean {
  return isApiError(error) && error.details?.causes?.some((each) => each.reason === 'NamespaceTerminating') === true;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
