/** The whole pod begins again where it is: sandbox and volumes stay, init containers run again (core/v1 ContainerRestartRule, RestartAllContainers; KEP 5532). */
import { RETRY_MS, tell, type PodRun } from './pod-run.ts';
import { goDuration, restartDelay, ruleFor } from './restart.ts';
import { isRunning, type Slot } from './slot.ts';

/** Gives true while containers still end for it. Ends are abrupt: no preStop, no grace. */
export function restartsAll(run: PodRun): boolean {
  const causes = run.slots.filter(isCause);
  if (causes.length === 0) return false;
  const first = run.restartingAll !== true;
  run.restartingAll = true;
  const running = run.slots.filter((slot) => isRunning(slot) && slot.role !== 'ephemeral');
  for (const slot of running) end(run, slot, first);
  if (running.length > 0) {
    run.wakeAt(run.parts.context.clock.nowMs() + RETRY_MS);
    return true;
  }
  beginAgain(run, causes);
  return false;
}

/** Whether a container has ended in a way by which all begin again, and they have not yet. */
export function isCause({ container, record, waiting }: Slot): boolean {
  return record?.exit !== undefined && waiting === undefined && ruleFor(container, record.exit.exitCode)?.action === 'RestartAllContainers';
}

function end(run: PodRun, slot: Slot, first: boolean): void {
  const { record, container } = slot;
  if (first) tell(run, 'Normal', 'Killing', `Stopping container ${container.name}: all containers of the pod begin again`, slot);
  slot.probes?.abort();
  if (record?.pid !== undefined) run.parts.runtime.kill(record, record.pid, 'SIGKILL');
}

/** The back-off of those that caused it holds for all. */
function beginAgain(run: PodRun, causes: readonly Slot[]): void {
  let notBeforeMs = 0;
  for (const slot of causes) {
    const { finishedMs } = slot.record!.exit!;
    const { delayMs, nextMs } = restartDelay(slot.backoffMs, finishedMs - (slot.record!.startedMs ?? finishedMs), run.parts.mostRestartDelayMs);
    slot.backoffMs = nextMs;
    notBeforeMs = Math.max(notBeforeMs, finishedMs + delayMs);
    if (delayMs > 0) tell(run, 'Warning', 'BackOff', `Back-off ${goDuration(delayMs)} restarting all containers in pod ${run.label}`);
  }
  for (const slot of run.slots) {
    if (slot.role === 'ephemeral') continue;
    slot.waiting = { reason: slot.role === 'app' || slot.role === 'sidecar' ? 'PodInitializing' : 'ContainerCreating' };
    slot.notBeforeMs = notBeforeMs;
    slot.over = false;
    slot.started = false;
  }
}
