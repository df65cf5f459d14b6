/** The HorizontalPodAutoscaler of a ScaledObject: one metric a trigger. Pure. */
import type { HorizontalPodAutoscaler } from '../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { EXCLUDED_LABELS, NAME_LABEL, PAUSED_SCALE_IN, PAUSED_SCALE_OUT, ScaledObject, type ScaledObject as ScaledObjectType } from '../../api/keda/scaled-object.ts';
import { isMarked, type TriggerSpec } from '../../api/keda/triggers.ts';
import { controllerReference } from '../../api/owner.ts';
import { isQuantity, quantityOfMilli } from '../../api/quantity.ts';
import type { HorizontalPodAutoscalerBehavior, MetricSpec } from '../../api/generated/autoscaling-v2.ts';
import { LEARNED } from './triggers/calendar.ts';
import { TriggerError } from './triggers/trigger.ts';

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

export function autoscalerName({ metadata, spec }: ScaledObjectType): string {
  return spec.advanced?.horizontalPodAutoscalerConfig?.name ?? `keda-hpa-${metadata.name}`;
}

function metricLabels(name: string): Record<string, string> {
  return { [NAME_LABEL]: name };
}

export function isResource(type: string): boolean {
  return type === 'cpu' || type === 'memory';
}

/** `metrics` are the names and targets of the triggers that are no resources, in their order. */
export function desiredAutoscaler(scaled: ScaledObjectType, metrics: readonly { name: string; target: number; type: 'AverageValue' | 'Value' }[]): HorizontalPodAutoscaler {
  const { metadata, spec } = scaled;
  const { name = '', namespace } = metadata;
  const { minReplicaCount = 0, maxReplicaCount = 100, scaleTargetRef, advanced } = spec;
  const { [LAST_APPLIED]: _, [LEARNED]: __, ...kept } = metadata.annotations ?? {};
  const behavior = pausedBehavior(advanced?.horizontalPodAutoscalerConfig?.behavior, metadata.annotations);
  return {
    apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler',
    metadata: { name: autoscalerName(scaled), namespace, labels: { 'app.kubernetes.io/name': labelOf(autoscalerName(scaled)), 'app.kubernetes.io/part-of': name, 'app.kubernetes.io/managed-by': 'keda-operator', ...keptLabels(metadata), ...metricLabels(name) }, ...(Object.keys(kept).length > 0 && { annotations: kept }), ownerReferences: [controllerReference(ScaledObject, scaled)] },
    spec: {
      scaleTargetRef: { apiVersion: scaleTargetRef.apiVersion ?? 'apps/v1', kind: scaleTargetRef.kind ?? 'Deployment', name: scaleTargetRef.name }, minReplicas: Math.max(1, minReplicaCount), maxReplicas: Math.max(1, maxReplicaCount),
      metrics: [...metrics.map(({ name: metric, target, type }) => external(metric, name, target, type)), ...spec.triggers.filter(({ type }) => isResource(type)).map(resource)],
      ...(behavior === undefined ? {} : { behavior }),
    },
  };
}

/** As long as the value of a label may be. */
function labelOf(name: string): string {
  return name.slice(0, 63).replace(/[^A-Za-z0-9]+$/, '');
}

function keptLabels({ labels = {}, annotations }: ScaledObjectType['metadata']): Record<string, string> {
  const excluded = new Set((annotations?.[EXCLUDED_LABELS] ?? '').split(',').map((each) => each.trim()));
  return Object.fromEntries(Object.entries(labels).filter(([label]) => !excluded.has(label)));
}

/** Of what is paused one way alone, the autoscaler does not go that way. */
function pausedBehavior(behavior: HorizontalPodAutoscalerBehavior | undefined, annotations: Readonly<Record<string, string>> | undefined): HorizontalPodAutoscalerBehavior | undefined {
  const stays = { selectPolicy: 'Disabled' } as const;
  const [noFall, noRise] = [isMarked(annotations, PAUSED_SCALE_IN), isMarked(annotations, PAUSED_SCALE_OUT)];
  if (!noFall && !noRise) return behavior;
  return { ...behavior, ...(noFall && { scaleDown: { ...behavior?.scaleDown, ...stays } }), ...(noRise && { scaleUp: { ...behavior?.scaleUp, ...stays } }) };
}

function external(metric: string, scaledObject: string, target: number, type: 'AverageValue' | 'Value'): MetricSpec {
  const amount = quantityOfMilli(Math.round(target * 1_000));
  return { type: 'External', external: { metric: { name: metric, selector: { matchLabels: metricLabels(scaledObject) } }, target: type === 'Value' ? { type, value: amount } : { type, averageValue: amount } } };
}

/** `metadata.type` is the old place of `metricType`. Throws TriggerError. */
function resource({ type, metricType = 'Utilization', metadata }: TriggerSpec): MetricSpec {
  const sort = (metadata['type'] as typeof metricType | undefined) ?? metricType;
  const { value = '' } = metadata;
  if (sort !== 'Utilization' && sort !== 'AverageValue') throw new TriggerError(`the trigger ${type}: unsupported metric type, allowed values are 'Utilization' or 'AverageValue'`);
  if (sort === 'Utilization' ? !/^[1-9]\d*$/.test(value) : !isQuantity(value)) throw new TriggerError(`the trigger ${type}: value must be ${sort === 'Utilization' ? 'a whole number of percent' : 'a quantity'}, not ${JSON.stringify(value)}`);
  const target = sort === 'Utilization' ? { type: sort, averageUtilization: Number(value) } : { type: sort, averageValue: value };
  const container = metadata['containerName'];
  return container === undefined || container === '' ? { type: 'Resource', resource: { name: type, target } } : { type: 'ContainerResource', containerResource: { name: type, container, target } };
}
