/** restoreToOriginalReplicaCount: a target gets back the replicas that it had, when its ScaledObject goes. */
import { isApiError } from '../../api/errors.ts';
import { ScaledObject } from '../../api/keda/scaled-object.ts';
import type { Client } from '../../sdk/client.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { scaleTargetOf } from '../../sdk/scale-target.ts';
import { autoscalerName } from './autoscaler.ts';
import { dropAutoscaler } from './keep-autoscaler.ts';

const FINALIZER = 'llmos.dev/restore-replicas';

/** Who asks for it gets back the replicas from before, when the ScaledObject goes. */
export async function restore(object: ScaledObject, context: ModuleContext): Promise<void> {
  const { client } = context;
  const { metadata, spec: { scaleTargetRef, advanced }, status } = object;
  if (!metadata.finalizers?.includes(FINALIZER)) return;
  await dropAutoscaler(object, status?.hpaName ?? autoscalerName(object), client);
  if (advanced?.restoreToOriginalReplicaCount === true && status?.originalReplicaCount !== undefined) {
    const target = await scaleTargetOf({ apiVersion: scaleTargetRef.apiVersion ?? 'apps/v1', kind: scaleTargetRef.kind ?? 'Deployment', name: scaleTargetRef.name }, metadata.namespace ?? '', context).catch((error: unknown) => {
      if (!isApiError(error, 'NotFound')) throw error;
      return undefined;
    });
    if (target !== undefined && target.replicas !== status.originalReplicaCount) await target.set(status.originalReplicaCount);
  }
  await setFinalizers(object, metadata.finalizers.filter((each) => each !== FINALIZER), client);
}

/** Has the object wait at its end for {@link restore}, where it asks for it and does not yet. Gives whether it was changed. */
export async function holdForRestore(object: ScaledObject, client: Client): Promise<boolean> {
  const { finalizers = [] } = object.metadata;
  if (object.spec.advanced?.restoreToOriginalReplicaCount !== true || finalizers.includes(FINALIZER)) return false;
  await setFinalizers(object, [...finalizers, FINALIZER], client);
  return true;
}

async function setFinalizers(object: ScaledObject, finalizers: readonly string[], client: Client): Promise<void> {
  await client.update(ScaledObject, { ...object, metadata: { ...object.metadata, finalizers: [...finalizers] } }).catch((error: unknown) => {
    // It changed or went meanwhile: the next turn sees it as it is.
    if (!isApiError(error, 'Conflict', 'NotFound')) throw error;
  });
}
