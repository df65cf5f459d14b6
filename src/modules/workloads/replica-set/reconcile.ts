/** The ReplicaSet and ReplicationController controllers: keep as many pods as the spec says. */
import { isDeepStrictEqual } from 'node:util';
import { Pod } from '../../../api/core/pod.ts';
import { isApiError } from '../../../api/errors.ts';
import { ReplicaSet } from '../../../api/apps/replica-set.ts';
import { ReplicationController } from '../../../api/core/replication-controller.ts';
import type { ReplicaSetStatus } from '../../../api/generated/apps-v1.ts';
import type { Kind } from '../../../api/kind.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { controllerOf, controllerReference } from '../../../api/owner.ts';
import { isPodActive, isPodTerminal } from '../../../api/pod-readiness.ts';
import { matcherOfSelector } from '../../../api/selector.ts';
import { keyOf, watching, type Cache, type Caches, type Controller, type ReconcileContext, type ReconcileResult } from '../../../sdk/index.ts';
import { claim } from '../claims.ts';
import { controlledBy, orphansOf, settleClaims, writeStatus } from '../dependents.ts';
import { watchExpectations, type Expectations } from '../expectations.ts';
import { slowStart } from '../slow-start.ts';
import { podOfTemplate, scalePlan, type ScalePlan } from './plan.ts';
import { replicaSetStatus, untilAvailableMs, type ScaleFailure } from './status.ts';

/** A kind that keeps so many pods of a template. */
interface Keeper<T extends KubeObject> {
  kind: Kind<T>;
  /** The object as a ReplicaSet would say it. */
  asSet(object: T): ReplicaSet;
  /** The object with the status that it has as a ReplicaSet. */
  withStatus(object: T, status: ReplicaSetStatus): T;
}

function keeperController<T extends KubeObject>(name: string, keeper: Keeper<T>): Controller<T> {
  return {
    name,
    eventSource: `${name}-controller`,
    for: keeper.kind,
    owns: [Pod],
    watches: [watching(Pod, (pod, caches) => adoptersOf(keeper, pod, caches))],
    reconcile: async (_key, object, context) => (object === undefined ? undefined : reconcile(keeper, object, context)),
  };
}

export const replicaSetController = keeperController('replicaset', { kind: ReplicaSet, asSet: (set) => set, withStatus: (set, status) => ({ ...set, status }) });

export const replicationControllerController = keeperController('replication', {
  kind: ReplicationController,
  asSet: (controller) => ({ ...controller, spec: { ...controller.spec, selector: { matchLabels: controller.spec?.selector ?? {} } } }),
  withStatus: (controller, { terminatingReplicas: _terminating, ...status }) => ({ ...controller, status }),
});

async function reconcile<T extends KubeObject>(keeper: Keeper<T>, object: T, context: ReconcileContext): Promise<ReconcileResult | void> {
  const replicaSet = keeper.asSet(object);
  const pods = context.caches.of(Pod);
  const expectations = expectationsOf(pods, context);
  const isSettled = expectations.satisfied(replicaSet.metadata.uid ?? '');
  const owned = await claimedPods(keeper, replicaSet, context);
  const active = owned.filter(isPodActive);
  const nowMs = context.clock.nowMs();
  const plan = isSettled ? scalePlan(replicaSet, active, relatedPods(keeper, replicaSet, active, context.caches), nowMs) : NOTHING;
  const failure = await carryOut(keeper, replicaSet, { plan, expectations }, context);
  // What was just asked for comes back as events, and so does this replica set: its status can wait for them.
  if (failure === undefined && plan.create + plan.remove.length > 0) return;
  const terminating = owned.filter((each) => each.metadata.deletionTimestamp !== undefined && !isPodTerminal(each)).length;
  const next = keeper.withStatus(object, replicaSetStatus(replicaSet, active, { failure: failure?.condition, terminating, nowMs }));
  if (!isDeepStrictEqual((next as { status?: unknown }).status, replicaSet.status)) await writeStatus(context.client, keeper.kind, next);
  if (failure !== undefined) throw failure.error;
  const requeueAfterMs = untilAvailableMs(replicaSet, active, nowMs);
  return requeueAfterMs === undefined ? undefined : { requeueAfterMs };
}

const NOTHING: ScalePlan = { create: 0, remove: [] };
const known = new WeakMap<Cache<Pod>, Expectations>();

