/** The workload that is scaled: read and written by its scale subresource, whatever its kind. */
import { ApiError } from '../api/errors.ts';
import type { CrossVersionObjectReference } from '../api/generated/autoscaling-v2.ts';
import type { Kind } from '../api/kind.ts';
import { parseApiVersion, type KubeObject } from '../api/meta.ts';
import type { ModuleContext } from './module.ts';

export interface Scale extends KubeObject {
  spec?: { replicas?: number };
  status?: { replicas: number; selector?: string };
}

export interface ScaleTarget {
  replicas: number;
  /** How many there are, which need not be how many there should be. */
  statusReplicas: number;
  /** A label selector as text; '' when the scale has none. */
  selector: string;
  set(replicas: number): Promise<void>;
}

/** Rejects with ApiError: NotFound when there is no such kind or object, BadRequest when the kind has no scale. */
export async function scaleTargetOf(reference: CrossVersionObjectReference, namespace: string, { client, kinds }: Pick<ModuleContext, 'client' | 'kinds'>): Promise<ScaleTarget> {
  const { group } = parseApiVersion(reference.apiVersion ?? 'v1');
  const kind = kinds.find(group, reference.kind) as Kind<Scale> | undefined;
  if (kind === undefined) throw new ApiError('NotFound', `no kind ${reference.kind} is served in ${reference.apiVersion ?? 'v1'}: see scaleTargetRef.apiVersion and scaleTargetRef.kind`);
  if (kind.subresources.scale === undefined) throw new ApiError('BadRequest', `${kind.plural}${kind.group === '' ? '' : `.${kind.group}`} has no scale subresource`);
  const scale = await client.get(kind, reference.name, { namespace, subresource: 'scale' });
  return {
    replicas: scale.spec?.replicas ?? 0,
    statusReplicas: scale.status?.replicas ?? 0,
    selector: scale.status?.selector ?? '',
    async set(replicas) {
      await client.patch(kind, reference.name, { type: 'merge', body: { spec: { replicas } } }, { namespace, subresource: 'scale' });
    },
  };
}
