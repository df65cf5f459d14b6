/**
 * When what changed endpoints did so: the annotation by which it is measured how long a change takes until it is in the rules of each node
 * (upstream: endpointslice/util/trigger_time_tracker.go). Between two looks one change of a pod is seen, as upstream.
 */
import type { Pod, Service } from '../../api/generated/core-v1.ts';
import type { KubeObject } from '../../api/meta.ts';
import { podCondition } from '../../api/pod-readiness.ts';
import type { ObjectKey } from '../../sdk/cache.ts';

export const LAST_CHANGE = 'endpoints.kubernetes.io/last-change-trigger-time';

export interface TriggerTimes {
  /** The first of what changed since the last look, as RFC 3339; undefined when it is none of what is known. To be asked at each look. */
  look(key: ObjectKey, service: Service, pods: readonly Pod[]): string | undefined;
  forget(key: ObjectKey): void;
}

interface Seen {
  serviceMs: number;
  /** By the names of pods. */
  podsMs: ReadonlyMap<string, number>;
}

export function createTriggerTimes(): TriggerTimes {
  const known = new Map<ObjectKey, Seen>();
  return {
    look(key, service, pods) {
      const before = known.get(key);
      const now: Seen = { serviceMs: timeOf(service.metadata.creationTimestamp), podsMs: new Map(pods.map((pod) => [pod.metadata.name ?? '', readyMs(pod)])) };
      known.set(key, now);
      const changed = [...now.podsMs].filter(([name, ms]) => ms > (before?.podsMs.get(name) ?? 0)).map(([, ms]) => ms);
      if (now.serviceMs > (before?.serviceMs ?? 0)) changed.push(now.serviceMs);
      const first = before === undefined ? now.serviceMs : Math.min(...changed);
      return Number.isFinite(first) && first > 0 ? new Date(first).toISOString().replace(/\.000Z$/, 'Z') : undefined;
    },
    forget: (key) => void known.delete(key),
  };
}

/** With the time in place of the one before; without it where there is none. */
export function stamped<T extends KubeObject>(object: T, time: string | undefined): T {
  const { [LAST_CHANGE]: _before, ...others } = object.metadata.annotations ?? {};
  const { annotations: _annotations, ...metadata } = object.metadata;
  const annotations = time === undefined ? others : { ...others, [LAST_CHANGE]: time };
  return { ...object, metadata: Object.keys(annotations).length === 0 ? metadata : { ...metadata, annotations } };
}

function readyMs(pod: Pod): number {
  return timeOf(podCondition(pod, 'Ready')?.lastTransitionTime);
}

/** 0 for what is no time. */
function timeOf(text: string | undefined): number {
  return Date.parse(text ?? '') || 0;
}
