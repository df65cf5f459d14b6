/** Brings pods to their recommendation: in place where that can be, else by an eviction that budgets may refuse; who needs it most goes first, and half of a controller's pods stay (upstream: pkg/updater). */
import type { VerticalPodAutoscaler } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import { Pod as PodKind } from '../../api/core/pod.ts';
import { isApiError } from '../../api/errors.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { Json } from '../../api/meta.ts';
import { controllerOf } from '../../api/owner.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { numberOf } from './amounts.ts';
import { changesFor, MANAGED } from './apply.ts';
import { hasFailed, restarts } from './disruption.ts';
import { groupsOf, keyOfOwner, type Sized } from './groups.ts';
import type { LimitBounds } from './limit-range.ts';
import { byPriority, priorityOf, resizeOf } from './priority.ts';
import { isBoosted } from './startup-boost.ts';

type Using = Pick<ModuleContext, 'client' | 'clock' | 'events' | 'kinds' | 'log'>;

/** `pods` are those that the VerticalPodAutoscaler controls; `asked` keeps, by uid, since when a resize is waited for. */
export async function updatePods(vpa: VerticalPodAutoscaler, pods: readonly Pod[], { asked, bounds }: { asked: Map<string, number>; bounds: LimitBounds }, using: Using): Promise<void> {
  const mode = vpa.spec.updatePolicy?.updateMode ?? 'Auto';
  if (mode === 'Off' || mode === 'Initial') return;
  const { client, clock, events, log } = using;
  const nowMs = clock.nowMs();
  const alive = pods.filter(({ status, metadata }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed' && metadata.deletionTimestamp === undefined);
  for (const uid of asked.keys()) if (!alive.some((pod) => pod.metadata.uid === uid && resizeOf(pod) !== undefined)) asked.delete(uid);
  const groups = await groupsOf(alive, { namespace: vpa.metadata.namespace, minReplicas: vpa.spec.updatePolicy?.minReplicas }, using);
  const wanting = alive.flatMap((pod) => {
    // It has more than is recommended since it starts: that is taken back in its time.
    const priority = isBoosted(pod) ? undefined : priorityOf(pod, vpa, nowMs, bounds);
    return priority === undefined ? [] : [{ pod, ...priority }];
  }).toSorted(byPriority);
  for (const { pod, why } of wanting) {
    const group = groups.get(keyOfOwner(controllerOf(pod)));
    if (group === undefined) continue;
    if (mode !== 'Recreate' && (await stays(pod, why, group))) continue;
    const runs = pod.status?.phase !== 'Pending';
    if (mode === 'InPlace' || group.isSmall || (runs && !group.mayDisrupt())) continue;
    if ((await evict(pod, why)) && runs) group.disrupted();
  }

  /** Resizes the pod, or waits; gives false when it has to be made anew. */
  async function stays(pod: Pod, why: string, group: Sized): Promise<boolean> {
    const uid = pod.metadata.uid ?? '';
    if (pod.status?.phase === 'Pending') return mode !== 'Auto'; // it may wait for a node that has more than it needs
    const resizing = resizeOf(pod);
    if (resizing !== undefined) {
      // Who is never made anew is asked for again what may fit now.
      if (mode === 'InPlace' && resizing.type === 'PodResizePending' && wantsOther(pod, resizing.reason === 'Infeasible')) return resize(pod, why);
      const since = asked.get(uid) ?? nowMs;
      asked.set(uid, since);
      return !(hasFailed(pod, since, nowMs) && group.mayDisrupt());
    }
    // Nothing restarts: it takes no pod away (upstream: in-place-skip-disruption-budget).
    const disrupts = restarts(pod);
    if (disrupts && (group.isSmall || !group.mayDisrupt())) return true;
    if (!(await resize(pod, why))) return false;
    if (disrupts) group.disrupted();
    return true;
  }

  /** Whether what is recommended is another amount than what is waited for, or less of something. */
  function wantsOther(pod: Pod, less: boolean): boolean {
    return changesFor(pod, vpa, bounds).some(({ name, resources }) => Object.entries(resources.requests ?? {}).some(([resource, wanted]) => {
      const before = numberOf(resource, pod.spec?.containers.find((each) => each.name === name)?.resources?.requests?.[resource] ?? '0');
      return less ? numberOf(resource, wanted) < before : numberOf(resource, wanted) !== before;
    }));
  }

  async function resize(pod: Pod, why: string): Promise<boolean> {
    const { name = '', namespace } = pod.metadata;
    try {
      const body = { spec: { containers: changesFor(pod, vpa, bounds) } } as unknown as Json;
      await client.patch(PodKind, name, { type: 'strategic', body }, { namespace, subresource: 'resize' });
    } catch (error) {
      // Such as a pod that asked for nothing: its quality of service may not change while it runs.
      if (isApiError(error, 'Invalid', 'Forbidden', 'NotFound', 'MethodNotAllowed', 'BadRequest')) return false;
      throw error;
    }
    asked.set(pod.metadata.uid ?? '', nowMs);
    // It may have been made before its autoscaler was.
    if (pod.metadata.labels?.[MANAGED] === undefined) await client.patch(PodKind, name, { type: 'merge', body: { metadata: { labels: { [MANAGED]: 'true' } } } }, { namespace }).catch((error: unknown) => log.debug('a pod could not be labelled', { namespace, pod: name, error }));
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
    events.event(vpa, 'Normal', 'EvictedPod', `VPA Updater evicted Pod ${name} to apply resource recommendation.`);
    return true;
  }
}
