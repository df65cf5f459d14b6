/** How many pods the controllers of some pods want: replica sets by their deployment, stateful sets, replication controllers, and whatever has a scale. */
import { Deployment } from '../../api/apps/deployment.ts';
import { ReplicaSet } from '../../api/apps/replica-set.ts';
import { StatefulSet } from '../../api/apps/stateful-set.ts';
import { ReplicationController } from '../../api/core/replication-controller.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { isApiError } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import { parseApiVersion, type KubeObject, type OwnerReference } from '../../api/meta.ts';
import { controllerOf } from '../../api/owner.ts';
import type { Cache, Caches, ModuleContext } from '../../sdk/index.ts';
import type { Scales } from './budget.ts';

interface Scaled extends KubeObject {
  spec?: { replicas?: number };
}

interface Size {
  uid: string;
  replicas: number;
}

/** What each running instance of the module reads scales with: controllers are not told which kinds there are. */
const readers = new WeakMap<Caches, Pick<ModuleContext, 'client' | 'kinds'>>();

export function readScalesWith(context: Pick<ModuleContext, 'caches' | 'client' | 'kinds'>): void {
  readers.set(context.caches, context);
}

/** A controller of any other kind, by its scale subresource. Throws Error when the kind has none. */
async function scaleOf({ apiVersion, kind: name, name: object, uid }: OwnerReference, namespace: string, caches: Caches): Promise<Size | undefined> {
  const reader = readers.get(caches);
  const kind = reader?.kinds.find(parseApiVersion(apiVersion).group, name);
  if (reader === undefined || kind === undefined) return undefined;
  if (kind.subresources.scale === undefined) throw new Error(`${kind.plural}${kind.group === '' ? '' : `.${kind.group}`} does not implement the scale subresource`);
  try {
    const { metadata, spec } = await reader.client.get<Scaled>(kind as Kind<Scaled>, object, { namespace, subresource: 'scale' });
    return metadata.uid === uid ? { uid, replicas: spec?.replicas ?? 0 } : undefined;
  } catch (error) {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** Rejects with Error when the controller of a pod has no size that is known. */
export async function scalesOf(pods: readonly Pod[], caches: Caches): Promise<Scales> {
  const byUid = new Map<string, number>();
  const unmanaged: string[] = [];
  for (const pod of pods) {
    const controller = controllerOf(pod);
    if (controller === undefined) {
      unmanaged.push(pod.metadata.name ?? '');
      continue;
    }
    if (byUid.has(controller.uid)) continue;
    const found = await sizeOf(controller, pod.metadata.namespace ?? '', caches);
    if (found === undefined) throw new Error(`found no controllers for pod "${pod.metadata.name}"`);
    byUid.set(controller.uid, found.replicas);
    // Replica sets of one deployment count once.
    byUid.set(found.uid, found.replicas);
    if (found.uid !== controller.uid) byUid.set(controller.uid, 0);
  }
  return { total: [...byUid.values()].reduce((sum, each) => sum + each, 0), unmanaged };
}

async function sizeOf(reference: OwnerReference, namespace: string, caches: Caches): Promise<Size | undefined> {
  switch (reference.kind) {
    case 'ReplicaSet': {
      const set = find(caches.of(ReplicaSet), reference, namespace);
      const owner = set === undefined ? undefined : controllerOf(set);
      return set !== undefined && owner?.kind === 'Deployment' ? size(find(caches.of(Deployment), owner, namespace)) : size(set);
    }
    case 'StatefulSet': return size(find(caches.of(StatefulSet), reference, namespace));
    case 'ReplicationController': return size(find(caches.of(ReplicationController), reference, namespace));
    default: return scaleOf(reference, namespace, caches);
  }
}

function find<T extends Scaled>(cache: Cache<T>, { name, uid }: OwnerReference, namespace: string): T | undefined {
  const found = cache.get(`${namespace}/${name}`);
  return found?.metadata.uid === uid ? found : undefined;
}

function size(object: Scaled | undefined): Size | undefined {
  return object === undefined ? undefined : { uid: object.metadata.uid ?? '', replicas: object.spec?.replicas ?? 1 };
}
