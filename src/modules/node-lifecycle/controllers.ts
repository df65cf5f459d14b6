/** The controllers of nodes that fall silent, and of pods that must leave them. */
import { isDeepStrictEqual } from 'node:util';
import { Lease } from '../../api/coordination/lease.ts';
import { Node } from '../../api/core/node.ts';
import { Pod } from '../../api/core/pod.ts';
import { isApiError } from '../../api/errors.ts';
import { isPodReady, podCondition } from '../../api/pod-readiness.ts';
import { rfc3339 } from '../../base/clock.ts';
import { keyOf, watching, type Cache, type Caches, type Controller, type ReconcileContext } from '../../sdk/index.ts';
import { evictionOf } from './eviction.ts';
import { conditionOf, isSilent, signOf, silentConditions, wantedTaints, type Sign } from './health.ts';

/** Longer between two looks, in looks, means that the machine itself slept: then nobody else could show life either. */
const SLEPT = 4;
const LEASES = 'kube-node-lease';
const BY_NODE = 'node';

export interface HealthSettings {
  /** Upstream: node-monitor-grace-period. */
  graceMs: number;
  /** Upstream: node-monitor-period. */
  periodMs: number;
}

/** `settingsOf` is asked at each look. */
export function nodeHealthController(settingsOf: (caches: Caches) => HealthSettings): Controller<Node> {
  const signs = new Map<string, Sign & { lookedMs: number }>();
  return {
    name: 'node-health',
    eventSource: 'node-controller',
    for: Node,
    reads: [Lease],
    writes: [Pod],
    async reconcile(name, node, context) {
      if (node === undefined) return void signs.delete(name);
      const nowMs = context.clock.nowMs();
      const { graceMs, periodMs } = settingsOf(context.caches);
      const before = signs.get(name);
      const slept = before !== undefined && nowMs - before.lookedMs > SLEPT * periodMs;
      const sign = signOf(node, context.caches.of(Lease).get(`${LEASES}/${name}`), slept ? undefined : before, nowMs);
      signs.set(name, { ...sign, lookedMs: nowMs });
      await judge(node, isSilent(node, sign, nowMs, graceMs), nowMs, context);
      return { requeueAfterMs: periodMs };
    },
  };
}

async function judge(node: Node, silent: boolean, nowMs: number, context: ReconcileContext): Promise<void> {
  const { client, events } = context;
  const conditions = silent ? silentConditions(node, nowMs) : (node.status?.conditions ?? []);
  let latest = node;
  if (!isDeepStrictEqual(conditions, node.status?.conditions ?? [])) {
    latest = await client.update(Node, { ...node, status: { ...node.status, conditions } }, { subresource: 'status' });
    events.event(node, 'Normal', 'NodeNotReady', `Node ${node.metadata.name} status is now: NodeNotReady`);
  }
  const taints = wantedTaints(latest, conditions, nowMs);
  if (taints !== undefined) await setTaints(client, latest, taints);
  const ready = conditionOf(latest, 'Ready');
  if (ready !== undefined && ready.status !== 'True') await markNotReady(latest, context);
}

async function setTaints(client: ReconcileContext['client'], node: Node, taints: NonNullable<Node['spec']>['taints'] & object): Promise<void> {
  const spec = { ...node.spec, taints };
  if (taints.length === 0) delete (spec as { taints?: unknown }).taints;
  await client.update(Node, { ...node, spec });
}

/** Services must not send anybody to a node that does not answer. */
async function markNotReady(node: Node, { caches, client, clock }: ReconcileContext): Promise<void> {
  for (const pod of podsOn(caches.of(Pod), node.metadata.name ?? '')) {
    if (!isPodReady(pod)) continue;
    const condition = { ...podCondition(pod, 'Ready')!, status: 'False', reason: 'NodeNotReady', lastTransitionTime: rfc3339(clock.nowMs()) };
    const conditions = (pod.status?.conditions ?? []).map((each) => (each.type === 'Ready' ? condition : each));
    await client.update(Pod, { ...pod, status: { ...pod.status, conditions } }, { subresource: 'status' }).catch((error: unknown) => {
      if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
    });
  }
}

function podsOn(pods: Cache<Pod>, node: string): readonly Pod[] {
  pods.addIndex(BY_NODE, (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));
  return pods.byIndex(BY_NODE, node);
}

/** Finished pods leave as well (upstream asks for no phase). What was planned once is not planned anew when more taints come, only given up when none is left, all are tolerated for ever, or one is not at all. */
export function taintEvictionController(): Controller<Pod> {
  /** When the taints of its node were first seen by a pod that they concern, and when it is to leave. */
  const planned = new Map<string, { uid: string | undefined; seenMs: number; atMs: number }>();
  const tainted = new Set<string>();
  return {
    name: 'taint-eviction',
    eventSource: 'taint-eviction-controller',
    for: Pod,
    watches: [watching(Node, (node, caches) => {
      const name = node.metadata.name ?? '';
      const concerns = hasNoExecute(node) || tainted.has(name);
      if (hasNoExecute(node)) tainted.add(name);
      else tainted.delete(name);
      return concerns ? podsOn(caches.of(Pod), name).map(keyOf) : [];
    })],
    async reconcile(key, pod, context) {
      const nowMs = context.clock.nowMs();
      const known = planned.get(key);
      const plan = known !== undefined && known.uid === pod?.metadata.uid ? known : undefined;
      if (pod === undefined || (pod.metadata.deletionTimestamp !== undefined && isMarked(pod))) return void planned.delete(key);
      const eviction = evictionOf(pod, context.caches.of(Node).get(pod.spec?.nodeName ?? '')?.spec?.taints, { seenMs: plan?.seenMs ?? nowMs });
      if (typeof eviction === 'string') {
        planned.delete(key);
        if (plan !== undefined) context.events.event(pod, 'Normal', 'TaintManagerEviction', `Cancelling deletion of Pod ${key}`);
        return eviction === 'now' ? evict(pod, context) : undefined;
      }
      const { atMs } = plan ?? eviction;
      planned.set(key, plan ?? { uid: pod.metadata.uid, seenMs: nowMs, atMs });
      if (atMs > nowMs) return { requeueAfterMs: atMs - nowMs };
      await evict(pod, context);
    },
  };
}

function isMarked(pod: Pod): boolean {
  return podCondition(pod, 'DisruptionTarget')?.reason === BY_TAINT;
}

const BY_TAINT = 'DeletionByTaintManager';

async function evict(pod: Pod, { client, clock, events }: ReconcileContext): Promise<void> {
  const { name = '', namespace, uid } = pod.metadata;
  events.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${namespace}/${name}`);
  const condition = { type: 'DisruptionTarget', status: 'True', reason: BY_TAINT, message: 'Taint manager: deleting due to NoExecute taint', lastTransitionTime: rfc3339(clock.nowMs()) };
  try {
    if (!isMarked(pod)) await client.patch(Pod, name, { type: 'strategic', body: { metadata: uid === undefined ? {} : { uid }, status: { conditions: [condition] } } }, { namespace, subresource: 'status' });
    await client.delete(Pod, name, { namespace, preconditions: { uid } });
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
  }
}

function hasNoExecute(node: Node): boolean {
  return node.spec?.taints?.some((each) => each.effect === 'NoExecute') === true;
}
