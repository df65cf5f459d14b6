import type { Pod } from '../generated/core-v1.ts';

/** As upstream: core/v1 DefaultTerminationGracePeriodSeconds. */
export const DEFAULT_GRACE_SECONDS = 30;

/** How long a pod has to end, in seconds, where who ends it says nothing of that (PodSpec.terminationGracePeriodSeconds). Whoever reads of a pod that the door has not filled in gets the default. */
export function graceSecondsOf({ spec }: Pick<Pod, 'spec'>): number {
  return Number(spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS);
}
