/**
 * In-place resize: what containers may use changes while they run (upstream: KEP 1287). Three states of resources: desired (the spec),
 * allocated (granted by this node, kept in the slot), actual (what the control groups say, kept in the record).
 */
import type { Container, Pod, PodSpec, ResourceRequirements } from '../../../api/generated/core-v1.ts';
import { grantedRequests, podRequests, resourceAmounts } from '../../../api/pod-requests.ts';
import { setCgroupLimits } from '../cgroup/layout.ts';
import { limitsOf, podLimits, type CgroupLimits } from '../cgroup/resources.ts';
import { exclusiveOf } from '../cpus/assignment.ts';
import { NodeKind, PodKind } from '../kinds.ts';
import { onNode } from '../mirror.ts';
import { sameStatus } from '../status/pod-status.ts';
import { cgroupUsage } from '../usage/read-usage.ts';
import { stopSlot } from './attend.ts';
import { isTerminal, tell, type PodRun } from './pod-run.ts';
import { keepRecord } from './record.ts';
import { isRunning, type Slot } from './slot.ts';

/** What the conditions say of a resize that is not done. */
export interface ResizeState {
  /** PodResizePending. */
  pending?: { reason: 'Deferred' | 'Infeasible'; message: string };
  /** PodResizeInProgress; with reason and message when it fails. */
  inProgress?: { reason?: 'Error'; message?: string };
}

const LOOK_AGAIN_MS = 10_000;

/** What was granted before is what the status says, by an earlier llmos perhaps. */
function wholeOf(run: PodRun, which: 'allocated' | 'actual'): Pick<PodSpec, 'resources'> {
  const { spec, status } = run.pod;
  if (spec?.resources === undefined) return {};
  const first = status?.resources ?? spec.resources;
  run.whole ??= { allocated: first, actual: first };
  return { resources: run.whole[which] };
}

/** The spec with what is granted instead of what is wanted. */
export function allocatedSpec(run: PodRun): PodSpec {
  const spec = run.pod.spec!;
  const granted = (container: Container): Container => {
    const allocated = run.slots.find((slot) => slot.container.name === container.name)?.allocated;
    return allocated === undefined || sameStatus(allocated, container.resources ?? {}) ? container : { ...container, resources: allocated };
  };
  return { ...spec, ...wholeOf(run, 'allocated'), containers: spec.containers.map(granted), ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(granted) }) };
}

/** Grants what is wanted when there is room, and brings the running containers to what is granted. */
export function resizeWhatIsDue(run: PodRun): void {
  const wanting = run.slots.filter((slot) => slot.allocated !== undefined && !sameStatus(slot.allocated, desired(run, slot)));
  const before = run.resize;
  const wholeWanted = !sameStatus(wholeOf(run, 'allocated').resources, run.pod.spec!.resources);
  if (wanting.length === 0 && !wholeWanted && before === undefined) return;
  run.resize = {};
  if (wanting.length > 0 || wholeWanted) grant(run, wanting, run.resize, before);
  const due = run.slots.filter((slot) => isRunning(slot) && slot.allocated !== undefined && slot.record!.resources !== undefined && !sameStatus(slot.record!.resources, slot.allocated));
  const wholeDue = run.prepared !== undefined && (run.isGroupDue === true || !sameStatus(run.whole?.allocated, run.whole?.actual));
  if (due.length > 0 || wholeDue) actuate(run, due, run.resize);
  const { pending, inProgress } = run.resize;
  if (inProgress?.reason === 'Error' && inProgress.message !== before?.inProgress?.message) tell(run, 'Warning', 'ResizeError', `Pod resize error: ${wordsOf(run, inProgress.message)}`);
  if (pending !== undefined || inProgress !== undefined) return run.wakeAt(run.parts.context.clock.nowMs() + LOOK_AGAIN_MS);
  run.resize = undefined;
  if (due.length > 0 || wholeDue || before?.inProgress !== undefined) tell(run, 'Normal', 'ResizeCompleted', `Pod resize completed: ${wordsOf(run)}`);
}

function desired(run: PodRun, slot: Slot): ResourceRequirements {
  const spec = run.pod.spec!;
  return [...spec.containers, ...(spec.initContainers ?? [])].find((each) => each.name === slot.container.name)?.resources ?? slot.allocated!;
}

function grant(run: PodRun, wanting: readonly Slot[], state: ResizeState, before: ResizeState | undefined): void {
  const refused = refusal(run);
  if (refused !== undefined) {
    state.pending = refused;
    if (refused.reason !== before?.pending?.reason) tell(run, 'Warning', `Resize${refused.reason}`, `Pod resize ${refused.reason}: ${wordsOf(run, refused.message)}`);
    return;
  }
  for (const slot of wanting) slot.allocated = desired(run, slot);
  if (run.whole !== undefined) run.whole.allocated = run.pod.spec!.resources!;
  if (run.slots.some(isRunning)) tell(run, 'Normal', 'ResizeStarted', `Pod resize started: ${wordsOf(run)}`);
}

/** What is wanted, as JSON, as the kubelet tells it. */
function wordsOf({ pod: { spec, metadata } }: PodRun, error?: string): string {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].map(({ name, resources }) => ({ name, resources }));
  return JSON.stringify({ containers, ...(spec?.resources === undefined ? {} : { resources: spec.resources }), generation: metadata.generation, ...(error === undefined ? {} : { error }) });
}

