/** How long replicas take from the wish to ready, by those of late. Pure. */
import type { Pod } from '../../../api/generated/core-v1.ts';
import { podCondition } from '../../../api/pod-readiness.ts';

const LONGEST_SECONDS = 1_800;
const MOST_PODS = 20;
const SHARE = 0.8;

/** Four of five of the youngest twenty pods were ready so soon, in seconds; undefined when none ever was. One that was unready since counts as it is, within half an hour. */
export function startSecondsOf(pods: readonly Pod[]): number | undefined {
  const starts = pods.flatMap((pod) => {
    const ready = podCondition(pod, 'Ready');
    const createdMs = Date.parse(pod.metadata.creationTimestamp ?? '');
    const seconds = (Date.parse(ready?.lastTransitionTime ?? '') - createdMs) / 1_000;
    return ready?.status === 'True' && seconds >= 0 && seconds <= LONGEST_SECONDS ? [{ createdMs, seconds }] : [];
  });
  const youngest = starts.toSorted((one, other) => other.createdMs - one.createdMs).slice(0, MOST_PODS).map(({ seconds }) => seconds).toSorted((one, other) => one - other);
  return youngest[Math.ceil(SHARE * youngest.length) - 1];
}
