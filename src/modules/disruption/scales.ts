/** How many pods the controllers of some pods want: replica sets by their deployment, stateful sets, replication controllers. */
import { Deployment } from '../../api/apps/deployment.ts';
import { ReplicaSet } from '../../api/apps/replica-set.ts';
import { StatefulSet } from '../../api/apps/stateful-set.ts';
import { ReplicationController } from '../../api/core/replication-controller.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { KubeObject, OwnerReference } from '../../api/meta.ts';
import { controllerOf } from '../../api/owner.ts';
import type { Cache, Caches } from '../../sdk/index.ts';
import type { Scales } from './budget.ts';

interface Scaled extends KubeObject {
  spec?: { replicas?: number };
}

/** Throws Error when the controller of a pod has no size that is known. */
export function scalesOf(pods: readonly Pod[], caches: Caches): Scales {
  const byUid = new Map<string, number>();
  const unmanaged: string[] = [];
  for (const pod of pods) {
    const controller = controllerOf(pod);
    if (controller === undefined) {
      unmanaged.push(pod.metadata.name ?? '');
      continue;
    }
    if (byUid.has(controller.uid)) continue;
    const found = sizeOf(controller, pod.metadata.namespace ?? '', caches);
    if (found === undefined) throw new Error(`found no controllers for pod "${pod.metadata.name}"`);
    byUid.set(controller.uid, found.replicas);
    // Replica sets of one deployment count once.
    byUid.set(found.uid, found.replicas);
    if (found.uid !== controller.uid) byUid.set(controller.uid, 0);
  }
  return { total: [...byUid.values()].reduce((sum, each) => sum + each, 0), unmanaged };
}

function sizeOf(reference: OwnerReference, namespace: string, caches: Caches): { uid: string; replicas: number } | undefined {
  switch (reference.kind) {
    case 'ReplicaSet': {
      const set = find(caches.of(ReplicaSet), reference, namespace);
      const owner = set === undefined ? undefined : controllerOf(set);
      return set !== undefined && owner?.kind === 'Deployment' ? size(find(caches.of(Deployment), owner, namespace)) : size(set);
    }
    case 'StatefulSet': return size(find(caches.of(StatefulSet), reference, namespace));
    case 'ReplicationController': return size(find(caches.of(ReplicationController), reference, namespace));
    default: return undefined;
  }
}

function find<T extends Scaled>(cache: Cache<T>, { name, uid }: OwnerReference, namespace: string): T | undefined {
  const found = cache.get(`${namespace}/${name}`);
  return found?.metadata.uid === uid ? found : undefined;
}

function size(object: Scaled | undefined): { uid: string; replicas: number } | undefined {
  return object === undefined ? undefined : { uid: object.metadata.uid ?? '', replicas: object.spec?.replicas ?? 1 };
}
