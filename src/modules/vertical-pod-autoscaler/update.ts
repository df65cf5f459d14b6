/** Brings pods to their recommendation: in place where that can be, else by an eviction that budgets may refuse. One pod of a target at a time. */
import type { VerticalPodAutoscaler } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import { Pod as PodKind } from '../../api/core/pod.ts';
import { isApiError } from '../../api/errors.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { Json } from '../../api/meta.ts';
import { controllerOf } from '../../api/owner.ts';
import { isPodReady } from '../../api/pod-readiness.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { changesFor, whyChange } from './apply.ts';
import type { LimitBounds } from './limit-range.ts';

/** A node that has not answered to a resize by then is taken to be unable. */
const RESIZE_PATIENCE_MS = 60_000;
const DEFAULT_LEAST_REPLICAS = 2;

/** `asked` keeps, by uid, since when a resize is waited for. */
export async function updatePods(vpa: VerticalPodAutoscaler, pods: readonly Pod[], { asked, bounds }: { asked: Map<string, number>; bounds: LimitBounds }, { client, clock, events }: Pick<ModuleContext, 'client' | 'clock' | 'events'>): Promise<void> {
  const mode = vpa.spec.updatePolicy?.updateMode ?? 'Auto';
  if (mode === 'Off' || mode === 'Initial') return;
  const nowMs = clock.nowMs();
  const alive = pods.filter(({ status, metadata }) => status?.phase === 'Running' && metadata.deletionTimestamp === undefined);
  for (const uid of asked.keys()) if (!alive.some(({ metadata }) => metadata.uid === uid)) asked.delete(uid);
  // While one is on its way the others stay as they are.
  if (mode === 'Recreate' && alive.some((pod) => !isPodReady(pod))) return;
  for (const pod of alive) {
    const why = whyChange(pod, vpa, nowMs, bounds);
    if (why === undefined) {
      asked.delete(pod.metadata.uid ?? '');
      continue;
    }
    const inPlace = mode !== 'Recreate' && (await resize(pod, why));
    if (inPlace) continue;
    if (alive.length < (vpa.spec.updatePolicy?.minReplicas ?? DEFAULT_LEAST_REPLICAS) || controllerOf(pod) === undefined) continue;
    if (await evict(pod, why)) return;
  }

  /** Gives false when the pod cannot be changed as it runs. */
  async function resize(pod: Pod, why: string): Promise<boolean> {
    const uid = pod.metadata.uid ?? '';
    const since = asked.get(uid);
    if (since !== undefined) return nowMs - since < RESIZE_PATIENCE_MS && !pod.status?.conditions?.some(({ type, reason }) => type === 'PodResizePending' && reason === 'Infeasible');
    try {
      const body = { spec: { containers: changesFor(pod, vpa, bounds) } } as unknown as Json;
      await client.patch(PodKind, pod.metadata.name ?? '', { type: 'strategic', body }, { namespace: pod.metadata.namespace, subresource: 'resize' });
    } catch (error) {
      // Such as a pod that asked for nothing: its quality of service may not change while it runs.
      if (isApiError(error, 'Invalid', 'Forbidden', 'NotFound', 'MethodNotAllowed', 'BadRequest')) return false;
      throw error;
    }
    asked.set(uid, nowMs);
    events.event(pod, 'Normal', 'InPlaceResizedByVPA', `Pod was resized in place by VPA Updater: ${why}`);
    return true;
  }

  async function evict(pod: Pod, why: string): Promise<boolean> {
    const { name = '', namespace, uid } = pod.metadata;
    try {
      await client.createSubresource(PodKind, { namespace, name }, 'eviction', { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace }, deleteOptions: { preconditions: { uid } } } as never);
    } catch (error) {
      if (isApiError(error, 'TooManyRequests', 'NotFound', 'Conflict')) return false; // a budget, or it is gone
      throw error;
    }
    events.event(pod, 'Normal', 'EvictedByVPA', `Pod was evicted by VPA Updater to apply resource recommendation: ${why}`);
    return true;
  }
}
