/** When a pod was on its node, and had what it asked for. Pure. */
import type { Pod } from '../../api/generated/core-v1.ts';
import type { Period } from './periods.ts';

/** From its binding, or from the start of its containers, to its end or now. */
export function stayOf(pod: Pod, nowMs: number, since: 'bound' | 'started' = 'bound'): Period {
  const bound = pod.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'True')?.lastTransitionTime ?? pod.status?.startTime ?? pod.metadata.creationTimestamp;
  const states = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])].map(({ state }) => state);
  const starts = states.map((state) => Date.parse(state?.running?.startedAt ?? '')).filter((time) => !Number.isNaN(time));
  const ends = states.map((state) => Date.parse(state?.terminated?.finishedAt ?? '')).filter((time) => !Number.isNaN(time));
  const terminal = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  const startMs = since === 'started' && starts.length > 0 ? Math.min(...starts) : Date.parse(bound ?? '');
  const begun = Number.isNaN(startMs) ? nowMs : startMs;
  return { startMs: begun, endMs: terminal ? Math.max(begun, ends.length > 0 ? Math.max(...ends) : begun) : nowMs };
}
