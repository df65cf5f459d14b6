/**
 * The worker of one pod: brings what runs in line with what is wanted, again and again, whenever something changed. Level-triggered: a turn
 * looks at the pod, the containers and the clock, does the next steps, and says when it wants to look again.
 */
import type { PersistentVolume, Pod } from '../../../api/generated/core-v1.ts';
import { onNode } from '../mirror.ts';
import type { NodeParts } from '../parts.ts';
import { SetUpFault } from '../set-up-fault.ts';
import { podLimits } from '../cgroup/resources.ts';
import { adopt } from './adopt.ts';
import { awaitImage } from './await-image.ts';
import { watchDeadline } from './deadline.ts';
import { ignoredSpec } from './admit-spec.ts';
import { endContainers, forget, release } from './end-pod.ts';
import { isTerminal, RETRY_MS, tell, type PodRun, type Stop } from './pod-run.ts';
import { podTimes } from './pod-times.ts';
import { preparePod, refreshVolumes } from './prepare-pod.ts';
import type { ContainerRecord } from './record.ts';
import { isRunning, slotsOf } from './slot.ts';
import { decideStop } from './stop-reason.ts';
import { allocatedSpec, resizeWhatIsDue } from './resize.ts';
import { startWhatIsDue } from './start-due.ts';
import { statusWriter } from './status-writer.ts';
import { turnLoop } from './turn-loop.ts';
import { isEnded, isOver, viewsOf } from './views.ts';

export interface PodWorker {
  readonly uid: string;
  /** The pod as it is now; undefined when it is gone from the cluster. */
  update(pod: Pod | undefined): void;
  /** Its volumes and what its claims are bound to, by the names of volumes; undefined before they are there. */
  volumes(): { paths: ReadonlyMap<string, string>; blockDevices: ReadonlyMap<string, string>; claimed: ReadonlyMap<string, PersistentVolume> } | undefined;
  /** A ConfigMap or Secret changed that it may refer to. */
  refresh(): void;
  /** Whether a resize waits for room on the node. */
  waitsForRoom(): boolean;
  /** As last seen. */
  pod(): Pod;
  /** Whether it has not ended and is not about to. */
  isActive(): boolean;
  /** The node gives it up, in the words of `message`, and those of its DisruptionTarget where they differ. Settles when it has ended and given back what it had. */
  evict(message: string, graceSeconds: number, why?: { reason: string; disruption: string }): Promise<void>;
  /** The latest attempt of a container by name. */
  record(container: string): ContainerRecord | undefined;
  records(): readonly ContainerRecord[];
  /** For how long it has been at what it does now, in ms; 0 while it waits. */
  turnHeldMs(): number;
  /** Takes the worker out of the way and leaves the containers running. */
  detach(): Promise<void>;
  /** Settles when the pod is gone from this machine. */
  readonly done: Promise<void>;
}

/** Between two tries to prepare the pod, doubling. */
const FIRST_PAUSE_MS = 500;
const MOST_PAUSE_MS = 60_000;
const ADMIT_AGAIN_MS = 250;

