/** Container views become the PodStatus that is written. Pure; equal input gives equal output but for the times of new transitions. */
import { rfc3339 } from '../../../base/clock.ts';
import { qosClassOf } from '../../../api/core/pod-qos.ts';
import type { ContainerStatus, Pod, PodPhase, PodStatus, VolumeMount, VolumeMountStatus } from '../../../api/generated/core-v1.ts';
import { podConditions } from './conditions.ts';
import { hasInitialized, isFinal, lastPhase, podPhase } from './phase.ts';
import type { ContainerView, PodView } from './view.ts';

export function podStatus(pod: Pod, view: PodView): PodStatus {
  const decided: PodPhase = view.failed !== undefined ? 'Failed' : view.over === true ? lastPhase(view.containers) : podPhase(pod.spec?.restartPolicy, view.containers);
  // Nobody may take its place, or what it has, as long as anything of it runs (upstream: mergePodStatus of the status manager).
  const isEnding = isFinal(decided) && view.containers.some(({ alive }) => alive === true);
  const phase = isEnding ? (pod.status?.phase ?? 'Pending') : decided;
  const status: PodStatus = {
    phase,
    conditions: podConditions(pod, isEnding && view.failed !== undefined ? { ...view, failed: { ...view.failed, disruption: undefined } } : view, decided),
    hostIP: view.hostIp,
    hostIPs: (view.hostIps ?? [view.hostIp]).map((ip) => ({ ip })),
    startTime: pod.status?.startTime ?? rfc3339(view.startTimeMs),
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    qosClass: pod.status?.qosClass ?? qosClassOf(pod),
  };
  if (view.whole !== undefined) Object.assign(status, { resources: view.whole.actual, ...(view.whole.allocated.requests === undefined ? {} : { allocatedResources: view.whole.allocated.requests }) });
  if (view.podIps.length > 0) {
    status.podIP = view.podIps[0];
    status.podIPs = view.podIps.map((ip) => ({ ip }));
  }
  if (view.failed !== undefined && !isEnding) Object.assign(status, { reason: view.failed.reason, message: view.failed.message });
  if (view.failed?.rejected === true) return status;
  const of = (...roles: string[]): ContainerStatus[] => view.containers.filter((each) => roles.includes(each.role)).map((each) => containerStatus(each, pod));
  const isLost = view.over === true && hasInitialized(view.containers);
  const init = of('init', 'sidecar');
  const ephemeral = of('ephemeral');
  if (init.length > 0) status.initContainerStatuses = init;
  status.containerStatuses = of('app').map((each) => (isLost && each.state?.terminated === undefined ? { ...each, state: { terminated: LOST } } : each));
  if (ephemeral.length > 0) status.ephemeralContainerStatuses = ephemeral;
  boundMessages([...init, ...status.containerStatuses, ...ephemeral]);
  return status;
}

/** Of a container that never ran in a pod that was deleted (upstream: TerminatePod of the status manager). */
const LOST = { reason: 'ContainerStatusUnknown', message: 'The container could not be located when the pod was terminated', exitCode: 137 };

/** Of all containers together; each may have its share (pod termination messages: 12 KiB a pod). Changes the statuses. */
const MOST_MESSAGES = 12 * 1_024;

function boundMessages(statuses: readonly ContainerStatus[]): void {
  const most = Math.floor(MOST_MESSAGES / Math.max(1, statuses.length));
  const bound = (state: ContainerStatus['state']): ContainerStatus['state'] => ((state?.terminated?.message?.length ?? 0) > most ? { terminated: { ...state!.terminated!, message: state!.terminated!.message!.slice(0, most) } } : state);
  for (const status of statuses) Object.assign(status, { state: bound(status.state), lastState: bound(status.lastState) });
}

function containerStatus(view: ContainerView, { spec }: Pod): ContainerStatus {
  const status: ContainerStatus = {
    name: view.name, state: stateOf(view, spec), lastState: view.lastState ?? {}, ready: view.ready, restartCount: view.restartCount,
    image: view.image, imageID: view.imageId, started: view.started,
  };
  if (view.containerId !== undefined) status.containerID = view.containerId;
  const { volumeMounts = [] } = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].find(({ name }) => name === view.name) ?? {};
  // Told where it was asked for only: statuses of many pods lie in memory.
  if (volumeMounts.some((each) => each.recursiveReadOnly !== undefined)) status.volumeMounts = volumeMounts.map(mountStatus);
  if (view.user !== undefined) status.user = { linux: view.user };
  if (view.resources !== undefined) status.resources = view.resources;
  if (view.stopSignal !== undefined) status.stopSignal = view.stopSignal;
  if (view.allocatedResources !== undefined) status.allocatedResources = view.allocatedResources;
  if (view.allocatedResourcesStatus !== undefined) status.allocatedResourcesStatus = view.allocatedResourcesStatus;
  return status;
}

/** Where there are init containers, whatever waits to be made is part of them (upstream: convertToAPIContainerStatuses); kubectl counts those that are done then. */
function stateOf({ state }: ContainerView, spec: Pod['spec']): ContainerStatus['state'] {
  const isMade = state.waiting?.reason !== 'ContainerCreating' || (spec?.initContainers ?? []).length === 0;
  return isMade ? state : { waiting: { ...state.waiting, reason: 'PodInitializing' } };
}

function mountStatus({ name, mountPath, readOnly, recursiveReadOnly = 'Disabled' }: VolumeMount): VolumeMountStatus {
  return { name, mountPath, ...(readOnly === true ? { readOnly, recursiveReadOnly: recursiveReadOnly === 'Disabled' ? 'Disabled' : 'Enabled' } : {}) };
}

/** Whether two statuses say the same; times of transitions count. */
export function sameStatus(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].every((key) => sameStatus((one as Record<string, unknown>)[key], (other as Record<string, unknown>)[key]));
}
