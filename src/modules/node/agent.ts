/** The node agent: one worker a pod of this node, fed by the cache. What an earlier llmos left running is adopted. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { graceSecondsOf } from '../../api/core/pod-grace.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { CacheEvent } from '../../sdk/cache.ts';
import { aborted, untilAborted } from '../../base/aborted.ts';
import { onClockJump } from '../../base/clock-jumps.ts';
import { keyOf } from '../../sdk/cache.ts';
import { removeCgroup } from './cgroup/layout.ts';
import { PodKind } from './kinds.ts';
import { isAlive, listRecords, type ContainerRecord } from './lifecycle/record.ts';
import { stopOrphans } from './lifecycle/orphans.ts';
import { endStrays } from './lifecycle/strays.ts';
import { remainsOf, sweep, type Remains } from './lifecycle/sweep.ts';
import { isTerminal } from './lifecycle/pod-run.ts';
import { podWorker, type PodWorker } from './lifecycle/worker.ts';
import { mirrored, onNode } from './mirror.ts';
import type { NodeParts } from './parts.ts';
import { forgetCommands } from './runtime/exec.ts';
import { shownObjects } from './shown-objects.ts';
import { tearDownVolumes } from './volumes/set-up.ts';

export interface Agent {
  /** The worker of a pod on this node, by `namespace/name`. */
  worker(key: string): PodWorker | undefined;
  workers(): readonly PodWorker[];
  /** Settles after the signal aborted and all workers let go; containers run on. */
  run(signal: AbortSignal): Promise<void>;
  /** Ends every container and gives back every sandbox; the pods stay in the cluster. */
  drain(): Promise<void>;
}

/** Less than modules are waited for when llmos goes down. */
const DRAIN_SECONDS = 8;

export function createAgent(parts: NodeParts): Agent {
  const { context, paths } = parts;
  const workers = new Map<string, PodWorker>();
  const byKey = new Map<string, PodWorker>();
  const keepsStatic = context.config['staticPodPath'] !== undefined;
  let adoptable = new Map<string, ContainerRecord[]>();
  const shown = shownObjects(context, workers);

  parts.admissions.preemptBy((uid) => {
    const worker = workers.get(uid);
    void worker?.evict('Preempted in order to admit critical pod', graceSecondsOf(worker.pod()), { reason: 'Preempting', disruption: 'Pod was preempted by Kubelet to accommodate a critical pod.' });
  });

  function seen(event: CacheEvent<Pod>): void {
    const pod = onNode(event.object);
    const uid = pod.metadata.uid ?? '';
    const worker = workers.get(uid);
    if (worker !== undefined && (event.type === 'deleted' || isTerminal(pod))) retryResizes();
    if (worker !== undefined && keyOf(worker.pod()) !== keyOf(pod)) return; // another claims to be its mirror
    if (keepsStatic && mirrored(pod) !== undefined && (event.type === 'deleted' || pod.metadata.deletionTimestamp !== undefined)) return; // its file decides
    if (event.type === 'deleted') return worker?.update(undefined);
    if (worker !== undefined) return worker.update(pod);
    if (pod.spec?.nodeName !== context.machine.nodeName) return;
    begin(pod, uid);
  }

  /** Those that matter most first, as what one takes another cannot have. */
  function retryResizes(): void {
    const waiting = [...workers.values()].filter((each) => each.waitsForRoom());
    for (const each of waiting.sort((one, other) => (other.pod().spec?.priority ?? 0) - (one.pod().spec?.priority ?? 0))) each.refresh();
  }

  function begin(pod: Pod, uid: string): void {
    const before = byKey.get(keyOf(pod));
    before?.update(undefined); // the same name, another pod
    shown.begin(pod);
    const worker = podWorker(parts, pod, adoptable.get(uid) ?? []);
    adoptable.delete(uid);
    workers.set(uid, worker);
    byKey.set(keyOf(pod), worker);
    void worker.done.then(() => {
      workers.delete(uid);
      if (byKey.get(keyOf(pod)) === worker) byKey.delete(keyOf(pod));
    });
    worker.update(pod);
  }

  async function cleanUp(broken: readonly string[], remains: Remains, signal: AbortSignal): Promise<void> {
    for (const id of broken) {
      endStrays(id);
      await parts.runtime.delete({ id, bundle: join(paths.bundles, id), logPath: '' }, { root: join(paths.bundles, id, 'rootfs') });
      for (const folder of [join(paths.bundles, id), join(paths.containers, id)]) rmSync(folder, { recursive: true, force: true });
    }
    await stopOrphans(parts, [...adoptable.values()].flat(), { signal });
    if (signal.aborted) {
      // What still runs is the next one's, or ends with the others on the way down.
      adoptable = new Map([...adoptable].map(([uid, records]) => [uid, records.filter(isAlive)]));
      return;
    }
    adoptable = new Map();
    await sweep(parts, remains, { owned: (uid) => workers.has(uid), recorded: (id) => existsSync(join(paths.bundles, id)) });
  }

  return {
    worker: (key) => byKey.get(key),
    workers: () => [...workers.values()],
    async run(signal) {
      const { records, broken } = listRecords(paths.bundles);
      for (const { bundle } of records) forgetCommands(bundle);
      const remains = remainsOf(parts);
      adoptable = Map.groupBy(records, (record) => record.pod.uid) as Map<string, ContainerRecord[]>;
      const pods = context.caches.of(PodKind);
      pods.addIndex('spec.nodeName', (pod) => [pod.spec?.nodeName ?? '']);
      await untilAborted(pods.ready(), signal); // who is told to end before may never hear of a pod
      if (signal.aborted) return;
      const stops = [pods.subscribe(seen), () => shown.stop()];
      shown.start();
      parts.hostPorts.keep(signal);
      if (records.length > 0) context.log.info('containers of an earlier run are adopted', { containers: records.length - [...adoptable.values()].flat().length, orphans: [...adoptable.values()].flat().length });
      const cleaning = cleanUp(broken, remains, signal).catch((error: Error) => context.log.error('what an earlier run left could not be removed', { error }));
      stops.push(parts.plugins.subscribe(() => { for (const worker of workers.values()) if (parts.devices.has(worker.uid)) worker.refresh(); })); // its status tells how well they are
      stops.push(onClockJump(() => { for (const worker of workers.values()) worker.refresh(); }));
      await aborted(signal);
      for (const stop of stops) stop();
      await Promise.all([cleaning, ...[...workers.values()].map((worker) => worker.detach())]);
    },
    async drain() {
      // Those of an earlier run too that nobody adopted yet.
      const records = [...[...workers.values()].flatMap((worker) => worker.records()), ...[...adoptable.values()].flat()];
      await stopOrphans(parts, records, { mostGraceSeconds: DRAIN_SECONDS });
      // A driver that has ended with the others cannot take back what it gave; the mount namespace goes with all of it.
      for (const { uid } of workers.values()) await tearDownVolumes({ state: join(paths.pods, uid), run: join(paths.podsRun, uid) }, parts.csi).catch((error: Error) => context.log.warn('the volumes of a pod could not be given back', { pod: uid, error }));
      // Before the many sandboxes, which take their time on a slow machine.
      if (!removeCgroup({ version: context.machine.cgroupVersion, path: `/${context.machine.instance}` })) context.log.warn('the control groups could not all be removed', { group: `/${context.machine.instance}` });
      await parts.hostPorts.drain().catch((error: Error) => context.log.warn('the ports of the machine could not be given back', { error }));
      await parts.pool.drain();
    },
  };
}
