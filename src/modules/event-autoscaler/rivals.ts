/** Two that scale one workload undo each other. Pure. */
import type { HorizontalPodAutoscaler } from '../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { OWNERSHIP_CHECK, ScaledObject, TRANSFER } from '../../api/keda/scaled-object.ts';
import { autoscalerName } from './autoscaler.ts';

/** Who has the workload of `object`, in upstream's words (verifyScaledObjects, verifyHpas); undefined where nobody has. */
export function rivalOf(object: ScaledObject, others: readonly ScaledObject[], autoscalers: readonly HorizontalPodAutoscaler[]): string | undefined {
  const { scaleTargetRef } = object.spec;
  const place = placeOf(scaleTargetRef);
  const workload = `the workload '${scaleTargetRef.name}' of type '${typeOf(place)}' is already managed by`;
  const other = others.find(({ spec }) => placeOf(spec.scaleTargetRef) === place);
  if (other !== undefined) return `${workload} the ScaledObject '${other.metadata.name}'`;
  const autoscaler = autoscalerName(object);
  const namesake = others.find((each) => autoscalerName(each) === autoscaler);
  if (namesake !== undefined) return `the HPA '${autoscaler}' is already managed by the ScaledObject '${namesake.metadata.name}'`;
  const rival = autoscalers.find(({ metadata, spec }) => spec !== undefined && placeOf(spec.scaleTargetRef) === place
    && metadata.annotations?.[OWNERSHIP_CHECK] !== 'false' && metadata.ownerReferences?.every(({ kind }) => kind !== ScaledObject.kind) !== false && !isTransferred(object, metadata.name));
  if (rival === undefined) return undefined;
  if (object.metadata.annotations?.[TRANSFER] === 'true') return `the existing hpa '${rival.metadata.name}' for workload '${scaleTargetRef.name}' of type '${typeOf(place)}' must be specified by name in advanced settings to enable ownership transfer`;
  return `${workload} the hpa '${rival.metadata.name}'`;
}

/** One that is there already is taken over where that is asked for, by its name. */
export function isTransferred({ metadata, spec }: ScaledObject, autoscaler: string | undefined): boolean {
  return metadata.annotations?.[TRANSFER] === 'true' && spec.advanced?.horizontalPodAutoscalerConfig?.name === autoscaler;
}

const typeOf = (place: string): string => place.slice(0, place.lastIndexOf('/'));

/** Its kind and name: `apps/v1.Deployment/web`. */
function placeOf({ apiVersion = 'apps/v1', kind = 'Deployment', name }: { apiVersion?: string; kind?: string; name: string }): string {
  return `${apiVersion}.${kind}/${name}`;
}
