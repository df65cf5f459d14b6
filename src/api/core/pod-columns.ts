/** The columns of `kubectl get pods`. */
import type { Container, ContainerStatus, Pod } from '../generated/core-v1.ts';
import { ageOf } from '../age.ts';
import { AGE, column, NAME } from '../columns.ts';
import type { Column } from '../kind.ts';

interface Summary { ready: string; status: string; restarts: number; lastRestart: string | undefined }

export const podColumns: readonly Column<Pod>[] = [
  NAME,
  column('Ready', (pod) => summaryOf(pod).ready),
  column('Status', (pod) => summaryOf(pod).status),
  column('Restarts', (pod, nowMs) => showRestarts(summaryOf(pod), nowMs)),
  AGE,
  column('IP', (pod) => pod.status?.podIPs?.[0]?.ip || pod.status?.podIP || '<none>', { wide: true }),
  column('Node', (pod) => pod.spec?.nodeName || '<none>', { wide: true }),
  column('Nominated Node', (pod) => pod.status?.nominatedNodeName || '<none>', { wide: true }),
  column('Readiness Gates', showGates, { wide: true }),
];

function showRestarts({ restarts, lastRestart }: Summary, nowMs: number): string {
  return restarts !== 0 && lastRestart !== undefined ? `${restarts} (${ageOf(lastRestart, nowMs)} ago)` : String(restarts);
}

function showGates(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const open = gates.filter(({ conditionType }) => pod.status?.conditions?.find(({ type }) => type === conditionType)?.status === 'True');
  return `${open.length}/${gates.length}`;
}

const summaries = new WeakMap<Pod, Summary>();

/** Kept by object: a row asks three times, and stored objects do not change. */
function summaryOf(pod: Pod): Summary {
  let summary = Object.isFrozen(pod) ? summaries.get(pod) : undefined;
  if (summary === undefined) {
    summary = summarize(pod);
    summaries.set(pod, summary);
  }
  return summary;
}

function summarize(pod: Pod): Summary {
  const inits = new Map((pod.spec?.initContainers ?? []).map((container) => [container.name, container]));
  const sidecars = [...inits.values()].filter(isSidecar).length;
  const init = summarizeInit(pod, inits);
  const initialized = pod.status?.conditions?.some(({ type, status }) => type === 'Initialized' && status === 'True') === true;
  let { status, ready } = init;
  let restarts: Restarts = init.all;
  if (!init.initializing || initialized) {
    const main = summarizeContainers(pod, status);
    status = main.status;
    ready += main.ready;
    restarts = addRestarts(init.sidecars, main.restarts);
  }
  return { ready: `${ready}/${(pod.spec?.containers ?? []).length + sidecars}`, status: deletionWord(pod) ?? status, restarts: restarts.count, lastRestart: restarts.last };
}

interface Restarts { count: number; last: string | undefined }

function restartsOf(status: ContainerStatus): Restarts {
  return { count: status.restartCount ?? 0, last: status.lastState?.terminated?.finishedAt };
}

function addRestarts(left: Restarts, right: Restarts): Restarts {
  const later = left.last === undefined || (right.last !== undefined && right.last > left.last) ? right.last : left.last;
  return { count: left.count + right.count, last: later };
}

function isSidecar(container: Container | undefined): boolean {
  return container?.restartPolicy === 'Always';
}

function phaseWord(pod: Pod): string {
  const gated = pod.status?.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated') === true;
  return gated ? 'SchedulingGated' : pod.status?.reason || pod.status?.phase || '';
}

function summarizeInit(pod: Pod, inits: ReadonlyMap<string, Container>): { status: string; ready: number; initializing: boolean; all: Restarts; sidecars: Restarts } {
  let all: Restarts = { count: 0, last: undefined };
  let sidecars: Restarts = { count: 0, last: undefined };
  let ready = 0;
  for (const [index, container] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const restarts = restartsOf(container);
    const sidecar = isSidecar(inits.get(container.name));
    all = addRestarts(all, restarts);
    if (sidecar) sidecars = addRestarts(sidecars, restarts);
    if (container.state?.terminated?.exitCode === 0) continue;
    if (sidecar && container.started === true) {
      if (container.ready) ready++;
      continue;
    }
    return { status: initWord(container, index, inits.size), ready, initializing: true, all, sidecars };
  }
  return { status: phaseWord(pod), ready, initializing: false, all, sidecars };
}

function initWord({ state }: ContainerStatus, index: number, count: number): string {
  if (state?.terminated !== undefined) return `Init:${state.terminated.reason || (state.terminated.signal ? `Signal:${state.terminated.signal}` : `ExitCode:${state.terminated.exitCode}`)}`;
  const waiting = state?.waiting?.reason;
  return waiting && waiting !== 'PodInitializing' ? `Init:${waiting}` : `Init:${index}/${count}`;
}

function summarizeContainers(pod: Pod, word: string): { status: string; ready: number; restarts: Restarts } {
  let status = word;
  let ready = 0;
  let restarts: Restarts = { count: 0, last: undefined };
  for (const container of (pod.status?.containerStatuses ?? []).toReversed()) {
    restarts = addRestarts(restarts, restartsOf(container));
    const { waiting, terminated, running } = container.state ?? {};
    if (waiting?.reason) status = waiting.reason;
    else if (terminated !== undefined) status = terminated.reason || (terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`);
    else if (container.ready && running !== undefined) ready++;
  }
  if (status === 'Completed' && ready > 0) {
    const isReady = pod.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true;
    status = isReady ? 'Running' : 'NotReady';
  }
  return { status, ready, restarts };
}

function deletionWord(pod: Pod): string | undefined {
  if (pod.metadata.deletionTimestamp === undefined) return undefined;
  if (pod.status?.reason === 'NodeLost') return 'Unknown';
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed' ? undefined : 'Terminating';
}
