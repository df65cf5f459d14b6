/** Takes over the containers that an earlier llmos left, or what their status remembers of them. */
import type { ContainerStatus } from '../../../api/generated/core-v1.ts';
import { startTicks } from '../../../base/sys/is-running.ts';
import { START_FAILURE_CODE } from '../runtime/runtime.ts';
import { attend } from './attend.ts';
import { isTerminal, type PodRun } from './pod-run.ts';
import type { ContainerRecord } from './record.ts';
import { containerId, rememberStatus } from './slot.ts';
import { endStrays } from './strays.ts';

export function adopt(run: PodRun, adopted: readonly ContainerRecord[]): void {
  const { status, spec } = run.pod;
  const statuses: ContainerStatus[] = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  for (const slot of run.slots) {
    const latest = adopted.filter((each) => each.name === slot.container.name).sort((a, b) => b.attempt - a.attempt)[0];
    if (latest === undefined) {
      if (!isTerminal(run.pod)) rememberStatus(slot, statuses.find((each) => each.name === slot.container.name), spec!);
      continue;
    }
    slot.record = latest;
    slot.restartCount = latest.attempt;
    if (latest.exclusiveCpus !== undefined) run.parts.cpus.restore(run.uid, latest.name, latest.exclusiveCpus);
    if (latest.exit === undefined && latest.resources !== undefined) slot.allocated = latest.resources; // the rest is a resize
    slot.last = statuses.find((each) => each.name === slot.container.name)?.lastState;
    if (slot.last !== undefined && Object.keys(slot.last).length === 0) slot.last = undefined;
    if (latest.exit !== undefined) continue;
    if (latest.pid === undefined || latest.startedMs === undefined) {
      // llmos ended between create and start: it never ran.
      if (latest.pid === undefined) endStrays(latest.id);
      if (latest.pid !== undefined && startTicks(latest.pid) === latest.pidTicks) run.parts.runtime.kill(latest, latest.pid, 'SIGKILL');
      latest.exit = { exitCode: START_FAILURE_CODE, finishedMs: run.parts.context.clock.nowMs(), reason: 'StartError', message: 'the node was interrupted while it started the container' };
    } else attend(run, slot, latest, statuses.find(({ containerID }) => containerID === containerId(latest)) ?? {});
  }
}
