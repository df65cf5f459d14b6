/** Starts the containers of a pod that should run and do not: in order, with images, restarts and back-off. */
import { progressText, type PullProgress } from '../../../base/sys/pull-progress.ts';
import { machineSecret } from './sources.ts';
import { pullCredentials } from '../images/credentials.ts';
import { attend, stopSlot } from './attend.ts';
import { RETRY_MS, tell, type PodRun } from './pod-run.ts';
import type { ContainerRecord } from './record.ts';
import { restartsAll } from './restart-all.ts';
import { goDuration, isAhead, restartDelay, shouldRestart } from './restart.ts';
import { isRunning, viewOf, type Slot } from './slot.ts';
import { CONTAINER_TYPES } from '../usage/counts.ts';
import { openProcessNamespace, processNamespace } from '../sandbox/process-namespace.ts';
import { ConfigError, removeContainer, startContainer, type PodPlace } from './start-container.ts';

export async function startWhatIsDue(run: PodRun): Promise<void> {
  if (restartsAll(run)) return;
  const begun = run.restartingAll !== true && run.slots.some((slot) => slot.role === 'app' && slot.record !== undefined);
  for (const slot of run.slots) {
    if (slot.role === 'init') {
      if (begun && slot.record === undefined) continue; // adopted without it: it has run before
      await look(run, slot);
      if (slot.record?.exit?.exitCode !== 0 || slot.waiting !== undefined) return;
    } else {
      await look(run, slot);
      if (slot.role === 'sidecar' && !slot.started && !begun) return;
    }
    if (slot.hook !== undefined || run.stop !== undefined || run.pod.metadata.deletionTimestamp !== undefined) return;
  }
}

/** Starts the container when it should run and does not. */
async function look(run: PodRun, slot: Slot): Promise<void> {
  const { record } = slot;
  if (slot.over === true) return;
  if (record !== undefined && record.exit === undefined) {
    if (record.wantedImage !== (wantedContainer(run, slot).image ?? '')) void stopSlot(run, slot, `Container ${slot.container.name} definition changed, will be restarted`);
    return;
  }
  if (record?.exit !== undefined && slot.waiting === undefined && !mayRestart(run, slot, record)) return;
  if (slot.waiting?.reason === 'CrashLoopBackOff' && record !== undefined && record.wantedImage !== wantedContainer(run, slot).image) forgive(run, slot);
  if (slot.notBeforeMs !== undefined && isAhead(slot.notBeforeMs, run.parts.context.clock.nowMs())) return run.wakeAt(slot.notBeforeMs);
  await startSlot(run, slot);
}

/** Another image is another container to the kubelet: it starts at once, and backs off from the beginning when it fails, too. */
function forgive(run: PodRun, slot: Slot): void {
  slot.waiting = { reason: 'ContainerCreating' };
  slot.notBeforeMs = undefined;
  slot.backoffMs = restartDelay(0, 0, run.parts.mostRestartDelayMs).nextMs;
}

function mayRestart(run: PodRun, slot: Slot, record: ContainerRecord): boolean {
  const exit = record.exit!;
  if (slot.mustRestart === true) {
    slot.mustRestart = false;
    slot.waiting = { reason: 'ContainerCreating' };
    return true;
  }
  if (!shouldRestart(run.pod.spec!, slot.container, slot.role, exit.exitCode)) return false;
  const { delayMs, nextMs } = restartDelay(slot.backoffMs, exit.finishedMs - (record.startedMs ?? exit.finishedMs), run.parts.mostRestartDelayMs);
  slot.backoffMs = nextMs;
  slot.notBeforeMs = exit.finishedMs + delayMs;
  if (delayMs > 0) {
    slot.waiting = { reason: 'CrashLoopBackOff', message: `back-off ${goDuration(delayMs)} restarting failed container=${slot.container.name} pod=${run.label}` };
    tell(run, 'Warning', 'BackOff', `Back-off restarting failed container ${slot.container.name} in pod ${run.label}`, slot);
  } else slot.waiting = { reason: 'ContainerCreating' };
  return true;
}

