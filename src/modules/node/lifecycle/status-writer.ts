/** Writes the status of one pod: one write a change, the newest wins, never two at once. */
import { isApiError } from '../../../api/errors.ts';
import { hasEndedForGood } from '../../../api/core/pod-status-validation.ts';
import type { ContainerStatus, Pod, PodSpec, PodStatus } from '../../../api/generated/core-v1.ts';
import { PodKind } from '../kinds.ts';
import { apiUid, mirrored, onNode } from '../mirror.ts';
import type { NodeParts } from '../parts.ts';
import { podStatus, sameStatus } from '../status/pod-status.ts';
import type { PodView } from '../status/view.ts';
import { ifThere } from '../../../sdk/if-there.ts';

export interface StatusWriter {
  /** Without `soon` it waits a moment: a start that is quick is written once, when it runs. */
  write(view: PodView, options: { soon: boolean }): void;
  /** Settles when nothing is to be written. */
  settled(): Promise<void>;
  /** The last word: the object itself goes. */
  remove(): Promise<void>;
}

const CREATING_MS = 250;
const RETRY_MS = 1_000;
/** Fields that others write too. */
const OWN: readonly (keyof PodStatus)[] = ['phase', 'conditions', 'message', 'reason', 'hostIP', 'hostIPs', 'podIP', 'podIPs', 'startTime', 'initContainerStatuses', 'containerStatuses', 'qosClass', 'observedGeneration', 'ephemeralContainerStatuses', 'resources', 'allocatedResources'];

/** `wrote` is told what is known of the pod after a write, never anything older than `pod()`. */
export function statusWriter(parts: NodeParts, pod: () => Pod, wrote: (pod: Pod) => void): StatusWriter {
  const { client, clock, log } = parts.context;
  let next: PodView | undefined;
  let sinceMs: number | undefined;
  let later: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  let removed = false;

  function flush(): void {
    clearTimeout(later);
    later = undefined;
    writing ??= drain().finally(() => { writing = undefined; });
  }

  async function drain(): Promise<void> {
    for (let tries = 0; next !== undefined && !removed; tries++) {
      const view = next;
      next = undefined;
      try {
        await writeOnce(view);
        sinceMs = next === undefined ? undefined : performance.now();
        tries = 0;
      } catch (error) {
        if (isApiError(error, 'NotFound')) return;
        next ??= view;
        if (isApiError(error, 'Conflict')) await readAgain().catch((failure: Error) => log.warn('a pod could not be read', { pod: pod().metadata.name, error: failure }));
        else log.warn('the status of a pod could not be written', { pod: pod().metadata.name, error });
        if (tries > 2) await clock.sleep(RETRY_MS, parts.context.signal);
        if (parts.context.signal.aborted) return;
      }
    }
  }

  async function writeOnce(view: PodView): Promise<void> {
    const now = pod();
    const before = now.status ?? {};
    const made = keepingEnds(podStatus(now, view), before, now.spec!);
    const over = before.phase === 'Succeeded' || before.phase === 'Failed'; // never taken back
    const status: PodStatus = over ? { ...before, ...made, phase: before.phase, reason: before.reason, message: before.message } : { ...before, ...made };
    for (const field of OWN) if (made[field] === undefined && !over) delete status[field];
    if (sameStatus(before, status)) return void (sinceMs = undefined);
    const { managedFields: _, ...own } = now.metadata;
    const metadata = { ...own, uid: apiUid(now) };
    const fromMs = sinceMs ?? performance.now();
    take(await client.update(PodKind, { apiVersion: 'v1', kind: 'Pod', metadata, spec: now.spec, status }, { subresource: 'status', fieldManager: 'llmos-node' }));
    parts.counts.took('kubelet_pod_status_sync_duration_seconds', (performance.now() - fromMs) / 1_000);
  }

  /** An answer may come after the news of a later change, such as of the deletion: both may be of one batch of the store. */
  function take(fresh: Pod): void {
    if (!(Number(fresh.metadata.resourceVersion) < Number(pod().metadata.resourceVersion))) wrote(fresh);
  }

  async function readAgain(): Promise<void> {
    const { name = '', namespace } = pod().metadata;
    const fresh = await ifThere(client.get(PodKind, name, { namespace }));
    if (fresh !== undefined && onNode(fresh).metadata.uid === pod().metadata.uid) take(fresh);
    else if (mirrored(pod()) === undefined) removed = true;
  }

  return {
    write(view, { soon }) {
      next = view;
      sinceMs ??= performance.now();
      if (soon) flush();
      else if (later === undefined && writing === undefined) {
        later = setTimeout(flush, CREATING_MS);
        later.unref();
      }
    },
    async settled() {
      if (later !== undefined) flush();
      await writing;
    },
    async remove() {
      removed = true;
      clearTimeout(later);
      const { name = '', namespace } = pod().metadata;
      const uid = apiUid(pod());
      for (let tries = 0; ; tries++) {
        try {
          await client.delete(PodKind, name, { namespace, gracePeriodSeconds: 0, preconditions: { uid } });
          return;
        } catch (error) {
          if (isApiError(error, 'NotFound', 'Conflict')) return;
          log.warn('a pod could not be deleted', { pod: name, error });
          await clock.sleep(RETRY_MS * Math.min(tries + 1, 10), parts.context.signal);
          if (parts.context.signal.aborted) return;
        }
      }
    },
  };
}

/** Some that have ended for good run again all the same, such as init containers after a reboot: the cluster is not told of that. */
function keepingEnds(made: PodStatus, before: PodStatus, spec: PodSpec): PodStatus {
  const kept = { ...made };
  for (const list of ['initContainerStatuses', 'containerStatuses', 'ephemeralContainerStatuses'] as const) {
    const isOver = (status: ContainerStatus): boolean => (list === 'ephemeralContainerStatuses' ? status.state?.terminated !== undefined : hasEndedForGood(status, spec));
    const ends = (before[list] ?? []).filter(isOver);
    if (ends.length > 0) kept[list] = made[list]?.map((each) => (each.state?.terminated === undefined ? (ends.find(({ name }) => name === each.name) ?? each) : each));
  }
  return kept;
}
