/** The Deployment controller: carries a plan out, and writes nothing that is so already. */
import { isDeepStrictEqual } from 'node:util';
import { Deployment } from '../../../api/apps/deployment.ts';
import { ReplicaSet } from '../../../api/apps/replica-set.ts';
import { Pod } from '../../../api/core/pod.ts';
import { isApiError } from '../../../api/errors.ts';
import { controllerOf, controllerReference, isControlledBy } from '../../../api/owner.ts';
import { isPodTerminal } from '../../../api/pod-readiness.ts';
import { ifThere } from '../../../sdk/if-there.ts';
import { watching, type Caches, type Controller, type ReconcileContext, type ReconcileResult } from '../../../sdk/index.ts';
import { claim } from '../claims.ts';
import { controlledBy, orphansOf, settleClaims, writeStatus } from '../dependents.ts';
import { condition, withCondition } from './conditions.ts';
import { planDeployment, type DeploymentPlan } from './plan.ts';
import { REVISION } from './revision.ts';
import { hasDeadline } from './status.ts';
import { equalTemplates } from './template.ts';

export const deploymentController: Controller<Deployment> = {
  name: 'deployment',
  eventSource: 'deployment-controller',
  for: Deployment,
  owns: [ReplicaSet],
  watches: [watching(Pod, recreatedBy)],
  reconcile: (_key, deployment, context) => reconcile(deployment, context),
};

async function reconcile(deployment: Deployment | undefined, context: ReconcileContext): Promise<ReconcileResult | void> {
  if (deployment === undefined) return;
  const pods = context.caches.of(Pod);
  const plan = planDeployment({
    deployment, replicaSets: await claimedReplicaSets(deployment, context), nowMs: context.clock.nowMs(),
    hasRunningPods: (replicaSet) => controlledBy(pods, replicaSet).some((each) => !isPodTerminal(each)),
  });
  if (!(await createNewest(deployment, plan, context))) return;
  for (const each of plan.update) await context.client.update(ReplicaSet, each);
  for (const { reason, message } of plan.events) context.events.event(deployment, 'Normal', reason, message);
  for (const each of plan.remove) await remove(each, context);
  await writeBack(deployment, plan, context);
  return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
}

async function claimedReplicaSets(deployment: Deployment, { caches, client }: ReconcileContext): Promise<ReplicaSet[]> {
  const replicaSets = caches.of(ReplicaSet);
  const claims = claim(deployment, deployment.spec?.selector, [...controlledBy(replicaSets, deployment), ...orphansOf(replicaSets, deployment.metadata.namespace)]);
  return settleClaims(client, claims, { kind: ReplicaSet, ownerKind: Deployment, owner: deployment, reference: controllerReference(Deployment, deployment) });
}

/** Gives false when the round ends here: the replica set is there already, and the cache will show it. */
async function createNewest(deployment: Deployment, plan: DeploymentPlan, { client, clock }: ReconcileContext): Promise<boolean> {
  if (plan.create === undefined) return true;
  try {
    await client.create(ReplicaSet, plan.create);
    return true;
  } catch (error) {
    if (isApiError(error, 'AlreadyExists')) return meetExisting(deployment, plan.create, client);
    if (hasDeadline(deployment) && error instanceof Error && !isTerminating(error)) {
      const failed = condition('Progressing', 'False', 'ReplicaSetCreateError', `Failed to create new replica set "${plan.create.metadata.name}": ${error.message}`, clock.nowMs());
      const conditions = withCondition(deployment.status?.conditions ?? [], failed);
      if (!isDeepStrictEqual(conditions, deployment.status?.conditions)) await writeStatus(client, Deployment, { ...deployment, status: { ...deployment.status, conditions } });
    }
    throw error;
  }
}

/** Another object bears the name: ours (made a moment ago), or a collision of hashes, which the next hash avoids. */
async function meetExisting(deployment: Deployment, wanted: ReplicaSet, client: ReconcileContext['client']): Promise<boolean> {
  const { name = '', namespace } = wanted.metadata;
  const existing = await client.get(ReplicaSet, name, { namespace });
  if (isControlledBy(existing, deployment) && equalTemplates(existing.spec?.template, wanted.spec?.template)) return false;
  const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
  await writeStatus(client, Deployment, { ...deployment, status: { ...deployment.status, collisionCount } });
  return false;
}

async function remove(replicaSet: ReplicaSet, { client }: ReconcileContext): Promise<void> {
  const { name = '', namespace, uid } = replicaSet.metadata;
  await ifThere(client.delete(ReplicaSet, name, { namespace, preconditions: { uid }, propagationPolicy: 'Background' }));
}

async function writeBack(deployment: Deployment, { revision, status }: DeploymentPlan, { client }: ReconcileContext): Promise<void> {
  const { name = '', namespace } = deployment.metadata;
  let latest = deployment;
  if (revision !== undefined) latest = await client.patch(Deployment, name, { type: 'merge', body: { metadata: { annotations: { [REVISION]: revision }, uid: deployment.metadata.uid ?? '' } } }, { namespace });
  if (isDeepStrictEqual(status, deployment.status)) return;
  // A spec that changed meanwhile brings its own event: this round's status says of which generation it is.
  await writeStatus(client, Deployment, { ...latest, status });
}

function isTerminating(error: unknown): boolean {
  return isApiError(error) && error.details?.causes?.some((each) => each.reason === 'NamespaceTerminating') === true;
}

/** With strategy Recreate the end of an old pod lets the rollout go on. */
function recreatedBy(pod: Pod, caches: Caches): string[] {
  const replicaSet = controllerOf(pod);
  const namespace = pod.metadata.namespace ?? '';
  if (replicaSet?.kind !== 'ReplicaSet') return [];
  const owner = controllerOf(caches.of(ReplicaSet).get(`${namespace}/${replicaSet.name}`) ?? { metadata: {} });
  if (owner?.kind !== 'Deployment') return [];
  const key = `${namespace}/${owner.name}`;
  return caches.of(Deployment).get(key)?.spec?.strategy?.type === 'Recreate' ? [key] : [];
}
