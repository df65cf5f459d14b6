/** What happens while a container runs: its probes, its hooks, its end. */
import { wasOomKilled } from '../cgroup/layout.ts';
import { runHandler, type HandlerTarget } from '../probes/handlers.ts';
import { runProbes, type Standing } from '../probes/prober.ts';
import { execInContainer } from '../runtime/exec.ts';
import { lastWords } from './last-words.ts';
import { tell, type PodRun } from './pod-run.ts';
import { keepRecord, type ContainerRecord } from './record.ts';
import type { Slot } from './slot.ts';
import { stopContainer } from './stop-container.ts';

/** `known` is how an adopted container stood before: it stays so until its probes say otherwise, or its endpoints would be gone for a moment. */
export function attend(run: PodRun, slot: Slot, record: ContainerRecord, known: Standing = {}): void {
  const { container } = slot;
  slot.started = container.startupProbe === undefined || known.started === true;
  slot.ready = slot.role !== 'init' && slot.started && (container.readinessProbe === undefined || known.ready === true);
  run.endings.set(record.id, Promise.withResolvers());
  run.parts.exits.follow(record, (exit) => ended(run, slot, record, exit));
  if (record.exit !== undefined || (container.startupProbe ?? container.livenessProbe ?? container.readinessProbe) === undefined) return;
  slot.probes = new AbortController();
  void runProbes(container, target(run, slot, record), {
    failed: (sort, message) => tell(run, 'Warning', 'Unhealthy', `${sort[0]!.toUpperCase()}${sort.slice(1)} probe failed: ${message}`),
    changed(sort, ok) {
      if (sort === 'startup' && ok) {
        slot.started = true;
        slot.ready = container.readinessProbe === undefined;
      } else if (sort === 'readiness') slot.ready = ok;
      else if (!ok) void stopSlot(run, slot, `Container ${container.name} failed ${sort} probe, will be restarted`, (sort === 'startup' ? container.startupProbe : container.livenessProbe)?.terminationGracePeriodSeconds);
      run.poke();
    },
  }, { clock: run.parts.context.clock, signal: slot.probes.signal, startedMs: record.startedMs ?? run.parts.context.clock.nowMs(), known });
}

function target(run: PodRun, slot: Slot, record: ContainerRecord): HandlerTarget {
  return { container: slot.container, podIp: run.podIps()[0] ?? '127.0.0.1', exec: (command, timeoutMs) => execInContainer(run.parts.runtime, record, command, { timeoutMs }) };
}

export async function postStart(run: PodRun, slot: Slot): Promise<void> {
  const record = slot.record!;
  const answer = await runHandler(slot.container.lifecycle!.postStart!, target(run, slot, record), 2 ** 30);
  if (answer.ok || record.exit !== undefined) return;
  tell(run, 'Warning', 'FailedPostStartHook', `PostStartHook failed: ${answer.message}`);
  await stopSlot(run, slot, `FailedPostStartHook`);
}

function ended(run: PodRun, slot: Slot, record: ContainerRecord, exit: { exitCode: number; finishedMs: number }): void {
  slot.probes?.abort();
  slot.ready = false;
  slot.started = false;
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
  run.endings.get(record.id)?.resolve();
  run.endings.delete(record.id);
  run.poke();
}

/** Ends one container; it starts again when its policy says so. */
export function stopSlot(run: PodRun, slot: Slot, why: string, graceSeconds?: number): Promise<void> {
  const record = slot.record;
  if (record === undefined || record.exit !== undefined) return Promise.resolve();
  if (slot.stopping !== undefined) return slot.stopping;
  tell(run, 'Normal', 'Killing', why);
  slot.probes?.abort();
  const withPod = run.stop !== undefined;
  const ownDeadlineMs = run.parts.context.clock.nowMs() + (graceSeconds ?? run.pod.spec?.terminationGracePeriodSeconds ?? 30) * 1_000;
  slot.stopping = stopContainer(record, {
    runtime: run.parts.runtime, clock: run.parts.context.clock, container: slot.container, target: target(run, slot, record), ended: run.endings.get(record.id)?.promise ?? Promise.resolve(),
    deadlineMs: () => Math.min(run.stop?.deadlineMs ?? Infinity, withPod ? Infinity : ownDeadlineMs), changed: () => run.changed(),
    hookFailed: (message) => tell(run, 'Warning', 'FailedPreStopHook', `PreStopHook failed: ${message}`),
  }).catch((error: Error) => run.parts.context.log.error('a container could not be stopped', { pod: run.label, container: slot.container.name, error }))
    .finally(() => { if (record.exit === undefined) slot.stopping = undefined; });
  return slot.stopping;
}
