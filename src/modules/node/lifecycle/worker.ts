/**
 * The worker of one pod: brings what runs in line with what is wanted, again and again, whenever something changed. Level-triggered: a turn
 * looks at the pod, the containers and the clock, does the next steps, and says when it wants to look again.
 */
import { join } from 'node:path';
import type { ContainerStatus, Pod } from '../../../api/generated/core-v1.ts';
import { removeCgroup, wasOomKilled } from '../cgroup/layout.ts';
import { pullCredentials } from '../images/credentials.ts';
import type { NodeParts } from '../parts.ts';
import { runHandler, type HandlerTarget } from '../probes/handlers.ts';
import { runProbes } from '../probes/prober.ts';
import { START_FAILURE_CODE } from '../runtime/runtime.ts';
import { execInContainer } from '../runtime/exec.ts';
import { tearDownVolumes } from '../volumes/set-up.ts';
import { preparePod, refreshVolumes, type PreparedPod } from './prepare-pod.ts';
import { processTicks, keepRecord, type ContainerRecord } from './record.ts';
import { goDuration, restartDelay, shouldRestart } from './restart.ts';
import { isRunning, rememberStatus, slotsOf, viewOf, type Slot } from './slot.ts';
import { ConfigError, removeContainer, startContainer } from './start-container.ts';
import { statusWriter, type StatusWriter } from './status-writer.ts';
import { stopContainer } from './stop-container.ts';
import { lastWords } from './last-words.ts';

export interface PodWorker {
  readonly uid: string;
  /** The pod as it is now; undefined when it is gone from the cluster. */
  update(pod: Pod | undefined): void;
  /** A ConfigMap or Secret changed that it may refer to. */
  refresh(): void;
  /** The latest attempt of a container by name. */
  record(container: string): ContainerRecord | undefined;
  records(): readonly ContainerRecord[];
  /** Takes the worker out of the way and leaves the containers running. */
  detach(): Promise<void>;
  /** Settles when the pod is gone from this machine. */
  readonly done: Promise<void>;
}

interface Stop { graceSeconds: number; deadlineMs: number; reason: 'deleted' | 'gone' | 'finished' }

const RETRY_MS = 2_000;

