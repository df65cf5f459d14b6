/** The StatefulSet controller: pods with names and storage of their own. */
import { isDeepStrictEqual } from 'node:util';
import { ControllerRevision } from '../../../api/apps/controller-revision.ts';
import { StatefulSet } from '../../../api/apps/stateful-set.ts';
import { PersistentVolumeClaim } from '../../../api/core/persistent-volume-claim.ts';
import { Pod } from '../../../api/core/pod.ts';
import { isApiError } from '../../../api/errors.ts';
import { controllerOf, controllerReference } from '../../../api/owner.ts';
import { matcherOfSelector } from '../../../api/selector.ts';
import { keyOf, watching, type Caches, type Controller, type ReconcileContext, type ReconcileResult } from '../../../sdk/index.ts';
import { claim } from '../claims.ts';
import { controlledBy, orphansOf, settleClaims, writeStatus } from '../dependents.ts';
import { keepHistory, templateOf, trimHistory, type History } from '../history.ts';
import { isTerminating, messageOf } from '../pod-control.ts';
import { hasStaleClaim, makeClaims, ownClaims } from './claims.ts';
import { missingIdentity, parentOf } from './identity.ts';
import { planStatefulSet, revisionOf, type Observed, type StatefulPlan } from './plan.ts';
import { statefulSetStatus, untilAvailableMs } from './status.ts';

export const statefulSetController: Controller<StatefulSet> = {
  name: 'statefulset',
  eventSource: 'statefulset-controller',
  for: StatefulSet,
  owns: [Pod, ControllerRevision],
  watches: [watching(Pod, adoptersOf), watching(PersistentVolumeClaim, setsOfClaim)],
  writes: [PersistentVolumeClaim],
  reconcile: (_key, set, context) => reconcile(set, context),
};

async function reconcile(set: StatefulSet | undefined, context: ReconcileContext): Promise<ReconcileResult | void> {
  if (set === undefined || set.metadata.deletionTimestamp !== undefined) return;
  const pods = await claimedPods(set, context);
  const history = await keepHistory(set, StatefulSet, context);
  const observed = observe(set, pods, history, context);
  const error = await carryOut(observed, planStatefulSet(observed), context);
  const status = statefulSetStatus(observed, history.collisionCount);
  if (!isDeepStrictEqual(status, set.status)) await writeStatus(context.client, StatefulSet, { ...set, status });
  if (error !== undefined) throw error;
  const live = new Set([status.currentRevision, status.updateRevision, ...pods.map(revisionOf)]);
  await trimHistory(history.revisions, { limit: set.spec?.revisionHistoryLimit ?? 10, isLive: (each) => live.has(each.metadata.name) }, context);
  const requeueAfterMs = untilAvailableMs(observed);
  return requeueAfterMs === undefined ? undefined : { requeueAfterMs };
}

function observe(set: StatefulSet, pods: readonly Pod[], { revisions, update }: History, context: ReconcileContext): Observed {
  const current = revisions.find((each) => each.metadata.name === set.status?.currentRevision) ?? update;
  const version = (of: ControllerRevision): Observed['update'] => ({ revision: of.metadata.name ?? '', template: templateOf(of) });
  return { set, pods, current: version(current), update: version(update), nowMs: context.clock.nowMs(), hasStaleClaim: (pod) => hasStaleClaim(set, pod, context) };
}

/** All steps that the plan has; gives the first failure. */
async function carryOut({ set }: Observed, plan: StatefulPlan, context: ReconcileContext): Promise<unknown> {
  const steps = [
    ...plan.create.map((pod) => () => create(set, pod, context)),
    ...plan.claims.map((pod) => async () => {
      if (pod.status?.phase === 'Pending') await makeClaims(set, pod, context);
      await ownClaims(set, pod, context);
    }),
    ...plan.identify.map((pod) => () => identify(pod, context)),
    ...plan.remove.map((pod) => () => remove(set, pod, context)),
  ];
  const results = await Promise.allSettled(steps.map((step) => step()));
  return results.find((each) => each.status === 'rejected')?.reason;
}

async function create(set: StatefulSet, pod: Pod, context: ReconcileContext): Promise<void> {
  const { client, events } = context;
  try {
    await makeClaims(set, pod, context);
    const made = await client.create(Pod, pod);
    await ownClaims(set, made, context);
    tell(set, pod, 'create', events);
  } catch (error) {
    if (isTerminating(error)) return;
    // Made a moment ago, or another's: the cache will tell.
    if (!isApiError(error, 'AlreadyExists')) tell(set, pod, 'create', events, error);
    throw error;
  }
}

async function remove(set: StatefulSet, pod: Pod, { client, events }: ReconcileContext): Promise<void> {
  const { name = '', namespace, uid } = pod.metadata;
  try {
    await client.delete(Pod, name, { namespace, preconditions: { uid } });
    tell(set, pod, 'delete', events);
  } catch (error) {
    if (isApiError(error, 'NotFound', 'Conflict')) return;
    tell(set, pod, 'delete', events, error);
    throw error;
  }
}

async function identify(pod: Pod, { client }: ReconcileContext): Promise<void> {
  const { name = '', namespace, uid = '' } = pod.metadata;
  await client.patch(Pod, name, { type: 'merge', body: { metadata: { uid, labels: missingIdentity(pod) ?? {} } } }, { namespace });
}

function tell(set: StatefulSet, pod: Pod, verb: 'create' | 'delete', events: ReconcileContext['events'], error?: unknown): void {
  const what = `${verb} Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
  const end = verb === 'create' ? 'Create' : 'Delete';
  if (error === undefined) events.event(set, 'Normal', `Successful${end}`, `${what} successful`);
  else events.event(set, 'Warning', `Failed${end}`, `${what} failed error: ${messageOf(error)}`);
}

/** Pods that match and bear a name of the set. */
async function claimedPods(set: StatefulSet, { caches, client }: ReconcileContext): Promise<Pod[]> {
  const pods = caches.of(Pod);
  const members = [...controlledBy(pods, set), ...orphansOf(pods, set.metadata.namespace)].filter((each) => parentOf(each)?.name === set.metadata.name);
  const claims = claim(set, set.spec?.selector, members);
  return settleClaims(client, claims, { kind: Pod, ownerKind: StatefulSet, owner: set, reference: controllerReference(StatefulSet, set) });
}

/** Sets that may adopt a pod which nobody controls. */
function adoptersOf(pod: Pod, caches: Caches): string[] {
  if (controllerOf(pod) !== undefined) return [];
  return caches.of(StatefulSet).list(pod.metadata.namespace ?? '').filter((each) => parentOf(pod)?.name === each.metadata.name && matcherOfSelector(each.spec?.selector).matches(pod.metadata.labels)).map(keyOf);
}

/** A set whose pod waits for this claim, or for the end of an earlier one. */
function setsOfClaim(claimed: PersistentVolumeClaim, caches: Caches): string[] {
  const name = claimed.metadata.name ?? '';
  const isOf = ({ metadata, spec }: StatefulSet): boolean => spec?.volumeClaimTemplates?.some((each) => name.startsWith(`${each.metadata.name}-${metadata.name}-`)) === true;
  return caches.of(StatefulSet).list(claimed.metadata.namespace ?? '').filter(isOf).map(keyOf);
}
