/** What happens while a container runs: its probes, its hooks, its end. */
import { graceSecondsOf } from '../../../api/core/pod-grace.ts';
import type { Int64 } from '../../../api/int64.ts';
import { wasOomKilled } from '../cgroup/layout.ts';
import { killAll } from '../cgroup/processes.ts';
import { runHook, type HandlerTarget } from '../probes/handlers.ts';
import { runProbes, type ProbeSort, type Standing } from '../probes/prober.ts';
import { execInContainer } from '../runtime/exec.ts';
import { CONTAINER_TYPES, runtimeOperation } from '../usage/counts.ts';
import { lastWords } from './last-words.ts';
import { tell, type PodRun } from './pod-run.ts';
import { keepRecord, type ContainerRecord } from './record.ts';
import { isRunning, type Slot } from './slot.ts';
import { stopContainer } from './stop-container.ts';

/**
 * `known` is how an adopted container stood before: it stays so until its probes say otherwise, or its endpoints would be gone for a moment. Without it the container is
 * new, and its postStart hook runs.
 */
export function attend(run: PodRun, slot: Slot, record: ContainerRecord, known?: Standing): void {
  const { container } = slot;
  slot.started = container.startupProbe === undefined || known?.started === true;
  slot.ready = slot.role !== 'init' && slot.started && (container.readinessProbe === undefined || known?.ready === true);
  run.endings.set(record.id, Promise.withResolvers());
  run.parts.exits.follow(record, (exit) => ended(run, slot, record, exit));
  if (known === undefined) postStart(run, slot, record);
  if (record.exit !== undefined || (container.startupProbe ?? container.livenessProbe ?? container.readinessProbe) === undefined) return;
  slot.probes = new AbortController();
  slot.ending = new AbortController();
  if (slot.hook === undefined) probe(run, slot, record, known);
}

/** Nobody is asked whether a container is well that is still being started: probes begin after its hook. */
function probe(run: PodRun, slot: Slot, record: ContainerRecord, known: Standing = {}): void {
  const { container, probes } = slot;
  if (probes === undefined || probes.signal.aborted) return;
  void runProbes(container, target(run, slot, record), {
    failed: (sort, message) => tell(run, 'Warning', 'Unhealthy', `${sort[0]!.toUpperCase()}${sort.slice(1)} probe failed: ${message}`, slot),
    tried: (sort, result, seconds) => countProbe(run, slot, sort, result, seconds),
    errored: (sort, message) => tell(run, 'Warning', 'Unhealthy', `${sort[0]!.toUpperCase()}${sort.slice(1)} probe errored and resulted in unknown state: ${message}`, slot),
    warned: (sort, message) => tell(run, 'Warning', 'ProbeWarning', `${sort[0]!.toUpperCase()}${sort.slice(1)} probe warning: ${message}`, slot),
    changed(sort, ok) {
      if (sort === 'startup' && ok) {
        slot.started = true;
        slot.ready = container.readinessProbe === undefined;
      } else if (sort === 'readiness') slot.ready = ok;
      else if (!ok) void stopSlot(run, slot, `Container ${container.name} failed ${sort} probe, will be restarted`, (sort === 'startup' ? container.startupProbe : container.livenessProbe)?.terminationGracePeriodSeconds);
      run.poke();
    },
  }, { clock: run.parts.context.clock, signal: probes.signal, ending: slot.ending?.signal, startedMs: record.startedMs ?? run.parts.context.clock.nowMs(), known });
}

/** In the words of the kubelet's metrics of probes. */
function countProbe({ parts, pod, uid }: PodRun, { container }: Slot, sort: ProbeSort, result: 'successful' | 'failed', seconds: number): void {
  const labels = { container: container.name, namespace: pod.metadata.namespace ?? '', pod: pod.metadata.name ?? '', probe_type: `${sort[0]!.toUpperCase()}${sort.slice(1)}` };
  parts.counts.add('prober_probe_total', { ...labels, pod_uid: uid, result });
  parts.counts.took('prober_probe_duration_seconds', seconds, labels);
}

function target(run: PodRun, slot: Slot, record: ContainerRecord): HandlerTarget {
  return { container: slot.container, podIp: run.podIps()[0] ?? '127.0.0.1', exec: (command, timeoutMs) => runtimeOperation(run.parts.counts, 'exec_sync', () => execInContainer(run.parts.runtime, record, command, { timeoutMs })) };
}

