/** The DaemonSet controller: a pod on each node that suits it. */
import { isDeepStrictEqual } from 'node:util';
import { DaemonSet } from '../../../api/apps/daemon-set.ts';
import { ControllerRevision } from '../../../api/apps/controller-revision.ts';
import { Node } from '../../../api/core/node.ts';
import { Pod } from '../../../api/core/pod.ts';
import { controllerOf, controllerReference } from '../../../api/owner.ts';
import { isPodActive } from '../../../api/pod-readiness.ts';
import { matcherOfSelector } from '../../../api/selector.ts';
import { keyOf, watching, type Caches, type Controller, type ReconcileContext, type ReconcileResult } from '../../../sdk/index.ts';
import { claim } from '../claims.ts';
import { controlledBy, orphansOf, settleClaims, writeStatus } from '../dependents.ts';
import { keepHistory, REVISION_HASH, trimHistory, type History } from '../history.ts';
import { createPods, deletePods, expectationsOf } from '../pod-control.ts';
import { failureBackoff } from './backoff.ts';
import { podForNode } from './nodes.ts';
import { planDaemonSet, type DaemonPlan, type Observed } from './plan.ts';
import { daemonSetStatus, untilAvailableMs } from './status.ts';

export const daemonSetController: Controller<DaemonSet> = {
  name: 'daemonset',
  eventSource: 'daemonset-controller',
  for: DaemonSet,
  owns: [Pod, ControllerRevision],
  watches: [watching(Pod, adoptersOf), watching(Node, (_node, caches) => caches.of(DaemonSet).list().map(keyOf))],
  reconcile: (_key, set, context) => reconcile(set, context),
};

async function reconcile(set: DaemonSet | undefined, context: ReconcileContext): Promise<ReconcileResult | void> {
  // The history of a set that is being deleted may be gone: nothing can be told of it.
  if (set === undefined || set.metadata.deletionTimestamp !== undefined) return;
  const history = await keepHistory(set, DaemonSet, context);
  const expectations = expectationsOf('daemonset', context);
  const isSettled = expectations.satisfied(set.metadata.uid ?? '');
  const nowMs = context.clock.nowMs();
  const backoff = failureBackoff(context);
  const observed: Observed = {
    set, hash: history.update.metadata.labels?.[REVISION_HASH] ?? '', nodes: context.caches.of(Node).list(), pods: await claimedPods(set, context), nowMs,
    backoffMs: (nodeName) => backoff.leftMs(backoffKey(set, nodeName), nowMs),
  };
  const plan = isSettled ? planDaemonSet(observed) : undefined;
  const error = plan === undefined ? undefined : await carryOut(observed, plan, context);
  if (plan !== undefined && error === undefined) await trim(observed, history, context);
  const status = daemonSetStatus(observed, { observedGeneration: isSettled ? set.metadata.generation : set.status?.observedGeneration, collisionCount: history.collisionCount });
  if (!isDeepStrictEqual(status, set.status)) await writeStatus(context.client, DaemonSet, { ...set, status });
  if (error !== undefined) throw error;
  const waits = [plan?.waitMs, untilAvailableMs(observed)].filter((each) => each !== undefined);
  return waits.length === 0 ? undefined : { requeueAfterMs: Math.min(...waits) };
}

async function carryOut({ set, hash }: Observed, plan: DaemonPlan, context: ReconcileContext): Promise<unknown> {
  const expectations = expectationsOf('daemonset', context);
  for (const pod of plan.ended) tellEnded(set, pod, context);
  const made = plan.create.length === 0 ? undefined : await createPods(set, plan.create.map((nodeName) => podForNode(set, nodeName, hash)), expectations, context);
  const deleted = plan.remove.length === 0 ? undefined : await deletePods(set, plan.remove, expectations, context);
  return made?.error ?? deleted?.error;
}

function tellEnded(set: DaemonSet, { metadata, spec, status }: Pod, context: ReconcileContext): void {
  const which = `daemon pod ${metadata.namespace}/${metadata.name} on node ${spec?.nodeName}`;
  if (status?.phase === 'Succeeded') return context.events.event(set, 'Normal', 'SucceededDaemonPod', `Found succeeded ${which}, will try to delete it`);
  failureBackoff(context).failed(backoffKey(set, spec?.nodeName ?? ''), context.clock.nowMs());
  context.events.event(set, 'Warning', 'FailedDaemonPod', `Found failed ${which}, will try to kill it`);
}

function backoffKey(set: DaemonSet, nodeName: string): string {
  return `${set.metadata.uid}/${set.status?.observedGeneration ?? 0}/${nodeName}`;
}

async function trim({ set, pods }: Observed, { revisions, update }: History, context: ReconcileContext): Promise<void> {
  const live = new Set(pods.map(({ metadata }) => metadata.labels?.[REVISION_HASH]));
  await trimHistory(revisions, { limit: set.spec?.revisionHistoryLimit ?? 10, isLive: (each) => each === update || live.has(each.metadata.labels?.[REVISION_HASH]) }, context);
}

async function claimedPods(set: DaemonSet, { caches, client }: ReconcileContext): Promise<Pod[]> {
  const pods = caches.of(Pod);
  const orphans = orphansOf(pods, set.metadata.namespace).filter(isPodActive);
  const claims = claim(set, set.spec?.selector, [...controlledBy(pods, set), ...orphans]);
  return settleClaims(client, claims, { kind: Pod, ownerKind: DaemonSet, owner: set, reference: controllerReference(DaemonSet, set) });
}

/** Sets that may adopt a pod which nobody controls. */
function adoptersOf(pod: Pod, caches: Caches): string[] {
  if (controllerOf(pod) !== undefined) return [];
  return caches.of(DaemonSet).list(pod.metadata.namespace ?? '').filter((each) => matcherOfSelector(each.spec?.selector).matches(pod.metadata.labels)).map(keyOf);
}