function wantedContainer(run: PodRun, slot: Slot): Slot['container'] {
  const spec = run.pod.spec!;
  const wanted = [...spec.containers, ...(spec.initContainers ?? [])].find((each) => each.name === slot.container.name) ?? slot.container;
  return slot.allocated === undefined ? wanted : { ...wanted, resources: slot.allocated };
}

async function startSlot(run: PodRun, slot: Slot): Promise<void> {
  slot.container = wantedContainer(run, slot);
  const { container } = slot;
  const key = `${run.uid}/${container.name}`;
  const answer = run.parts.images.ensure(key, container.image ?? '', container.imagePullPolicy, () => pullCredentials(run.pod, run.prepared!.sources.secret, machineSecret(run.parts.context.caches)));
  if (answer.state === 'checking') return void answer.done.then(() => run.poke());
  if (answer.state === 'pulling') {
    if (slot.waiting?.reason !== 'ErrImagePull' && slot.waiting?.reason !== 'ImagePullBackOff') slot.waiting = { reason: slot.waiting?.reason === 'CrashLoopBackOff' ? 'CrashLoopBackOff' : 'ContainerCreating' };
    if (slot.pulling !== true) {
      slot.pulling = true;
      tell(run, 'Normal', 'Pulling', `Pulling image "${container.image}"`, slot);
      void answer.done.then(() => { slot.pulling = false; run.poke(); });
    }
    tellProgress(run, slot, answer.progress);
    return;
  }
  if (answer.state === 'failed') return imageFailed(run, slot, answer);
  tell(run, 'Normal', 'Pulled', answer.pulledMs === undefined ? `Container image "${container.image}" already present on machine` : `Successfully pulled image "${container.image}" in ${answer.pulledMs}ms. Image size: ${answer.image.sizeBytes} bytes.`, slot);
  if (answer.pulledMs !== undefined) countPull(run, answer.pulledMs);
  const before = slot.record;
  const attempt = before === undefined ? slot.restartCount : slot.restartCount + 1;
  try {
    run.parts.counts.add('kubelet_started_containers_total', { container_type: CONTAINER_TYPES[slot.role] });
    const record = await startContainer(run.parts, await placeFor(run, slot), container, { role: slot.role, attempt, image: answer.image, signal: run.ending });
    took(run, slot, record, before);
  } catch (error) {
    const reason = error instanceof ConfigError ? 'CreateContainerConfigError' : 'CreateContainerError';
    const message = (error as Error).message;
    run.parts.counts.add('kubelet_started_containers_errors_total', { container_type: CONTAINER_TYPES[slot.role], code: reason });
    if (slot.waiting?.message !== message) tell(run, 'Warning', 'Failed', `Error: ${message}`, slot);
    slot.waiting = { reason, message };
    slot.notBeforeMs = run.parts.context.clock.nowMs() + RETRY_MS;
    run.wakeAt(slot.notBeforeMs);
  }
}

function countPull(run: PodRun, pulledMs: number): void {
  run.pulledMs = (run.pulledMs ?? 0) + pulledMs;
  run.parts.counts.add('kubelet_runtime_operations_total', { operation_type: 'pull_image' });
  run.parts.counts.took('kubelet_runtime_operations_duration_seconds', pulledMs / 1_000, { operation_type: 'pull_image' });
}

/** In the status every time it is looked at, as an event now and then. */
function tellProgress(run: PodRun, slot: Slot, progress: PullProgress | undefined): void {
  const nowMs = run.parts.context.clock.nowMs();
  run.wakeAt(nowMs + PROGRESS_MS);
  slot.toldProgressMs ??= nowMs;
  if (progress === undefined || slot.waiting === undefined) return;
  const message = `Pulling image "${slot.container.image}": ${progressText(progress)}`;
  if (slot.waiting.reason === 'ContainerCreating') slot.waiting = { reason: 'ContainerCreating', message };
  if (nowMs - slot.toldProgressMs < PROGRESS_EVENT_MS) return;
  slot.toldProgressMs = nowMs;
  tell(run, 'Normal', 'Pulling', message, slot);
}

