/** What a pod's containers look like from outside, and whether the pod is over by that. */
import { mirrored } from '../mirror.ts';
import { isFinal, podPhase } from '../status/phase.ts';
import type { ContainerView } from '../status/view.ts';
import { isTerminal, type PodRun } from './pod-run.ts';
import { isCause } from './restart-all.ts';
import { isRunning, viewOf } from './slot.ts';

export function viewsOf(run: PodRun): ContainerView[] {
  const initializing = run.slots.some((slot) => slot.role === 'init' && slot.record?.exit?.exitCode !== 0);
  const allAgain = run.restartingAll === true || run.slots.some(isCause);
  return run.slots.map((slot) => {
    const view = viewOf(slot, { initializing, spec: run.pod.spec, allAgain });
    const health = slot.role === 'app' ? run.parts.devices.health(run.uid, slot.container) : undefined;
    return health === undefined ? view : { ...view, allocatedResourcesStatus: health };
  });
}

/** Succeeded or Failed. Its status says so only when nothing of it runs any more: sidecars end after the others. */
export function isOver(run: PodRun): boolean {
  return isTerminal(run.pod) || isFinal(podPhase(run.pod.spec?.restartPolicy, viewsOf(run)));
}

/** Deleted, and nothing of it runs. The phase of a static pod is that of its file. */
export function isEnded(run: PodRun): boolean {
  return run.stop?.reason === 'deleted' && mirrored(run.pod) === undefined && !run.slots.some(isRunning);
}