export function podWorker(parts: NodeParts, first: Pod, adopted: readonly ContainerRecord[]): PodWorker {
  const { context } = parts;
  const { clock, events } = context;
  const log = context.log;
  const uid = first.metadata.uid ?? '';
  const name = `${first.metadata.name}_${first.metadata.namespace}(${uid})`;
  let pod = first;
  let gone = false;
  let stop: Stop | undefined;
  let failed: { reason: string; message: string } | undefined;
  let prepared: PreparedPod | undefined;
  let refreshWanted = false;
  let volumeFailures = 0;
  let turning: Promise<void> | undefined;
  let again = false;
  let detached = false;
  let timer: NodeJS.Timeout | undefined;
  let wakeAtMs = Infinity;
  let changed = Promise.withResolvers<void>();
  const finished = Promise.withResolvers<void>();
  const endings = new Map<string, PromiseWithResolvers<void>>();
  const slots = slotsOf(first.spec!);
  const status: StatusWriter = statusWriter(parts, () => pod, (fresh) => { pod = fresh; });
  const startTimeMs = first.status?.startTime === undefined ? clock.nowMs() : Date.parse(first.status.startTime);

  adopt();

  // ---- turns

  function poke(): void {
    changed.resolve();
    changed = Promise.withResolvers();
    if (detached) return;
    if (turning !== undefined) {
      again = true;
      return;
    }
    turning = turnUntilQuiet().finally(() => {
      turning = undefined;
      if (again && !detached) poke();
    });
  }

  async function turnUntilQuiet(): Promise<void> {
    do {
      again = false;
      wakeAtMs = Infinity;
      try {
        if (await turn()) return;
      } catch (error) {
        log.error('a turn of the pod failed', { pod: name, error });
        wakeAt(clock.nowMs() + RETRY_MS);
      }
      publish();
    } while (again && !detached);
    setTimer();
  }

  function wakeAt(timeMs: number): void {
    wakeAtMs = Math.min(wakeAtMs, timeMs);
  }

  function setTimer(): void {
    clearTimeout(timer);
    if (wakeAtMs === Infinity || detached) return;
    timer = setTimeout(poke, Math.min(Math.max(0, wakeAtMs - clock.nowMs()), 2 ** 30));
    timer.unref();
  }

  /** Gives true when the pod is gone from this machine. */
  async function turn(): Promise<boolean> {
    decideStop();
    if (stop !== undefined) return end(stop);
    if (isTerminal()) {
      await release();
      return false;
    }
    watchDeadline();
    if (!(await prepare())) return false;
    await startWhatIsDue();
    return false;
  }

  function decideStop(): void {
    const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
    if (gone) setStop('gone', Math.min(pod.spec?.terminationGracePeriodSeconds ?? 30, deletionGracePeriodSeconds ?? Infinity));
    else if (deletionTimestamp !== undefined) setStop('deleted', deletionGracePeriodSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? 30);
    else if (failed !== undefined || (isTerminal() && slots.some(isRunning))) setStop('finished', pod.spec?.terminationGracePeriodSeconds ?? 30);
  }

  function setStop(reason: Stop['reason'], graceSeconds: number): void {
    const deadlineMs = clock.nowMs() + graceSeconds * 1_000;
    if (stop === undefined) stop = { reason, graceSeconds, deadlineMs };
    else if (graceSeconds < stop.graceSeconds) stop = { reason, graceSeconds, deadlineMs: Math.min(stop.deadlineMs, deadlineMs) };
    else stop = { ...stop, reason: stop.reason === 'gone' ? 'gone' : reason };
  }

  function isTerminal(): boolean {
    return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  }

  function watchDeadline(): void {
    const seconds = pod.spec?.activeDeadlineSeconds;
    if (seconds === undefined) return;
    const atMs = startTimeMs + seconds * 1_000;
    if (clock.nowMs() < atMs) return wakeAt(atMs);
    failed = { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' };
    events.event(pod, 'Normal', 'DeadlineExceeded', failed.message);
    again = true;
  }

  // ---- before the containers

  async function prepare(): Promise<boolean> {
    try {
      if (prepared === undefined) prepared = await preparePod(parts, pod);
      else if (refreshWanted || (prepared.renewAtMs !== undefined && clock.nowMs() >= prepared.renewAtMs)) {
        refreshWanted = false;
        await refreshVolumes(parts, pod, prepared);
      }
      volumeFailures = 0;
      if (prepared.renewAtMs !== undefined) wakeAt(prepared.renewAtMs);
      return true;
    } catch (error) {
      const message = (error as Error).message;
      events.event(pod, 'Warning', message.startsWith('MountVolume') ? 'FailedMount' : 'FailedCreatePodSandBox', message.startsWith('MountVolume') ? message : `Failed to create pod sandbox: ${message}`);
      wakeAt(clock.nowMs() + Math.min(60_000, 500 * 2 ** volumeFailures++));
      return prepared !== undefined;
    }
  }

  async function startWhatIsDue(): Promise<void> {
    const begun = slots.some((slot) => slot.role === 'app' && slot.record !== undefined);
    for (const slot of slots) {
      if (slot.role === 'init') {
        if (begun && slot.record === undefined) continue; // adopted without it: it has run before
        await look(slot);
        if (slot.record?.exit?.exitCode !== 0 || slot.waiting !== undefined) return;
      } else {
        await look(slot);
        if (slot.role === 'sidecar' && !slot.started && !begun) return;
      }
      if (stop !== undefined || again && pod.metadata.deletionTimestamp !== undefined) return;
    }
  }

  /** Starts the container when it should run and does not. */
  async function look(slot: Slot): Promise<void> {
    const { record } = slot;
    if (slot.over === true) return;
    if (record !== undefined && record.exit === undefined) {
      if (record.wantedImage !== (wantedContainer(slot).image ?? '')) void stopSlot(slot, `Container ${slot.container.name} definition changed, will be restarted`);
      return;
    }
    if (record?.exit !== undefined && slot.waiting === undefined && !mayRestart(slot, record)) return;
    if (slot.notBeforeMs !== undefined && clock.nowMs() < slot.notBeforeMs) return wakeAt(slot.notBeforeMs);
    await startSlot(slot);
  }

  function mayRestart(slot: Slot, record: ContainerRecord): boolean {
    const exit = record.exit!;
    if (!shouldRestart(pod.spec!, slot.container, slot.role, exit.exitCode)) return false;
    const { delayMs, nextMs } = restartDelay(slot.backoffMs, exit.finishedMs - (record.startedMs ?? exit.finishedMs));
    slot.backoffMs = nextMs;
    slot.notBeforeMs = exit.finishedMs + delayMs;
    if (delayMs > 0) {
      slot.waiting = { reason: 'CrashLoopBackOff', message: `back-off ${goDuration(delayMs)} restarting failed container=${slot.container.name} pod=${name}` };
      events.event(pod, 'Warning', 'BackOff', `Back-off restarting failed container ${slot.container.name} in pod ${name}`);
    } else slot.waiting = { reason: 'ContainerCreating' };
    return true;
  }

  function wantedContainer(slot: Slot): Slot['container'] {
    const spec = pod.spec!;
    return [...spec.containers, ...(spec.initContainers ?? [])].find((each) => each.name === slot.container.name) ?? slot.container;
  }

  async function startSlot(slot: Slot): Promise<void> {
    slot.container = wantedContainer(slot);
    const { container } = slot;
    const key = `${uid}/${container.name}`;
    const answer = parts.images.ensure(key, container.image ?? '', container.imagePullPolicy, () => pullCredentials(pod, prepared!.sources.secret));
    if (answer.state === 'pulling') {
      if (slot.waiting?.reason !== 'ErrImagePull' && slot.waiting?.reason !== 'ImagePullBackOff') slot.waiting = { reason: slot.waiting?.reason === 'CrashLoopBackOff' ? 'CrashLoopBackOff' : 'ContainerCreating' };
      if (slot.pulling !== true) {
        slot.pulling = true;
        events.event(pod, 'Normal', 'Pulling', `Pulling image "${container.image}"`);
        void answer.done.then(() => { slot.pulling = false; poke(); });
      }
      return;
    }
    if (answer.state === 'failed') return imageFailed(slot, answer);
    events.event(pod, 'Normal', 'Pulled', answer.pulledMs === undefined ? `Container image "${container.image}" already present on machine` : `Successfully pulled image "${container.image}" in ${answer.pulledMs}ms`);
    const before = slot.record;
    const attempt = before === undefined ? slot.restartCount : slot.restartCount + 1;
    try {
      const record = await startContainer(parts, prepared!.place(pod), container, { role: slot.role, attempt, image: answer.image });
      took(slot, record, before);
    } catch (error) {
      const reason = error instanceof ConfigError ? 'CreateContainerConfigError' : 'CreateContainerError';
      const message = (error as Error).message;
      if (slot.waiting?.message !== message) events.event(pod, 'Warning', 'Failed', `Error: ${message}`);
      slot.waiting = { reason, message };
      slot.notBeforeMs = clock.nowMs() + RETRY_MS;
      wakeAt(slot.notBeforeMs);
    }
  }

  function imageFailed(slot: Slot, answer: { reason: string; message: string; retryAtMs?: number }): void {
    if (slot.waiting?.reason !== answer.reason) {
      if (answer.reason === 'ImagePullBackOff') events.event(pod, 'Normal', 'BackOff', `Back-off pulling image "${slot.container.image}"`);
      else {
        events.event(pod, 'Warning', answer.reason === 'InvalidImageName' ? 'InspectFailed' : 'Failed', answer.reason === 'ErrImagePull' ? `Failed to pull image "${slot.container.image}": ${answer.message}` : answer.message);
        events.event(pod, 'Warning', 'Failed', `Error: ${answer.reason}`);
      }
    }
    slot.waiting = { reason: answer.reason, message: answer.message };
    if (answer.retryAtMs !== undefined) {
      wakeAt(answer.retryAtMs);
      if (answer.reason === 'ErrImagePull') wakeAt(clock.nowMs() + RETRY_MS);
    }
  }

  /** A new attempt is there, running or refused by the runtime. */
  function took(slot: Slot, record: ContainerRecord, before: ContainerRecord | undefined): void {
    if (before?.exit !== undefined) {
      slot.last = viewOf({ ...slot, waiting: undefined }, false).state;
      void removeContainer(parts, before).catch((error: Error) => log.warn('an ended container could not be removed', { pod: name, error }));
    }
    slot.record = record;
    slot.restartCount = record.attempt;
    slot.waiting = undefined;
    slot.notBeforeMs = undefined;
    slot.stopping = undefined;
    events.event(pod, 'Normal', 'Created', `Created container: ${slot.container.name}`);
    if (record.exit !== undefined) {
      events.event(pod, 'Warning', 'Failed', `Error: ${record.exit.message}`);
      again = true;
      return;
    }
    events.event(pod, 'Normal', 'Started', `Started container ${slot.container.name}`);
    attend(slot, record);
    if (slot.container.lifecycle?.postStart !== undefined) void postStart(slot);
  }

  // ---- while a container runs

  function attend(slot: Slot, record: ContainerRecord): void {
    const { container } = slot;
    slot.started = container.startupProbe === undefined;
    slot.ready = slot.role !== 'init' && slot.started && container.readinessProbe === undefined;
    endings.set(record.id, Promise.withResolvers());
    parts.exits.follow(record, (exit) => ended(slot, record, exit));
    if (record.exit !== undefined || (container.startupProbe ?? container.livenessProbe ?? container.readinessProbe) === undefined) return;
    slot.probes = new AbortController();
    void runProbes(container, target(slot, record), {
      failed: (sort, message) => events.event(pod, 'Warning', 'Unhealthy', `${sort[0]!.toUpperCase()}${sort.slice(1)} probe failed: ${message}`),
      changed(sort, ok) {
        if (sort === 'startup' && ok) {
          slot.started = true;
          slot.ready = container.readinessProbe === undefined;
        } else if (sort === 'readiness') slot.ready = ok;
        else if (!ok) void stopSlot(slot, `Container ${container.name} failed ${sort} probe, will be restarted`, (sort === 'startup' ? container.startupProbe : container.livenessProbe)?.terminationGracePeriodSeconds);
        poke();
      },
    }, { clock, signal: slot.probes.signal, startedMs: record.startedMs ?? clock.nowMs() });
  }

  function target(slot: Slot, record: ContainerRecord): HandlerTarget {
    return { container: slot.container, podIp: podIps()[0] ?? '127.0.0.1', exec: (command, timeoutMs) => execInContainer(parts.runtime, record, command, { timeoutMs }) };
  }

  async function postStart(slot: Slot): Promise<void> {
    const record = slot.record!;
    const answer = await runHandler(slot.container.lifecycle!.postStart!, target(slot, record), 2 ** 30);
    if (answer.ok || record.exit !== undefined) return;
    events.event(pod, 'Warning', 'FailedPostStartHook', `PostStartHook failed: ${answer.message}`);
    await stopSlot(slot, `FailedPostStartHook`);
  }

  function ended(slot: Slot, record: ContainerRecord, exit: { exitCode: number; finishedMs: number }): void {
    slot.probes?.abort();
    slot.ready = false;
    slot.started = false;
    const oom = exit.exitCode !== 0 && wasOomKilled({ version: context.machine.cgroupVersion, path: record.cgroup });
    record.exit = { ...exit, reason: oom ? 'OOMKilled' : exit.exitCode === 0 ? 'Completed' : 'Error' };
    const message = lastWords(record, slot.container.terminationMessagePolicy);
    if (message !== '') record.exit.message = message;
    keepRecord(record);
    endings.get(record.id)?.resolve();
    endings.delete(record.id);
    poke();
  }

  // ---- the end

  /** Ends one container; it starts again when its policy says so. */
  function stopSlot(slot: Slot, why: string, graceSeconds?: number): Promise<void> {
    const record = slot.record;
    if (record === undefined || record.exit !== undefined) return Promise.resolve();
    if (slot.stopping !== undefined) return slot.stopping;
    events.event(pod, 'Normal', 'Killing', why);
    slot.probes?.abort();
    const withPod = stop !== undefined;
    const ownDeadlineMs = clock.nowMs() + (graceSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? 30) * 1_000;
    slot.stopping = stopContainer(record, {
      runtime: parts.runtime, clock, container: slot.container, target: target(slot, record), ended: endings.get(record.id)?.promise ?? Promise.resolve(),
      deadlineMs: () => Math.min(stop?.deadlineMs ?? Infinity, withPod ? Infinity : ownDeadlineMs), changed: () => changed.promise,
      hookFailed: (message) => events.event(pod, 'Warning', 'FailedPreStopHook', `PreStopHook failed: ${message}`),
    }).catch((error: Error) => log.error('a container could not be stopped', { pod: name, container: slot.container.name, error }))
      .finally(() => { if (record.exit === undefined) slot.stopping = undefined; });
    return slot.stopping;
  }

  async function end(current: Stop): Promise<boolean> {
    const running = slots.filter(isRunning);
    const due = running.some((slot) => slot.role !== 'sidecar') ? running.filter((slot) => slot.role !== 'sidecar') : running;
    if (due.length > 0) {
      for (const slot of due) void stopSlot(slot, `Stopping container ${slot.container.name}`);
      wakeAt(clock.nowMs() + RETRY_MS);
      return false;
    }
    for (const slot of slots) if (slot.waiting !== undefined && slot.record?.exit !== undefined) slot.waiting = undefined;
    await release();
    if (current.reason === 'finished') {
      stop = undefined;
      publish();
      await status.settled();
      if (!isTerminal()) wakeAt(clock.nowMs() + RETRY_MS);
      return false;
    }
    publish();
    await status.settled();
    await forget();
    if (!gone) await status.remove();
    detached = true;
    clearTimeout(timer);
    finished.resolve();
    return true;
  }

  /** Gives back what only a running pod needs; status and logs stay until the pod is deleted. */
  async function release(): Promise<void> {
    if (prepared === undefined && parts.pool.owned(uid) === undefined) return;
    await Promise.all(slots.map(async (slot) => { if (slot.record !== undefined && slot.record.exit !== undefined) await parts.runtime.delete(slot.record, { root: slot.record.root }); }));
    await parts.pool.release(uid).catch((error: Error) => log.warn('the sandbox could not be removed', { pod: name, error }));
    if (prepared !== undefined) removeCgroup({ version: context.machine.cgroupVersion, path: prepared.cgroup });
    prepared = undefined;
  }

  async function forget(): Promise<void> {
    for (const slot of slots) {
      parts.images.forget(`${uid}/${slot.container.name}`);
      if (slot.record !== undefined) await removeContainer(parts, slot.record).catch((error: Error) => log.warn('a container could not be removed', { pod: name, error }));
    }
    await tearDownVolumes({ state: join(parts.paths.pods, uid), run: join(parts.paths.podsRun, uid) });
    const { rm } = await import('node:fs/promises');
    await rm(join(parts.paths.logs, `${first.metadata.namespace}_${first.metadata.name}_${uid}`), { recursive: true, force: true });
  }

  // ---- status

  function podIps(): readonly string[] {
    if (pod.spec?.hostNetwork === true) return [parts.hostIp];
    return prepared?.ips ?? pod.status?.podIPs?.map((each) => each.ip ?? '') ?? [];
  }

  function publish(): void {
    if (gone) return;
    if (isTerminal() && stop === undefined && !slots.some((slot) => slot.record !== undefined)) return;
    const initializing = slots.some((slot) => slot.role === 'init' && slot.record?.exit?.exitCode !== 0);
    status.write({
      containers: slots.map((slot) => viewOf(slot, initializing)), sandboxReady: prepared !== undefined, podIps: podIps(), hostIp: parts.hostIp, startTimeMs, nowMs: clock.nowMs(), failed,
    }, { soon: slots.some(isRunning) || slots.some((slot) => slot.waiting !== undefined && slot.waiting.reason !== 'ContainerCreating') || stop !== undefined || slots.some((slot) => slot.record?.exit !== undefined) });
  }

  // ---- adoption

  function adopt(): void {
    const statuses: ContainerStatus[] = [...(first.status?.containerStatuses ?? []), ...(first.status?.initContainerStatuses ?? [])];
    for (const slot of slots) {
      const latest = adopted.filter((each) => each.name === slot.container.name).sort((a, b) => b.attempt - a.attempt)[0];
      if (latest === undefined) {
        if (!isTerminal()) rememberStatus(slot, statuses.find((each) => each.name === slot.container.name), first.spec!);
        continue;
      }
      slot.record = latest;
      slot.restartCount = latest.attempt;
      slot.last = statuses.find((each) => each.name === slot.container.name)?.lastState;
      if (slot.last !== undefined && Object.keys(slot.last).length === 0) slot.last = undefined;
      if (latest.exit !== undefined) continue;
      if (latest.pid === undefined || latest.startedMs === undefined) {
        // llmos ended between create and start: it never ran.
        if (latest.pid !== undefined && processTicks(latest.pid) === latest.pidTicks) parts.runtime.kill(latest, latest.pid, 'SIGKILL');
        latest.exit = { exitCode: START_FAILURE_CODE, finishedMs: clock.nowMs(), reason: 'StartError', message: 'the node was interrupted while it started the container' };
      } else attend(slot, latest);
    }
  }

  return {
    uid,
    update(next) {
      if (next === undefined) gone = true;
      else if (Number(next.metadata.resourceVersion) > Number(pod.metadata.resourceVersion)) { // the cache lags behind our own writes
        if (next.metadata.labels !== pod.metadata.labels || next.metadata.annotations !== pod.metadata.annotations) refreshWanted = true;
        pod = next;
        addEphemeral();
      }
      poke();
    },
    refresh() {
      refreshWanted = true;
      poke();
    },
    record: (container) => slots.find((slot) => slot.container.name === container)?.record,
    records: () => slots.flatMap((slot) => slot.record ?? []),
    async detach() {
      detached = true;
      clearTimeout(timer);
      for (const slot of slots) slot.probes?.abort();
      await turning;
      await status.settled();
    },
    done: finished.promise,
  };

  function addEphemeral(): void {
    for (const slot of slotsOf({ containers: [], ephemeralContainers: pod.spec?.ephemeralContainers })) if (!slots.some((each) => each.container.name === slot.container.name)) slots.push(slot);
  }
}