function expectationsOf(pods: Cache<Pod>, { clock, signal }: ReconcileContext): Expectations {
  let expectations = known.get(pods);
  if (expectations === undefined) {
    const watched = watchExpectations(pods as unknown as Cache, clock);
    known.set(pods, (expectations = watched));
    signal.addEventListener('abort', () => {
      watched.stop();
      known.delete(pods);
    }, { once: true });
  }
  return expectations;
}

async function claimedPods<T extends KubeObject>({ kind }: Keeper<T>, replicaSet: ReplicaSet, { caches, client }: ReconcileContext): Promise<Pod[]> {
  const pods = caches.of(Pod);
  const orphans = orphansOf(pods, replicaSet.metadata.namespace).filter(isPodActive);
  const claims = claim(replicaSet, replicaSet.spec?.selector, [...controlledBy(pods, replicaSet), ...orphans]);
  return settleClaims(client, claims, { kind: Pod, ownerKind: kind as unknown as Kind, owner: replicaSet, reference: controllerReference(kind, replicaSet) });
}

/** Active pods of all replica sets of the same owner: they crowd the same nodes. */
function relatedPods<T extends KubeObject>({ kind }: Keeper<T>, replicaSet: ReplicaSet, own: readonly Pod[], caches: Caches): readonly Pod[] {
  const owner = controllerOf(replicaSet);
  if (owner === undefined) return own;
  const siblings = controlledBy(caches.of(kind), { metadata: { uid: owner.uid } });
  return siblings.flatMap((each) => controlledBy(caches.of(Pod), each).filter(isPodActive));
}

interface Failure {
  condition: ScaleFailure;
  error: unknown;
}

async function carryOut<T extends KubeObject>(keeper: Keeper<T>, replicaSet: ReplicaSet, { plan, expectations }: { plan: ScalePlan; expectations: Expectations }, context: ReconcileContext): Promise<Failure | undefined> {
  if (plan.create > 0) return createPods(replicaSet, { count: plan.create, make: () => podOfTemplate(replicaSet, keeper.kind) }, expectations, context);
  if (plan.remove.length > 0) return deletePods(replicaSet, plan.remove, expectations, context);
  return undefined;
}

async function createPods(replicaSet: ReplicaSet, { count, make }: { count: number; make: () => Pod }, expectations: Expectations, { client, events }: ReconcileContext): Promise<Failure | undefined> {
  const uid = replicaSet.metadata.uid ?? '';
  expectations.expectCreations(uid, count);
  const result = await slowStart(count, async () => {
    try {
      const pod = await client.create(Pod, make());
      events.event(replicaSet, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
    } catch (error) {
      expectations.creationFailed(uid);
      if (!isTerminating(error)) events.event(replicaSet, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
      throw error;
    }
  });
  for (let index = 0; index < result.skipped; index++) expectations.creationFailed(uid);
  if (result.error === undefined || isTerminating(result.error)) return undefined; // a namespace that goes takes no pods
  return { condition: { reason: 'FailedCreate', message: messageOf(result.error) }, error: result.error };
}

async function deletePods(replicaSet: ReplicaSet, pods: readonly Pod[], expectations: Expectations, { client, events }: ReconcileContext): Promise<Failure | undefined> {
  const uid = replicaSet.metadata.uid ?? '';
  expectations.expectDeletions(uid, pods.map((each) => each.metadata.uid ?? keyOf(each)));
  const results = await Promise.allSettled(pods.map(async (pod) => {
    const { name = '', namespace } = pod.metadata;
    try {
      await client.delete(Pod, name, { namespace, preconditions: { uid: pod.metadata.uid } });
      events.event(replicaSet, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    } catch (error) {
      expectations.deletionFailed(uid, pod.metadata.uid ?? keyOf(pod));
      if (isApiError(error, 'NotFound', 'Conflict')) return; // gone already, or another of that name
      events.event(replicaSet, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`);
      throw error;
    }
  }));
  const failed = results.find((each) => each.status === 'rejected');
  return failed === undefined ? undefined : { condition: { reason: 'FailedDelete', message: messageOf(failed.reason) }, error: failed.reason };
}

function isTerminating(error: unknown): boolean {
  return isApiError(error) && error.details?.causes?.some((each) => each.reason === 'NamespaceTerminating') === true;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Keepers that may adopt a pod which nobody controls. */
function adoptersOf<T extends KubeObject>(keeper: Keeper<T>, pod: Pod, caches: Caches): string[] {
  if (controllerOf(pod) !== undefined) return [];
  const all = caches.of(keeper.kind).list(pod.metadata.namespace ?? '');
  return all.filter((each) => matcherOfSelector(keeper.asSet(each).spec?.selector).matches(pod.metadata.labels)).map(keyOf);
}
