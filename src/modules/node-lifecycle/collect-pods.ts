/** Pods that nobody will ever end: their node is gone or out of service, or they were deleted before they had one (upstream: pod garbage collector). */
import { Node } from '../../api/core/node.ts';
import { Pod } from '../../api/core/pod.ts';
import { isApiError } from '../../api/errors.ts';
import { isPodTerminal } from '../../api/pod-readiness.ts';
import { rfc3339 } from '../../base/clock.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { conditionOf } from './health.ts';

const LOOK_EVERY_MS = 20_000;
/** A node may be on its way back. */
const QUARANTINE_MS = 40_000;
/** Ended pods beyond this many go, evicted ones first, then the oldest. */
const MOST_ENDED = 12_500;
/** Set by a person who knows that the machine is off (Node Shutdowns, "Non-graceful node shutdown handling"). */
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';

export async function collectPods(context: ModuleContext, { everyMs = LOOK_EVERY_MS }: { everyMs?: number } = {}): Promise<void> {
  const { caches, clock, signal } = context;
  const absentSince = new Map<string, number>();
  while (!signal.aborted) {
    await clock.sleep(everyMs, signal);
    if (signal.aborted) return;
    for (const each of collectable(caches.of(Pod).list(), caches.of(Node).list(), absentSince, clock.nowMs())) await remove(context, each);
  }
}

interface Collectable {
  pod: Pod;
  /** Its node does not exist any more, as far as the cache knows. */
  orphaned: boolean;
}

/** `absentSince` remembers since when each missing node is missing, and is kept up to date. `mostEnded` is how many pods that have ended may stay. */
export function collectable(pods: readonly Pod[], nodes: readonly Node[], absentSince: Map<string, number>, nowMs: number, mostEnded = MOST_ENDED): Collectable[] {
  const byName = new Map(nodes.map((each) => [each.metadata.name, each]));
  for (const name of absentSince.keys()) if (byName.has(name)) absentSince.delete(name);
  const ended = pods.filter(isPodTerminal);
  const found: Collectable[] = oldestOf(ended, ended.length - mostEnded).map((pod) => ({ pod, orphaned: false }));
  for (const pod of pods) {
    const name = pod.spec?.nodeName;
    const node = byName.get(name);
    if (!name || node !== undefined) {
      if (pod.metadata.deletionTimestamp !== undefined && (node === undefined || isOutOfService(node))) found.push({ pod, orphaned: false });
      continue;
    }
    if (!absentSince.has(name)) absentSince.set(name, nowMs);
    if (nowMs - (absentSince.get(name) ?? nowMs) >= QUARANTINE_MS) found.push({ pod, orphaned: true });
  }
  return found;
}

function isOutOfService(node: Node): boolean {
  return conditionOf(node, 'Ready')?.status !== 'True' && node.spec?.taints?.some(({ key }) => key === OUT_OF_SERVICE) === true;
}

function oldestOf(pods: readonly Pod[], count: number): Pod[] {
  if (count <= 0) return [];
  const isEvicted = ({ status }: Pod): boolean => status?.phase === 'Failed' && status.reason === 'Evicted';
  const age = ({ metadata }: Pod): string => `${metadata.creationTimestamp} ${metadata.name}`;
  return pods.toSorted((left, right) => Number(isEvicted(right)) - Number(isEvicted(left)) || (age(left) < age(right) ? -1 : 1)).slice(0, count);
}

/** What has not ended is marked as failed first: whoever waits for its end, a Job for instance, would wait for ever. */
async function remove({ client, clock, log }: ModuleContext, { pod, orphaned }: Collectable): Promise<void> {
  const { name = '', namespace, uid } = pod.metadata;
  const condition = { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists', lastTransitionTime: rfc3339(clock.nowMs()) };
  try {
    if (orphaned && (await exists(client, pod.spec?.nodeName ?? ''))) return; // the cache was behind
    const status = { phase: 'Failed', ...(orphaned ? { conditions: [condition] } : {}) };
    if (!isPodTerminal(pod)) await client.patch(Pod, name, { type: 'strategic', body: { metadata: uid === undefined ? {} : { uid }, status } }, { namespace, subresource: 'status' });
    await client.delete(Pod, name, { namespace, gracePeriodSeconds: 0, preconditions: { uid } });
  } catch (error) {
    if (!isApiError(error, 'NotFound', 'Conflict')) log.warn('a pod without a node could not be removed', { pod: `${namespace}/${name}`, error });
  }
}

async function exists(client: ModuleContext['client'], node: string): Promise<boolean> {
  return client.get(Node, node).then(() => true, (error: unknown) => !isApiError(error, 'NotFound'));
}