const PROGRESS_MS = 1_000;
const PROGRESS_EVENT_MS = 5_000;

/** The process namespace is the pod's, or that of the one to be debugged. Containers of an llmos that made none for pods with users of their own share that of the first which runs. */
async function placeFor(run: PodRun, slot: Slot): Promise<PodPlace> {
  const place = run.prepared!.place(run.pod);
  const shared = await sharedNamespace(run, place);
  if (shared !== undefined) return { ...place, namespaces: { ...place.namespaces, pid: shared } };
  const targetName = (slot.container as { targetContainerName?: string }).targetContainerName;
  const holder = targetName !== undefined && targetName !== '' ? run.slots.find((each) => each.container.name === targetName)
    : run.pod.spec?.shareProcessNamespace === true ? run.slots.find((each) => each.record?.startedMs !== undefined && each.record.exit === undefined) : undefined;
  return holder?.record?.pid === undefined || holder.record.exit !== undefined ? place : { ...place, namespaces: { ...place.namespaces, pid: `/proc/${holder.record.pid}/ns/pid` } };
}

async function sharedNamespace(run: PodRun, { cgroup, users }: PodPlace): Promise<string | undefined> {
  const { shareProcessNamespace, hostPID } = run.pod.spec!;
  if (shareProcessNamespace !== true || hostPID === true) return undefined;
  const group = { version: run.parts.context.machine.cgroupVersion, path: cgroup };
  return run.slots.some(isRunning) ? processNamespace(group) : openProcessNamespace(group, users?.path);
}

function imageFailed(run: PodRun, slot: Slot, answer: { reason: string; message: string; retryAtMs?: number }): void {
  if (slot.waiting?.reason !== answer.reason) {
    if (answer.reason === 'ImagePullBackOff') tell(run, 'Normal', 'BackOff', `Back-off pulling image "${slot.container.image}"`, slot);
    else {
      tell(run, 'Warning', answer.reason === 'InvalidImageName' ? 'InspectFailed' : 'Failed', answer.reason === 'ErrImagePull' ? `Failed to pull image "${slot.container.image}": ${answer.message}` : answer.message, slot);
      tell(run, 'Warning', 'Failed', `Error: ${answer.reason}`, slot);
    }
  }
  slot.waiting = { reason: answer.reason, message: answer.message };
  if (answer.retryAtMs !== undefined) {
    run.wakeAt(answer.retryAtMs);
    if (answer.reason === 'ErrImagePull') run.wakeAt(run.parts.context.clock.nowMs() + RETRY_MS);
  }
}

/** A new attempt is there, running or refused by the runtime. */
function took(run: PodRun, slot: Slot, record: ContainerRecord, before: ContainerRecord | undefined): void {
  if (before?.exit !== undefined) {
    slot.last = viewOf({ ...slot, waiting: undefined }, { initializing: false }).state;
    void removeContainer(run.parts, before).catch((error: Error) => run.parts.context.log.warn('an ended container could not be removed', { pod: run.label, error }));
  }
  slot.record = record;
  slot.hook = undefined;
  slot.restartCount = record.attempt;
  slot.waiting = undefined;
  slot.notBeforeMs = undefined;
  slot.stopping = undefined;
  if (record.exit?.givenUp === true) return run.poke();
  if (slot.role === 'app') run.restartingAll = undefined;
  tell(run, 'Normal', 'Created', `Created container: ${slot.container.name}`, slot);
  if (record.exit !== undefined) {
    run.parts.counts.add('kubelet_started_containers_errors_total', { container_type: CONTAINER_TYPES[slot.role], code: record.pid === undefined ? 'CreateContainerError' : 'RunContainerError' });
    tell(run, 'Warning', 'Failed', `Error: ${record.exit.message}`, slot);
    run.poke();
    return;
  }
  tell(run, 'Normal', 'Started', `Started container ${slot.container.name}`, slot);
  attend(run, slot, record);
  if (run.resize !== undefined) run.poke(); // it may be what the resize waited for
}