export function podWorker(parts: NodeParts, first: Pod, adopted: readonly ContainerRecord[]): PodWorker {
  const { clock, log } = parts.context;
  const uid = first.metadata.uid ?? '';
  const startTimeMs = first.status?.startTime === undefined ? clock.nowMs() : Date.parse(first.status.startTime);
  const ending = new AbortController();
  const turns = turnLoop({ turn, failed: (error) => log.error('a turn of the pod failed', { pod: run.label, error }), nowMs: () => clock.nowMs() });
  const run: PodRun = {
    parts, uid, label: `${first.metadata.name}_${first.metadata.namespace}(${uid})`, slots: slotsOf(first.spec!), pod: first, gone: false, ending: ending.signal, endings: new Map(),
    poke: turns.poke, wakeAt: turns.wakeAt, changed: turns.changed, podIps,
  };
  const status = statusWriter(parts, () => run.pod, (fresh) => { run.pod = onNode(fresh); });
  const finished = Promise.withResolvers<void>();
  const evicted = Promise.withResolvers<void>();
  let refreshWanted = false;
  let setUpFailures = 0;
  let admitted = false;
  const isNew = adopted.length === 0 && first.status?.containerStatuses === undefined;
  const times = podTimes(run, { isNew });
  let updates = true;
  adopt(run, adopted);

  /** A turn may be held up by a runtime that hangs: it is not waited for when the pod is to end. */
  function giveUpStarts(): void {
    if (run.gone || run.failed !== undefined || run.pod.metadata.deletionTimestamp !== undefined) ending.abort();
  }

  function turn(): Promise<void> {
    const isUpdate = updates;
    updates = false;
    return times.during(doTurn, { isUpdate });
  }

  async function doTurn(): Promise<void> {
    decideStop(run);
    if (run.stop !== undefined) await end(run.stop);
    else if (isOver(run)) await release(run);
    else if (!watchDeadline(run, startTimeMs) && (await isAdmitted()) && (await prepare())) {
      resizeWhatIsDue(run);
      await startWhatIsDue(run);
    }
    publish();
  }

  /** A pod that has begun here stays. */
  async function isAdmitted(): Promise<boolean> {
    if (admitted) return true;
    const begun = adopted.length > 0 || [...(run.pod.status?.containerStatuses ?? []), ...(run.pod.status?.initContainerStatuses ?? [])].some(({ containerID }) => containerID !== undefined);
    const refusal = begun ? void parts.admissions.keep(uid) : await parts.admissions.enter(run.pod);
    if (refusal === 'later') {
      run.wakeAt(clock.nowMs() + ADMIT_AGAIN_MS);
      return false;
    }
    admitted = refusal === undefined;
    if (refusal === undefined) {
      const ignored = begun ? undefined : ignoredSpec(run.pod);
      if (ignored !== undefined) tell(run, 'Warning', 'SELinux', ignored);
      return true;
    }
    run.failed = { reason: refusal.reason, message: `Pod was rejected: ${refusal.message}`, rejected: true };
    tell(run, 'Warning', refusal.reason, refusal.message);
    run.poke();
    return false;
  }

  /** Gives whether containers may start. */
  async function prepare(): Promise<boolean> {
    try {
      if (run.prepared === undefined) {
        if (isNew && setUpFailures === 0) parts.counts.add('kubelet_started_pods_total');
        run.prepared = await preparePod(parts, run.pod, { running: run.slots.some(isRunning), limits: podLimits(allocatedSpec(run)) });
      } else if (refreshWanted || (run.prepared.renewAtMs ?? Infinity) <= clock.nowMs()) {
        refreshWanted = false;
        await refreshVolumes(parts, run.pod, run.prepared);
      }
      setUpFailures = 0;
      if (run.prepared.renewAtMs !== undefined) run.wakeAt(run.prepared.renewAtMs);
      return true;
    } catch (error) {
      const { message } = error as Error;
      awaitImage(run, error);
      if (run.prepared === undefined) parts.counts.add('kubelet_started_pods_errors_total');
      if (error instanceof SetUpFault) tell(run, 'Warning', error.eventReason, message);
      else tell(run, 'Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${message}`);
      run.wakeAt(clock.nowMs() + Math.min(MOST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** setUpFailures++));
      return run.prepared !== undefined;
    }
  }

  async function end({ reason }: Stop): Promise<void> {
    if (!(await endContainers(run))) return;
    publish();
    await status.settled();
    if (reason === 'finished') {
      evicted.resolve();
      run.stop = undefined;
      if (!isTerminal(run.pod)) run.wakeAt(clock.nowMs() + RETRY_MS);
      return;
    }
    await forget(run);
    parts.admissions.leave(uid);
    if (!run.gone) await status.remove();
    void turns.close();
    finished.resolve();
  }

  function podIps(): readonly string[] {
    if (run.pod.spec?.hostNetwork === true) return [...parts.hostIps];
    return run.prepared?.ips ?? run.pod.status?.podIPs?.map((each) => each.ip ?? '') ?? [];
  }

  function publish(): void {
    times.countStart();
    const { slots } = run;
    if (run.gone || (isTerminal(run.pod) && run.stop === undefined && slots.every((slot) => slot.record === undefined))) return;
    const worthWriting = run.stop !== undefined || slots.some((slot) => slot.record !== undefined || (slot.waiting !== undefined && slot.waiting.reason !== 'ContainerCreating'));
    status.write({
      containers: viewsOf(run), sandboxReady: run.prepared !== undefined, podIps: podIps(), hostIp: parts.hostIp, hostIps: parts.hostIps, startTimeMs, nowMs: clock.nowMs(), failed: run.failed, over: isEnded(run), resize: run.resize, whole: run.whole, restartingAll: run.restartingAll === true && slots.some(isRunning),
    }, { soon: worthWriting });
  }

  function updated(next: Pod): void {
    if (Number(next.metadata.resourceVersion) <= Number(run.pod.metadata.resourceVersion)) return; // the cache lags behind our own writes
    if (next.metadata.labels !== run.pod.metadata.labels || next.metadata.annotations !== run.pod.metadata.annotations) refreshWanted = true;
    run.pod = next;
    updates = true;
    for (const slot of slotsOf({ containers: [], ephemeralContainers: next.spec?.ephemeralContainers })) {
      if (run.slots.some((each) => each.container.name === slot.container.name)) continue;
      run.slots.push(slot);
      refreshWanted = true; // it may be the first to look at an image
    }
  }

  return {
    uid,
    update(next) {
      if (next === undefined) run.gone = true;
      else updated(next);
      giveUpStarts();
      run.poke();
    },
    refresh() {
      refreshWanted = true;
      run.poke();
    },
    waitsForRoom: () => run.resize?.pending?.reason === 'Deferred',
    pod: () => run.pod,
    volumes: () => (run.prepared === undefined ? undefined : { paths: run.prepared.volumes, blockDevices: run.prepared.blockDevices, claimed: run.prepared.claimed }),
    isActive: () => !run.gone && run.stop === undefined && run.failed === undefined && run.pod.metadata.deletionTimestamp === undefined && !isTerminal(run.pod),
    evict(message, graceSeconds, { reason, disruption } = { reason: 'Evicted', disruption: message }) {
      run.failed = { reason, message, graceSeconds, disruption };
      giveUpStarts();
      tell(run, 'Warning', reason, message);
      run.poke();
      return Promise.race([evicted.promise, finished.promise]);
    },
    record: (container) => run.slots.find((slot) => slot.container.name === container)?.record,
    turnHeldMs: times.heldMs,
    records: () => run.slots.flatMap((slot) => slot.record ?? []),
    async detach() {
      for (const slot of run.slots) slot.probes?.abort();
      await turns.close();
      await status.settled();
    },
    done: finished.promise,
  };
}
