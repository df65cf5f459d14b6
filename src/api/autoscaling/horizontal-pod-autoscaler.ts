/** HorizontalPodAutoscaler (autoscaling/v2, and v1 in its older words): how many replicas a workload has, by what it uses. */
import type { HorizontalPodAutoscaler as Version1 } from '../generated/autoscaling-v1.ts';
import type { CrossVersionObjectReference, HorizontalPodAutoscaler as Version2, HPAScalingRules, MetricSpec, MetricTarget } from '../generated/autoscaling-v2.ts';
import { AGE } from '../columns.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { ownValue } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import { pathSegmentErrors } from '../names.ts';
import { compareQuantities } from '../quantity.ts';
import { schemaOf } from '../schema/facts.ts';
import { convertAutoscaler } from './conversion.ts';
import { AUTOSCALER_COLUMNS } from './columns.ts';

export type HorizontalPodAutoscaler = Version2;
export type HorizontalPodAutoscalerV1 = Version1;

const STORAGE = 'autoscaling/v2';
const conversion: NonNullable<Kind['conversion']> = {
  storageApiVersion: STORAGE,
  convert: (objects, apiVersion) => Promise.resolve(objects.map((object) => convertAutoscaler(object, apiVersion))),
};
const NAMES = { group: 'autoscaling', kind: 'HorizontalPodAutoscaler', plural: 'horizontalpodautoscalers', namespaced: true, shortNames: ['hpa'], categories: ['all'] } as const;

export const HorizontalPodAutoscaler: Kind<HorizontalPodAutoscaler> = defineKind<HorizontalPodAutoscaler>({
  ...NAMES, version: 'v2', conversion,
  schema: () => schemaOf('autoscaling', 'v2', 'HorizontalPodAutoscaler'),
  rules: {
    defaults: ({ spec }) => fillInSpec(spec),
    prepareForCreate(autoscaler) {
      autoscaler.status = { desiredReplicas: 0 };
    },
    validate: ({ spec }, old) => specErrors(spec, old?.spec),
  },
  subresources: { status: true },
  columns: [
    ...AUTOSCALER_COLUMNS,
    AGE,
  ],
});

export const HorizontalPodAutoscalerV1: Kind<HorizontalPodAutoscalerV1> = defineKind<HorizontalPodAutoscalerV1>({
  ...NAMES, version: 'v1', conversion,
  schema: () => schemaOf('autoscaling', 'v1', 'HorizontalPodAutoscaler'),
  rules: {
    prepareForCreate(autoscaler) {
      autoscaler.status = { currentReplicas: 0, desiredReplicas: 0 };
    },
    validate(autoscaler, old) {
      const specOf = (object: KubeObject): HorizontalPodAutoscaler['spec'] => (convertAutoscaler(object, STORAGE) as HorizontalPodAutoscaler).spec;
      return specErrors(specOf(autoscaler as KubeObject), old === undefined ? undefined : specOf(old as KubeObject));
    },
  },
  subresources: { status: true },
  columns: HorizontalPodAutoscaler.columns.map((each) => ({ ...each, cell: (object, nowMs) => each.cell(convertAutoscaler(object as KubeObject, STORAGE) as HorizontalPodAutoscaler, nowMs) })),
});

/** Defaults of upstream: one replica at least, 80 % of the requested cpu, and a behaviour that is filled in where a part of it is given. */
export function fillInSpec(spec: HorizontalPodAutoscaler['spec']): void {
  if (spec === undefined) return;
  spec.minReplicas ??= 1;
  if (!spec.metrics?.length) spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }];
  const { behavior } = spec;
  if (behavior === undefined) return;
  behavior.scaleUp = { ...SCALE_UP, ...behavior.scaleUp, policies: policiesOf(behavior.scaleUp) ?? SCALE_UP.policies };
  behavior.scaleDown = { ...SCALE_DOWN, ...behavior.scaleDown, policies: policiesOf(behavior.scaleDown) ?? SCALE_DOWN.policies };
}

/** An empty list is a mistake and stays, so that validation says so. */
function policiesOf(rules: HPAScalingRules | undefined): HPAScalingRules['policies'] {
  return rules?.policies;
}

/** Up as fast as by doubling or by four pods in 15 s, whichever is more. */
export const SCALE_UP: HPAScalingRules = {
  stabilizationWindowSeconds: 0, selectPolicy: 'Max',
  policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }, { type: 'Percent', value: 100, periodSeconds: 15 }],
};
/** Down at once, but only as far as the greatest wish of the last five minutes (the window is the controller's where none is given). */
export const SCALE_DOWN: HPAScalingRules = { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] };

