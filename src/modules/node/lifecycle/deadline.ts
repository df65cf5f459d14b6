/** activeDeadlineSeconds: a pod that is active for longer is ended by the node. */
import { tell, type PodRun } from './pod-run.ts';

/** Gives true when the pod has just run out of its time; else asks for a turn when it will. `startTimeMs` is status.startTime. */
export function watchDeadline(run: PodRun, startTimeMs: number): boolean {
  const seconds = run.pod.spec?.activeDeadlineSeconds;
  if (seconds === undefined) return false;
  const atMs = startTimeMs + Number(seconds) * 1_000;
  if (run.parts.context.clock.nowMs() < atMs) {
    run.wakeAt(atMs);
    return false;
  }
  run.failed = { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' };
  tell(run, 'Normal', 'DeadlineExceeded', run.failed.message);
  run.poke();
  return true;
}
