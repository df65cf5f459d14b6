/** The end of a pod on this machine: containers, then what they used, then the object. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { qosClassOf } from '../../../api/core/pod-qos.ts';
import { podCgroup, removePodCgroup } from '../cgroup/layout.ts';
import { removeLogs } from '../logs/folders.ts';
import { tearDownVolumes } from '../volumes/set-up.ts';
import { closeProcessNamespace } from '../sandbox/process-namespace.ts';
import { runtimeOperation } from '../usage/counts.ts';
import { stopSlot } from './attend.ts';
import { isTerminal, RETRY_MS, type PodRun } from './pod-run.ts';
import { isRunning } from './slot.ts';
import { removeContainer } from './start-container.ts';

/** Gives false while containers are still ending. */
export async function endContainers(run: PodRun): Promise<boolean> {
  const running = run.slots.filter(isRunning);
  if (running.length > 0) {
    for (const slot of running) void stopSlot(run, slot, `Stopping container ${slot.container.name}`);
    run.wakeAt(run.parts.context.clock.nowMs() + RETRY_MS);
    return false;
  }
  for (const slot of run.slots) if (slot.waiting !== undefined && slot.record?.exit !== undefined) slot.waiting = undefined;
  await release(run);
  return true;
}

/** Gives back what only a running pod needs; of one that has ended, status and logs stay until it is deleted. */
export async function release(run: PodRun): Promise<void> {
  if (run.slots.every((slot) => !isRunning(slot))) {
    run.parts.cpus.release(run.uid);
    run.parts.devices.release(run.uid);
  }
  if (run.prepared === undefined && run.released === true) return;
  await Promise.all(run.slots.map(async (slot) => { if (slot.record !== undefined && slot.record.exit !== undefined) await run.parts.runtime.delete(slot.record, { root: slot.record.root }); }));
  await run.parts.claims.release(run.uid);
  await run.parts.users.release(run.uid).catch((error: Error) => run.parts.context.log.warn('the users of a pod could not be given back', { pod: run.label, error }));
  await run.parts.hostPorts.release(run.uid).catch((error: Error) => run.parts.context.log.warn('the ports of the machine could not be given back', { pod: run.label, error }));
  await runtimeOperation(run.parts.counts, 'stop_podsandbox', () => run.parts.pool.release(run.uid)).catch((error: Error) => run.parts.context.log.warn('the sandbox could not be removed', { pod: run.label, error }));
  if (run.prepared !== undefined) run.parts.tally.end(run.pod, run.prepared.cgroup);
  const { cgroupVersion, instance } = run.parts.context.machine;
  if (run.pod.spec?.shareProcessNamespace === true) await closeProcessNamespace({ version: cgroupVersion, path: podCgroup(instance, qosClassOf(run.pod), run.uid) });
  const cgroupMs = performance.now();
  if (!removePodCgroup({ version: cgroupVersion, instance, uid: run.uid })) run.parts.context.log.warn('the control groups of a pod could not all be removed', { pod: run.label });
  run.parts.counts.took('kubelet_cgroup_manager_duration_seconds', (performance.now() - cgroupMs) / 1_000, { operation_type: 'destroy' });
  run.prepared = undefined;
  run.released = true;
  if (isTerminal(run.pod) || run.failed !== undefined) await dropFiles(run);
}

/** A pod that has ended never runs again: its volumes and what its containers wrote leave the disk, and stay not until it is deleted. */
async function dropFiles(run: PodRun): Promise<void> {
  const { paths, context } = run.parts;
  try {
    await tearDownVolumes({ state: join(paths.pods, run.uid), run: join(paths.podsRun, run.uid) }, run.parts.csi);
    for (const { record } of run.slots) if (record !== undefined) await rm(join(paths.containers, record.id), { recursive: true, force: true });
  } catch (error) {
    context.log.warn('what a pod wrote could not be removed', { pod: run.label, error });
  }
}

/** Takes away all that is left of the pod on this machine. */
export async function forget(run: PodRun): Promise<void> {
  run.parts.counts.drop({ namespace: run.pod.metadata.namespace ?? '', pod: run.pod.metadata.name ?? '' }); // its probes
  for (const slot of run.slots) {
    run.parts.images.forget(`${run.uid}/${slot.container.name}`);
    if (slot.record !== undefined) await removeContainer(run.parts, slot.record).catch((error: Error) => run.parts.context.log.warn('a container could not be removed', { pod: run.label, error }));
  }
  for (const { name, image } of run.pod.spec?.volumes ?? []) if (image !== undefined) run.parts.images.forget(`${run.uid}/volumes/${name}`);
  await tearDownVolumes({ state: join(run.parts.paths.pods, run.uid), run: join(run.parts.paths.podsRun, run.uid) }, run.parts.csi);
  removeLogs(run.parts.paths.logs, `${run.pod.metadata.namespace}_${run.pod.metadata.name}_${run.uid}`);
}
