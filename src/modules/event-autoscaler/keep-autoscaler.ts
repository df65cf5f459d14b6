/** The HorizontalPodAutoscaler of a ScaledObject: it scales between one and many; the ScaledObject itself wakes the target and lets it sleep. */
import { HorizontalPodAutoscaler } from '../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { isApiError } from '../../api/errors.ts';
import { TRANSFER, type ScaledObject } from '../../api/keda/scaled-object.ts';
import { isControlledBy } from '../../api/owner.ts';
import type { Client } from '../../sdk/client.ts';
import { autoscalerName, desiredAutoscaler } from './autoscaler.ts';
import { isTransferred } from './rivals.ts';
import type { Source } from './sources.ts';

/** Makes the autoscaler as the object wants it, asked by these. Throws Error where one of that name is not this object's. */
export async function keepAutoscaler(object: ScaledObject, metrics: readonly Source[], client: Client): Promise<void> {
  const wanted = desiredAutoscaler(object, metrics);
  const name = autoscalerName(object);
  const before = object.status?.hpaName;
  if (before !== undefined && before !== name) await dropAutoscaler(object, before, client);
  const there = await client.get(HorizontalPodAutoscaler, name, { namespace: object.metadata.namespace }).catch((error: unknown) => {
    if (!isApiError(error, 'NotFound')) throw error;
    return undefined;
  });
  if (there !== undefined && !isControlledBy(there, object) && !isTransferred(object, name)) throw new Error(`the HorizontalPodAutoscaler ${name} is there already and is not this object's: remove it, name another in advanced.horizontalPodAutoscalerConfig, or annotate this object with ${TRANSFER}=true and name it there`);
  await client.apply(HorizontalPodAutoscaler, wanted, { force: true });
}

/** Deletes it, where it is there. */
export async function dropAutoscaler(object: ScaledObject, name: string, client: Client): Promise<void> {
  await client.delete(HorizontalPodAutoscaler, name, { namespace: object.metadata.namespace }).catch((error: unknown) => {
    if (!isApiError(error, 'NotFound')) throw error;
  });
}
