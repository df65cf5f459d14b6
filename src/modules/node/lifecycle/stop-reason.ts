/** Why a pod ends here, and how long it has for it: its object is deleted or gone, or it is done for. */
import { graceSecondsOf } from '../../../api/core/pod-grace.ts';
import type { PodRun, Stop } from './pod-run.ts';
import { isRunning } from './slot.ts';
import { isOver } from './views.ts';

/** Sets `run.stop` where the pod is to end, or to end sooner. */
export function decideStop(run: PodRun): void {
  const { deletionTimestamp, deletionGracePeriodSeconds } = run.pod.metadata;
  const graceSeconds = graceSecondsOf(run.pod);
  if (run.gone) setStop(run, 'gone', Math.min(graceSeconds, deletionGracePeriodSeconds ?? Infinity));
  else if (deletionTimestamp !== undefined) setStop(run, 'deleted', deletionGracePeriodSeconds ?? graceSeconds);
  else if (run.failed !== undefined || (run.slots.some(isRunning) && isOver(run))) setStop(run, 'finished', Math.min(graceSeconds, run.failed?.graceSeconds ?? Infinity));
}

/** A second reason may shorten the grace, never lengthen it. */
function setStop(run: PodRun, reason: Stop['reason'], graceSeconds: number): void {
  const deadlineMs = run.parts.context.clock.nowMs() + graceSeconds * 1_000;
  if (run.stop === undefined) run.stop = { reason, graceSeconds, deadlineMs };
  else if (graceSeconds < run.stop.graceSeconds) run.stop = { reason, graceSeconds, deadlineMs: Math.min(run.stop.deadlineMs, deadlineMs) };
  else run.stop = { ...run.stop, reason };
}