/** The container counts as running when its hook has come to its end, and what comes after it starts then (Container Lifecycle Hooks, "Hook handler execution"). */
function postStart(run: PodRun, slot: Slot, record: ContainerRecord): void {
  const hook = slot.container.lifecycle?.postStart;
  if (hook === undefined || record.exit !== undefined) return;
  slot.hook = true;
  void (async () => {
    const over = new AbortController();
    const answer = await Promise.race([runHook(hook, target(run, slot, record), Infinity, over.signal), run.endings.get(record.id)?.promise.then(() => undefined)]);
    over.abort();
    if (slot.record !== record) return;
    slot.hook = undefined;
    run.poke();
    if (answer === undefined || record.exit !== undefined) return;
    if (answer.ok) return probe(run, slot, record);
    tell(run, 'Warning', 'FailedPostStartHook', `PostStartHook failed${answer.message === '' ? '' : `: ${answer.message}`}`, slot);
    await stopSlot(run, slot, `FailedPostStartHook`);
  })();
}

function ended(run: PodRun, slot: Slot, record: ContainerRecord, exit: { exitCode: number; finishedMs: number }): void {
  slot.probes?.abort();
  slot.ready = false;
  slot.started = false;
  killAll({ version: run.parts.context.machine.cgroupVersion, path: record.cgroup }); // what it left behind in processes that it shares with others
  const oom = exit.exitCode !== 0 && wasOomKilled({ version: run.parts.context.machine.cgroupVersion, path: record.cgroup });
  // No end is before its begin, whatever the clock did in between: what follows is reckoned from it.
  record.exit = { ...exit, finishedMs: Math.max(exit.finishedMs, record.startedMs ?? 0), reason: oom ? 'OOMKilled' : exit.exitCode === 0 ? 'Completed' : 'Error' };
  const message = lastWords(record, slot.container.terminationMessagePolicy);
  if (message !== '') record.exit.message = message;
  try {
    keepRecord(record);
  } catch (error) {
    run.parts.context.log.warn('the end of a container could not be written down', { pod: run.label, error });
  }
  run.parts.counts.add('kubelet_terminated_containers_total', { container_type: CONTAINER_TYPES[slot.role], exit_code: String(exit.exitCode) });
  run.endings.get(record.id)?.resolve();
  run.endings.delete(record.id);
  run.poke();
}

/** Ends one container; it starts again when its policy says so. */
export function stopSlot(run: PodRun, slot: Slot, why: string, graceSeconds?: Int64): Promise<void> {
  const record = slot.record;
  if (record === undefined || record.exit !== undefined) return Promise.resolve();
  if (slot.stopping !== undefined) return slot.stopping;
  tell(run, 'Normal', 'Killing', why, slot);
  slot.ending?.abort();
  const withPod = run.stop !== undefined;
  const ownDeadlineMs = run.parts.context.clock.nowMs() + Number(graceSeconds ?? graceSecondsOf(run.pod)) * 1_000;
  slot.stopping = runtimeOperation(run.parts.counts, 'stop_container', () => stopContainer(record, {
    runtime: run.parts.runtime, clock: run.parts.context.clock, container: slot.container, target: target(run, slot, record), ended: run.endings.get(record.id)?.promise ?? Promise.resolve(),
    isTurn: () => !withPod || isTurn(run, slot), outOfService: run.stop?.reason === 'deleted' ? run.parts.outOfService.of(run.uid) : undefined,
    deadlineMs: () => Math.min(run.stop?.deadlineMs ?? Infinity, withPod ? Infinity : ownDeadlineMs), changed: () => run.changed(),
    hookFailed: (message) => tell(run, 'Warning', 'FailedPreStopHook', `PreStopHook failed${message === '' ? '' : `: ${message}`}`, slot),
  })).catch((error: Error) => run.parts.context.log.error('a container could not be stopped', { pod: run.label, container: slot.container.name, error }))
    .finally(() => { if (record.exit === undefined) slot.stopping = undefined; });
  return slot.stopping;
}

/** Sidecars end after those of the application, the last one first (pod lifecycle, "Pod shutdown and sidecar containers"). */
function isTurn({ slots }: PodRun, slot: Slot): boolean {
  if (slot.role !== 'sidecar') return true;
  const later = slots.slice(slots.indexOf(slot) + 1);
  return !slots.some((each) => (each.role === 'app' || each.role === 'init') && isRunning(each)) && !later.some((each) => each.role === 'sidecar' && isRunning(each));
}