/** What upstream refuses, in its words and order (pkg/apis/autoscaling/validation). What `old` had already in an apiVersion stays allowed. */
export function specErrors(spec: HorizontalPodAutoscaler['spec'], old?: HorizontalPodAutoscaler['spec']): FieldError[] {
  if (spec === undefined) return [required('spec')];
  const { scaleTargetRef: target, minReplicas, maxReplicas = 0, metrics = [], behavior } = spec;
  const errors: FieldError[] = [];
  if (minReplicas !== undefined && minReplicas < 0) errors.push(invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 0'));
  if (maxReplicas < 1) errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than 0'));
  if (minReplicas !== undefined && maxReplicas < minReplicas) errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'));
  const isSame = old !== undefined && old.scaleTargetRef?.apiVersion === target?.apiVersion && old.scaleTargetRef?.kind === target?.kind;
  errors.push(...referenceErrors(target, 'spec.scaleTargetRef', isSame ? 'unchecked' : target?.kind === 'ReplicationController' ? 'optional' : 'needed'));
  const wasWrong = old?.metrics?.some(({ type, object }) => type === 'Object' && groupError(object?.describedObject?.apiVersion, 'optional') !== undefined) === true;
  errors.push(...metrics.flatMap((metric, index) => metricErrors(metric, `spec.metrics[${index}]`, wasWrong ? 'unchecked' : 'optional')));
  if (minReplicas === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External')) errors.push(forbidden('spec.metrics', 'must specify at least one Object or External metric to support scaling to zero replicas'));
  errors.push(...rulesErrors(behavior?.scaleUp, 'spec.behavior.scaleUp'), ...rulesErrors(behavior?.scaleDown, 'spec.behavior.scaleDown'));
  return errors;
}

/** Whether an apiVersion has to name a group. */
type Group = 'needed' | 'optional' | 'unchecked';

function referenceErrors(reference: CrossVersionObjectReference | undefined, path: string, group: Group): FieldError[] {
  const errors = (['kind', 'name'] as const).flatMap((field) => {
    const text = reference?.[field] ?? '';
    return text === '' ? [required(`${path}.${field}`)] : pathSegmentErrors(text).map((wrong) => invalid(`${path}.${field}`, text, wrong));
  });
  const wrong = groupError(reference?.apiVersion, group);
  return wrong === undefined ? errors : [...errors, invalid(`${path}.apiVersion`, reference?.apiVersion ?? '', wrong)];
}

function groupError(apiVersion = '', group: Group): string | undefined {
  if (group === 'unchecked') return undefined;
  const parts = apiVersion.split('/');
  if (parts.length > 2) return `unexpected GroupVersion string: ${apiVersion}`;
  return group === 'needed' && (parts.length < 2 || parts[0] === '') ? 'apiVersion must specify API group' : undefined;
}

const SOURCES: Readonly<Record<string, 'resource' | 'containerResource' | 'pods' | 'object' | 'external'>> = {
  Resource: 'resource', ContainerResource: 'containerResource', Pods: 'pods', Object: 'object', External: 'external',
};

function metricErrors(metric: MetricSpec, path: string, group: Group): FieldError[] {
  const field = ownValue(SOURCES, metric.type);
  if (field === undefined) return [...(metric.type === '' ? [required(`${path}.type`, 'must specify a metric source type')] : []), notSupported(`${path}.type`, metric.type, Object.keys(SOURCES))];
  const source = metric[field];
  if (source === undefined) return [required(`${path}.${field}`, 'must populate information for the given metric source')];
  const others = Object.values(SOURCES).filter((each) => each !== field && metric[each] !== undefined);
  const errors = others.map((each) => forbidden(`${path}.${each}`, 'must populate the given metric source only'));
  errors.push(...namedErrors(metric, `${path}.${field}`, group));
  return [...errors, ...targetErrors(source.target, `${path}.${field}.target`, metric.type)];
}

/** What the source says that it measures. */
function namedErrors({ type, resource, containerResource, pods, object, external }: MetricSpec, path: string, group: Group): FieldError[] {
  const errors: FieldError[] = [];
  if (type === 'Object') errors.push(...referenceErrors(object?.describedObject, `${path}.describedObject`, group));
  if (type === 'Resource' && !resource?.name) errors.push(required(`${path}.name`, 'must specify a resource name'));
  if (type === 'ContainerResource' && !containerResource?.name) errors.push(required(`${path}.name`, 'must specify a resource name'));
  if (type === 'ContainerResource' && !containerResource?.container) errors.push(required(`${path}.container`, 'must specify a container'));
  const measured = { Pods: pods, Object: object, External: external }[type as 'Pods'];
  if (measured === undefined) return errors;
  const { name = '' } = measured.metric ?? {};
  if (name === '') errors.push(required(`${path}.metric.name`, 'must specify a metric name'));
  else errors.push(...pathSegmentErrors(name).map((wrong) => invalid(`${path}.metric.name`, name, wrong)));
  return errors;
}

/** What a source needs at least one of; the first is the one that is told to be missing. */
const NEEDED: Readonly<Record<string, { fields: readonly (keyof MetricTarget)[]; text: string }>> = {
  Resource: { fields: ['averageUtilization', 'averageValue'], text: 'must set either a target raw value or a target utilization' },
  ContainerResource: { fields: ['averageUtilization', 'averageValue'], text: 'must set either a target raw value or a target utilization' },
  Pods: { fields: ['averageValue'], text: 'must specify a positive target averageValue' },
  Object: { fields: ['averageValue', 'value'], text: 'must set either a target value or averageValue' },
  External: { fields: ['averageValue', 'value'], text: 'must set either a target value for metric or a per-pod target' },
};
const TARGET_TYPES = ['Utilization', 'Value', 'AverageValue'];

/** As upstream, the type does not have to fit what is set. */
function targetErrors(target: MetricTarget | undefined, path: string, type: string): FieldError[] {
  const { averageUtilization, averageValue, value } = target ?? {};
  const errors: FieldError[] = [];
  if (!target?.type) errors.push(required(`${path}.type`, 'must specify a metric target type'));
  else if (!TARGET_TYPES.includes(target.type)) errors.push(invalid(`${path}.type`, target.type, 'must be either Utilization, Value, or AverageValue'));
  for (const [field, quantity] of Object.entries({ value, averageValue })) if (quantity !== undefined && compareQuantities(quantity, '0') <= 0) errors.push(invalid(`${path}.${field}`, quantity, 'must be positive'));
  if (averageUtilization !== undefined && averageUtilization < 1) errors.push(invalid(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0'));
  const { fields, text } = NEEDED[type]!;
  if (fields.every((field) => target?.[field] === undefined)) errors.push(required(`${path}.${fields[0]}`, text));
  if (fields.includes('averageUtilization') && averageUtilization !== undefined && averageValue !== undefined) errors.push(forbidden(`${path}.averageValue`, 'may not set both a target raw value and a target utilization'));
  if (type === 'External' && value !== undefined && averageValue !== undefined) errors.push(forbidden(`${path}.value`, 'may not set both a target value for metric and a per-pod target'));
  return errors;
}

const LONGEST_WINDOW_SECONDS = 3_600;
const LONGEST_PERIOD_SECONDS = 1_800;

function rulesErrors(rules: HPAScalingRules | undefined, path: string): FieldError[] {
  if (rules === undefined) return [];
  const errors: FieldError[] = [];
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rules;
  if (window !== undefined && window < 0) errors.push(invalid(`${path}.stabilizationWindowSeconds`, window, 'must be greater than or equal to zero'));
  if (window !== undefined && window > LONGEST_WINDOW_SECONDS) errors.push(invalid(`${path}.stabilizationWindowSeconds`, window, `must be less than or equal to ${LONGEST_WINDOW_SECONDS}`));
  if (selectPolicy !== undefined && !['Max', 'Min', 'Disabled'].includes(selectPolicy)) errors.push(notSupported(`${path}.selectPolicy`, selectPolicy, ['Disabled', 'Max', 'Min']));
  if (policies.length === 0) errors.push(required(`${path}.policies`, 'must specify at least one Policy'));
  for (const [index, { type, value, periodSeconds }] of policies.entries()) {
    const at = `${path}.policies[${index}]`;
    if (type !== 'Pods' && type !== 'Percent') errors.push(notSupported(`${at}.type`, type, ['Percent', 'Pods']));
    if (value <= 0) errors.push(invalid(`${at}.value`, value, 'must be greater than zero'));
    if (periodSeconds <= 0) errors.push(invalid(`${at}.periodSeconds`, periodSeconds, 'must be greater than zero'));
    if (periodSeconds > LONGEST_PERIOD_SECONDS) errors.push(invalid(`${at}.periodSeconds`, periodSeconds, `must be less than or equal to ${LONGEST_PERIOD_SECONDS}`));
  }
  if (tolerance !== undefined && compareQuantities(tolerance, '0') < 0) errors.push(invalid(`${path}.tolerance`, tolerance, 'must be greater than or equal to zero'));
  return errors;
}
