/** Pods that nobody will ever end: their node is gone, or they were deleted before they had one (upstream: pod garbage collector). */
import { Node } from '../../api/core/node.ts';
import { Pod } from '../../api/core/pod.ts';
import { isApiError } from '../../api/errors.ts';
import { isPodTerminal } from '../../api/pod-readiness.ts';
import { rfc3339 } from '../../base/clock.ts';
import type { ModuleContext } from '../../sdk/index.ts';

const LOOK_EVERY_MS = 20_000;
/** A node may be on its way back. */
const QUARANTINE_MS = 40_000;
/** Ended pods beyond this many go, the oldest first. */
const MOST_ENDED = 12_500;

export async function collectPods(context: ModuleContext): Promise<void> {
  const { caches, clock, signal } = context;
  const absentSince = new Map<string, number>();
  while (!signal.aborted) {
    await clock.sleep(LOOK_EVERY_MS, signal);
    if (signal.aborted) return;
    const nodes = new Set(caches.of(Node).list().map((each) => each.metadata.name));
    for (const { pod, ended } of collectable(caches.of(Pod).list(), nodes, absentSince, clock.nowMs())) await remove(context, pod, ended);
  }
}

/** `absentSince` remembers since when each missing node is missing, and is kept up to date. */
export function collectable(pods: readonly Pod[], nodes: ReadonlySet<string | undefined>, absentSince: Map<string, number>, nowMs: number): { pod: Pod; ended: boolean }[] {
  for (const name of absentSince.keys()) if (nodes.has(name)) absentSince.delete(name);
  const found: { pod: Pod; ended: boolean }[] = [];
  const ended = pods.filter(isPodTerminal);
  for (const pod of oldestOf(ended, ended.length - MOST_ENDED)) found.push({ pod, ended: true });
  for (const pod of pods) {
    const node = pod.spec?.nodeName;
    if (!node) {
      if (pod.metadata.deletionTimestamp !== undefined) found.push({ pod, ended: true });
    } else if (!nodes.has(node)) {
      if (!absentSince.has(node)) absentSince.set(node, nowMs);
      if (nowMs - (absentSince.get(node) ?? nowMs) >= QUARANTINE_MS) found.push({ pod, ended: isPodTerminal(pod) });
    }
  }
  return found;
}

function oldestOf(pods: readonly Pod[], count: number): Pod[] {
  if (count <= 0) return [];
  return pods.toSorted((left, right) => (left.metadata.creationTimestamp ?? '').localeCompare(right.metadata.creationTimestamp ?? '')).slice(0, count);
}

async function remove({ client, clock, log }: ModuleContext, pod: Pod, ended: boolean): Promise<void> {
  const { name = '', namespace, uid } = pod.metadata;
  const condition = { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists', lastTransitionTime: rfc3339(clock.nowMs()) };
  try {
    if (pod.spec?.nodeName && !ended && (await exists(client, pod.spec.nodeName))) return; // the cache was behind
    if (!ended) await client.patch(Pod, name, { type: 'strategic', body: { status: { phase: 'Failed', conditions: [condition] } } }, { namespace, subresource: 'status' });
    await client.delete(Pod, name, { namespace, gracePeriodSeconds: 0, preconditions: { uid } });
  } catch (error) {
    if (!isApiError(error, 'NotFound', 'Conflict')) log.warn('a pod without a node could not be removed', { pod: `${namespace}/${name}`, error });
  }
}

async function exists(client: ModuleContext['client'], node: string): Promise<boolean> {
  return client.get(Node, node).then(() => true, (error: unknown) => !isApiError(error, 'NotFound'));
}