/** Why the node cannot give what the pod wants; less than before is always given. */
function refusal(run: PodRun): ResizeState['pending'] {
  const { caches, machine } = run.parts.context;
  const allocatable = resourceAmounts(caches.of(NodeKind).get(machine.nodeName)?.status?.allocatable ?? { cpu: `${machine.cpuMillis}m`, memory: String(machine.memoryBytes) });
  const wanted = podRequests(run.pod);
  const before = podRequests({ ...run.pod, spec: allocatedSpec(run) });
  if (run.parts.cpus.isStatic && wanted.cpuMillis !== before.cpuMillis && exclusiveOf({ ...run.pod, spec: allocatedSpec(run) }).length > 0) return { reason: 'Infeasible', message: 'Resize is infeasible for Guaranteed Pods alongside CPU Manager static policy' };
  const others: Pod[] = caches.of(PodKind).byIndex('spec.nodeName', machine.nodeName).map(onNode).filter((pod) => pod.metadata.uid !== run.uid && !isTerminal(pod));
  for (const [name, field] of [['memory', 'memoryBytes'], ['cpu', 'cpuMillis']] as const) {
    if (wanted[field] > allocatable[field]) return { reason: 'Infeasible', message: `Node didn't have enough capacity: ${name}, requested: ${wanted[field]}, capacity: ${allocatable[field]}` };
    if (wanted[field] <= before[field]) continue;
    const used = others.reduce((sum, pod) => sum + grantedRequests(pod)[field], 0);
    if (used + wanted[field] > allocatable[field]) return { reason: 'Deferred', message: `Node didn't have enough resource: ${name}, requested: ${wanted[field]}, used: ${used}, capacity: ${allocatable[field]}` };
  }
  return undefined;
}

function actuate(run: PodRun, due: readonly Slot[], state: ResizeState): void {
  const version = run.parts.context.machine.cgroupVersion;
  try {
    const target = podLimits(allocatedSpec(run));
    const path = run.prepared?.cgroup;
    const used = path === undefined ? 0 : (cgroupUsage({ version, path })?.memoryBytes ?? 0);
    if (target.memoryBytes !== undefined && target.memoryBytes < used && target.memoryBytes < (podLimits(actualSpec(run)).memoryBytes ?? Infinity)) throw new Error(`attempting to set pod memory limit (${target.memoryBytes}) below current usage (${used})`);
    run.isGroupDue = path !== undefined;
    // A group may not be smaller than one within: grow the pod's first, shrink it last.
    if (path !== undefined) setCgroupLimits({ version, path, limits: wider(target, podLimits(actualSpec(run))) });
    for (const slot of due) {
      if (mustRestart(slot)) restart(run, slot, state);
      else apply(run, slot);
    }
    // While one that is to be restarted has not been, its former group may still be there.
    if (run.slots.some((slot) => slot.mustRestart === true)) state.inProgress = {};
    if (path === undefined || state.inProgress !== undefined) return;
    setCgroupLimits({ version, path, limits: target });
    run.isGroupDue = false;
    if (run.whole !== undefined) run.whole.actual = run.whole.allocated;
  } catch (error) {
    state.inProgress = { reason: 'Error', message: (error as Error).message };
  }
}

function actualSpec(run: PodRun): PodSpec {
  const spec = run.pod.spec!;
  const actual = (container: Container): Container => ({ ...container, resources: run.slots.find((slot) => slot.container.name === container.name)?.record?.resources ?? container.resources });
  return { ...spec, ...wholeOf(run, 'actual'), containers: spec.containers.map(actual), ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(actual) }) };
}

/** No limit is the widest. */
function wider(one: CgroupLimits, other: CgroupLimits): CgroupLimits {
  const most = (a: number | undefined, b: number | undefined): number | undefined => (a === undefined || b === undefined ? undefined : Math.max(a, b));
  return { cpuShares: Math.max(one.cpuShares, other.cpuShares), cpuQuotaUs: most(one.cpuQuotaUs, other.cpuQuotaUs), memoryBytes: most(one.memoryBytes, other.memoryBytes) };
}

function mustRestart(slot: Slot): boolean {
  const differs = (name: string): boolean => (['requests', 'limits'] as const).some((list) => slot.record!.resources?.[list]?.[name] !== slot.allocated?.[list]?.[name]);
  return (slot.container.resizePolicy ?? []).some(({ resourceName, restartPolicy }) => restartPolicy === 'RestartContainer' && differs(resourceName));
}

function restart(run: PodRun, slot: Slot, state: ResizeState): void {
  state.inProgress = {};
  slot.mustRestart = true;
  void stopSlot(run, slot, `Container ${slot.container.name} resize requires restart`);
}

function apply(run: PodRun, slot: Slot): void {
  const record = slot.record!;
  const version = run.parts.context.machine.cgroupVersion;
  const limits = limitsOf(slot.allocated);
  const used = cgroupUsage({ version, path: record.cgroup })?.memoryBytes ?? 0;
  const lower = limits.memoryBytes !== undefined && limits.memoryBytes < (limitsOf(record.resources).memoryBytes ?? Infinity);
  if (lower && limits.memoryBytes! < used) throw new Error(`attempting to set container ${slot.container.name} memory limit (${limits.memoryBytes}) below current usage (${used})`);
  setCgroupLimits({ version, path: record.cgroup, limits });
  record.resources = slot.allocated;
  keepRecord(record);
}
