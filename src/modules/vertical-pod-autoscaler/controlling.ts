/** Which of several VerticalPodAutoscalers has a pod: the oldest of those whose target is the pod's topmost controller (upstream: utils/vpa, GetControllingVPAForPod). */
import { isApiError } from '../../api/errors.ts';
import type { VerticalPodAutoscaler } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import type { Kind } from '../../api/kind.ts';
import { parseApiVersion, type KubeObject } from '../../api/meta.ts';
import { controllerOf } from '../../api/owner.ts';
import type { LabelMatcher } from '../../api/selector.ts';
import type { ModuleContext } from '../../sdk/index.ts';

/** Those whose pods are found without their scale. */
const WELL_KNOWN: ReadonlySet<string> = new Set(['DaemonSet.apps', 'Deployment.apps', 'ReplicaSet.apps', 'StatefulSet.apps', 'ReplicationController.', 'Job.batch', 'CronJob.batch']);
const MOST_STEPS = 10;

export function isWellKnown({ kind, group }: Pick<Kind, 'kind' | 'group'>): boolean {
  return WELL_KNOWN.has(`${kind}.${group}`);
}

export interface Controller { kind: string; name: string }

/** One that may have pods: it is not off, and its target is there. */
export interface Candidate {
  vpa: VerticalPodAutoscaler;
  matcher: LabelMatcher;
}

/** The last, going up from owner to owner, of those that are well known or have a scale; undefined where there is none. Rejects while an owner cannot be read: who is above it is not known then. */
export async function topmostController(object: KubeObject, { client, kinds }: Pick<ModuleContext, 'client' | 'kinds'>): Promise<Controller | undefined> {
  let top: Controller | undefined;
  let reference = controllerOf(object);
  for (let step = 0; reference !== undefined && step < MOST_STEPS; step++) {
    const kind = kinds.find(parseApiVersion(reference.apiVersion).group, reference.kind);
    if (kind === undefined) break;
    if (isWellKnown(kind) || kind.subresources.scale !== undefined) top = { kind: reference.kind, name: reference.name };
    const owner = await client.get(kind, reference.name, kind.namespaced ? { namespace: object.metadata.namespace } : {}).catch((error: unknown) => {
      if (!isApiError(error, 'NotFound', 'Forbidden')) throw error;
    });
    reference = owner ? controllerOf(owner) : undefined;
  }
  return top;
}

/** `candidates` are of the pod's namespace. */
export function controlling<T extends Candidate>(labels: Readonly<Record<string, string>> | undefined, top: Controller | undefined, candidates: readonly T[]): T | undefined {
  return candidates.filter(({ vpa, matcher }) => vpa.spec.targetRef?.kind === top?.kind && vpa.spec.targetRef?.name === top?.name && matcher.matches(labels)).toSorted((one, other) => (ageOf(one) < ageOf(other) ? -1 : 1))[0];
}

function ageOf({ vpa: { metadata } }: Candidate): string {
  return `${metadata.creationTimestamp} ${metadata.name}`;
}
