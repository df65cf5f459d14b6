/** One container of a pod as the worker sees it: the latest attempt, what came before, what it waits for. */
import { rfc3339 } from '../../../base/clock.ts';
import type { Container, ContainerState, ContainerStatus, PodSpec, ResourceRequirements } from '../../../api/generated/core-v1.ts';
import type { ContainerRole, ContainerView } from '../status/view.ts';
import { shouldRestart } from './restart.ts';
import type { ContainerExit, ContainerRecord } from './record.ts';

export interface Slot {
  container: Container;
  role: ContainerRole;
  /** The latest attempt; ended when it has an exit. */
  record?: ContainerRecord;
  /** How the attempt before the latest ended. */
  last?: ContainerState;
  /** How often it was started again. */
  restartCount: number;
  /** Why the next attempt is not there yet. */
  waiting?: { reason: string; message?: string };
  notBeforeMs?: number;
  backoffMs: number;
  ready: boolean;
  started: boolean;
  /** Its last attempt was lost with a reboot and its policy forbids another. */
  over?: boolean;
  /** What the node grants it, when the spec was first seen or at the last resize; undefined for ephemeral containers. */
  allocated?: ResourceRequirements;
  /** It is ended to start again at once, whatever its policy says. */
  mustRestart?: boolean;
  pulling?: boolean;
  /** When it was last told how far the pull has come. */
  toldProgressMs?: number;
  /** Ends the probes of the latest attempt. */
  probes?: AbortController;
  /** Ends those that ask whether it has started and lives: it is being ended itself. */
  ending?: AbortController;
  /** Set while its postStart hook runs. */
  hook?: boolean;
  /** Set while it is being ended. */
  stopping?: Promise<void>;
}

/** Init containers first, then those of the application, then those for debugging. */
export function slotsOf(spec: PodSpec): Slot[] {
  const slot = (container: Container, role: ContainerRole): Slot => ({ container, role, restartCount: 0, backoffMs: 0, ready: false, started: false, ...(role === 'ephemeral' ? {} : { allocated: container.resources ?? {} }) });
  return [
    ...(spec.initContainers ?? []).map((each) => slot(each, each.restartPolicy === 'Always' ? 'sidecar' : 'init')),
    ...spec.containers.map((each) => slot(each, 'app')),
    ...(spec.ephemeralContainers ?? []).map((each) => slot(each as Container, 'ephemeral')),
  ];
}

export function isRunning(slot: Slot): boolean {
  return slot.record !== undefined && slot.record.exit === undefined;
}

/** After a reboot nothing is left of a container but its status: it has ended in a way nobody saw. */
export function rememberStatus(slot: Slot, status: ContainerStatus | undefined, spec: PodSpec): void {
  if (status?.containerID === undefined || status.containerID === '' || slot.record !== undefined) return;
  const terminated = status.state?.terminated ?? { exitCode: 137, reason: 'ContainerStatusUnknown', message: 'The container could not be located when the node started again', startedAt: status.state?.running?.startedAt, containerID: status.containerID };
  slot.last = { terminated };
  slot.over = slot.role === 'app' && !shouldRestart(spec, slot.container, slot.role, terminated.exitCode);
  slot.restartCount = status.restartCount + (slot.over ? 0 : 1);
}

function terminatedState(record: ContainerRecord, exit: ContainerExit): ContainerState {
  return { terminated: { exitCode: exit.exitCode, reason: exit.reason, ...(exit.message ? { message: exit.message } : {}), startedAt: rfc3339(record.startedMs ?? 0), finishedAt: rfc3339(exit.finishedMs), containerID: containerId(record) } };
}

export function containerId(record: ContainerRecord): string {
  return `llmos://${record.id}`;
}

/** `spec` tells whether it starts again, as `allAgain` does of all. One that was given up never was. */
export function viewOf(slot: Slot, { initializing, spec, allAgain = false }: { initializing: boolean; spec?: PodSpec; allAgain?: boolean }): ContainerView {
  const record = slot.record?.exit?.givenUp === true ? undefined : slot.record;
  const view = { name: slot.container.name, role: slot.role, image: record?.image ?? slot.container.image ?? '', imageId: record?.imageId ?? '', containerId: record === undefined ? undefined : containerId(record), restartCount: slot.restartCount, ...(isRunning(slot) ? { alive: true } : {}), ...resourcesOf(slot), ...(record?.user === undefined ? {} : { user: record.user }), ...(slot.container.lifecycle?.stopSignal === undefined ? {} : { stopSignal: slot.container.lifecycle.stopSignal }), ...(spec === undefined ? {} : restartsOf(slot, { spec, allAgain })) };
  const before = record?.exit === undefined ? slot.last : terminatedState(record, record.exit);
  if (record !== undefined && record.exit === undefined && record.startedMs !== undefined && slot.hook === undefined) {
    return { ...view, state: { running: { startedAt: rfc3339(record.startedMs) } }, lastState: slot.last, ready: slot.ready, started: slot.started };
  }
  if (slot.over === true && slot.last !== undefined) return { ...view, state: slot.last, ready: false, started: false };
  const ready = slot.role === 'init' && record?.exit?.exitCode === 0;
  if (record?.exit !== undefined && slot.waiting === undefined) return { ...view, state: before!, lastState: slot.last, ready, started: false };
  return { ...view, state: { waiting: slot.waiting ?? { reason: initializing && slot.role !== 'init' ? 'PodInitializing' : 'ContainerCreating' } }, lastState: before, ready: false, started: false };
}

function restartsOf(slot: Slot, { spec, allAgain }: { spec: PodSpec; allAgain: boolean }): Pick<ContainerView, 'restarts'> {
  if (allAgain && slot.role !== 'ephemeral') return { restarts: true };
  if (slot.over === true) return { restarts: false };
  const exit = slot.record?.exit;
  return exit === undefined || exit.givenUp === true ? {} : { restarts: slot.waiting !== undefined || slot.mustRestart === true || shouldRestart(spec, slot.container, slot.role, exit.exitCode) };
}

/** Actual ones of a running container, else those that it will get. */
function resourcesOf(slot: Slot): Pick<ContainerView, 'resources' | 'allocatedResources'> {
  if (slot.allocated === undefined) return {};
  const { requests } = slot.allocated;
  return { resources: (isRunning(slot) ? slot.record!.resources : undefined) ?? slot.allocated, ...(requests === undefined || Object.keys(requests).length === 0 ? {} : { allocatedResources: requests }) };
}
