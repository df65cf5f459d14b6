/** Takes the cpu back that pods had to start with, as soon as it is over: in place, and never by an eviction, which would begin anew with a boost (upstream: the updater's boost worker). */
import type { VerticalPodAutoscaler } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import { Pod as PodKind } from '../../api/core/pod.ts';
import { isApiError } from '../../api/errors.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { Json } from '../../api/meta.ts';
import { controllerOf } from '../../api/owner.ts';
import { isPodActive } from '../../api/pod-readiness.ts';
import { onClockJump } from '../../base/clock-jumps.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { createWorkQueue } from '../../sdk/work-queue.ts';
import { restarts } from './disruption.ts';
import { groupsOf } from './groups.ts';
import type { LimitBounds } from './limit-range.ts';
import { resizeOf } from './priority.ts';
import { BOOSTED, endingOf, isBoosted } from './startup-boost.ts';

/** What another change of the pod, or of its controller's, does not tell. */
const AGAIN_MS = 5_000;

export interface Scalers {
  /** Who has the pod; undefined where nobody has. Rejects while that cannot be known. */
  vpaOf(pod: Pod): Promise<VerticalPodAutoscaler | undefined>;
  boundsIn(namespace: string): LimitBounds;
}

/** Settles after the signal aborted. */
export async function keepUnboosting(context: ModuleContext, { vpaOf, boundsIn }: Scalers): Promise<void> {
  const { caches, client, clock, events, log, signal } = context;
  const pods = caches.of(PodKind);
  const queue = createWorkQueue('startup-boost');
  const stops = [pods.subscribe(({ type, key, object }) => {
    if (type !== 'deleted' && isBoosted(object)) queue.add(key);
  }), onClockJump(queue.hasten)];
  await queue.drain({ concurrency: 1, signal }, async (key) => {
    try {
      const nextMs = await unboost(pods.get(key));
      queue.forget(key);
      if (nextMs !== undefined) queue.addAfter(key, nextMs);
    } catch (error) {
      if (signal.aborted) return;
      log.warn('a pod keeps the cpu that it had to start with; it is tried again', { pod: key, error: (error as Error).message });
      queue.addRateLimited(key);
    }
  });
  for (const stop of stops) stop();

  /** Gives when to look again; undefined where the pod's next change says so. */
  async function unboost(pod: Pod | undefined): Promise<number | undefined> {
    if (pod === undefined || !isBoosted(pod) || !isPodActive(pod) || pod.status?.phase === 'Pending') return undefined;
    const { name = '', namespace = '' } = pod.metadata;
    const vpa = await vpaOf(pod);
    const { containers, left, nextMs } = endingOf(pod, vpa, { nowMs: clock.nowMs(), bounds: boundsIn(namespace) });
    if (left === pod.metadata.annotations?.[BOOSTED]) return nextMs;
    if (resizeOf(pod) !== undefined || (restarts(pod) && !(await mayDisrupt(pod, vpa)))) return AGAIN_MS;
    try {
      if (containers.length > 0) await client.patch(PodKind, name, { type: 'strategic', body: { spec: { containers } } as unknown as Json }, { namespace, subresource: 'resize' });
      await client.patch(PodKind, name, { type: 'merge', body: { metadata: { uid: pod.metadata.uid, annotations: { [BOOSTED]: left } } } as Json }, { namespace });
    } catch (error) {
      if (isApiError(error, 'NotFound', 'Conflict')) return undefined; // it is gone, or another one of its name
      throw error;
    }
    if (containers.length > 0) events.event(pod, 'Normal', 'InPlaceResizedByVPA', `Pod was resized in place by VPA Updater: the startup boost of ${containers.map((each) => each.name).join(', ')} is over`);
    return nextMs;
  }

  async function mayDisrupt(pod: Pod, vpa: VerticalPodAutoscaler | undefined): Promise<boolean> {
    const owner = controllerOf(pod)?.uid;
    const peers = pods.list(pod.metadata.namespace).filter((each) => isPodActive(each) && controllerOf(each)?.uid === owner);
    const [group] = (await groupsOf(peers, { namespace: pod.metadata.namespace, minReplicas: vpa?.spec.updatePolicy?.minReplicas }, context)).values();
    return group?.mayDisrupt() === true;
  }
}
