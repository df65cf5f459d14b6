/** The tracking finalizer: taken from pods, each once, and remembered until the cache shows it. */
import { Pod } from '../../../api/core/pod.ts';
import { TRACKING } from '../../../api/batch/job-labels.ts';
import { isApiError } from '../../../api/errors.ts';
import type { Cache, ReconcileContext } from '../../../sdk/index.ts';
import { isTracked } from './view.ts';

const known = new WeakMap<Cache<Pod>, Set<string>>();

/** Uids of pods whose finalizer is gone, though the cache does not show it yet. */
export function untrackedOf({ caches, signal }: Pick<ReconcileContext, 'caches' | 'signal'>): Set<string> {
  const pods = caches.of(Pod);
  const existing = known.get(pods);
  if (existing !== undefined) return existing;
  const untracked = new Set<string>();
  known.set(pods, untracked);
  const stop = pods.subscribe(({ type, object }) => {
    if (type === 'deleted' || !isTracked(object)) untracked.delete(object.metadata.uid ?? '');
  });
  signal.addEventListener('abort', () => {
    stop();
    known.delete(pods);
  }, { once: true });
  return untracked;
}

/** Gives the uids that are untracked now; a pod that is gone is. `error` is the first failure. */
export async function untrack(pods: readonly Pod[], context: ReconcileContext): Promise<{ done: Set<string>; error?: unknown }> {
  const done = new Set<string>();
  const results = await Promise.allSettled(pods.map(async (pod) => {
    await removeFinalizer(pod, context);
    done.add(pod.metadata.uid ?? '');
  }));
  const failed = results.find((each) => each.status === 'rejected');
  return failed === undefined ? { done } : { done, error: failed.reason };
}

async function removeFinalizer(pod: Pod, context: ReconcileContext): Promise<void> {
  const { name = '', namespace, uid = '' } = pod.metadata;
  const untracked = untrackedOf(context);
  if (!isTracked(pod) || untracked.has(uid)) return;
  untracked.add(uid);
  try {
    await context.client.patch(Pod, name, { type: 'strategic', body: { metadata: { uid, '$deleteFromPrimitiveList/finalizers': [TRACKING] } } }, { namespace });
  } catch (error) {
    untracked.delete(uid);
    if (!isApiError(error, 'NotFound') && !(isApiError(error, 'Conflict') && (await isGone(pod, context)))) throw error;
  }
}

/** Another pod bears the name by now. */
async function isGone({ metadata }: Pod, { client }: ReconcileContext): Promise<boolean> {
  try {
    return (await client.get(Pod, metadata.name ?? '', { namespace: metadata.namespace })).metadata.uid !== metadata.uid;
  } catch (error) {
    return isApiError(error, 'NotFound');
  }
}
