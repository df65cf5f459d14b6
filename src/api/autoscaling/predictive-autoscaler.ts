/**
 * PredictiveAutoscaler (llmos.dev/v1alpha1): replicas for the load that will be when a replica that is asked for now is ready. Its spec is that of an
 * HorizontalPodAutoscaler (autoscaling/v2), which is its floor, with an objective.
 */
import type { HorizontalPodAutoscalerSpec, HorizontalPodAutoscalerStatus } from '../generated/autoscaling-v2.ts';
import { AGE, column, NAME } from '../columns.ts';
import { withObjectMeta } from '../custom/custom-schema.ts';
import { invalid, type FieldError } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import { schemaOf } from '../schema/facts.ts';
import { float64 } from '../schema/build.ts';
import { resolveSchema, type Schema } from '../schema/schema.ts';
import { fillInSpec, specErrors } from './horizontal-pod-autoscaler.ts';
import { AUTOSCALER_COLUMNS } from './columns.ts';

/** An HorizontalPodAutoscaler with this annotation, `"true"`, is served as a PredictiveAutoscaler with its spec would be. */
export const PREDICTIVE_ANNOTATION = 'autoscaling.llmos.dev/predictive';

/** At most one of them; without one, as safe as an HorizontalPodAutoscaler with 6/7 of the target. */
export interface ScalingObjective {
  /** The part of time in which replicas may be too few, from 0 to 1. */
  underProvisioned?: number;
  /** What a moment with too few costs, in replicas that are needed on average. */
  price?: number;
  /** As often too few as an HorizontalPodAutoscaler with this utilisation as its target would be: percent. */
  asSafeAsUtilization?: number;
}

export interface PredictiveAutoscalerSpec extends HorizontalPodAutoscalerSpec {
  objective?: ScalingObjective;
  /** A replica that is busier than that has too much to do: percent. Default 8/7 of the target. */
  limitUtilization?: number;
  /** Where the load of the past is, so that it need not be learned anew; beside the day of usage that llmos keeps. */
  history?: { prometheus?: { serverAddress: string; query: string } };
}

/** Loads are in replicas that are wholly busy. */
export interface ScalingDecision {
  time: string;
  from: number;
  to: number;
  /** `Learning`, `Forecast`, `Reactive`, `Saturated`, `Held`, `FromZero` or `Bounds`. */
  rule: string;
  message: string;
  load?: number;
  forecast?: { aheadSeconds: number; median: number; p80: number; p97: number; p999: number };
  price?: number;
  /** What an HorizontalPodAutoscaler would have, had it decided all along. */
  counterfactual?: { replicas: number };
}

export interface PredictiveAutoscalerStatus extends HorizontalPodAutoscalerStatus {
  /** From the wish for a replica until it was ready, as measured. */
  startSeconds?: number;
  decision?: ScalingDecision;
  /** How it fares beside HorizontalPodAutoscalers: parts of time with too few (percent), and mean replicas. */
  comparison?: { own: Fared; reactive: Fared; careful: Fared };
}

export interface Fared { underProvisionedPercent: number; replicas: number }

export interface PredictiveAutoscaler extends KubeObject {
  spec?: PredictiveAutoscalerSpec;
  status?: PredictiveAutoscalerStatus;
}

function schema(): Schema {
  const reactive = schemaOf('autoscaling', 'v2', 'HorizontalPodAutoscaler').properties!;
  const number: Schema = { ...float64, minimum: 0 };
  const text: Schema = { type: 'string' };
  const integer: Schema = { type: 'integer', format: 'int32' };
  const fared: Schema = { type: 'object', properties: { underProvisionedPercent: number, replicas: number } };
  const spec = resolveSchema(reactive['spec']!);
  const status = resolveSchema(reactive['status']!);
  const decision: Schema = {
    type: 'object',
    properties: {
      time: text, from: integer, to: integer, rule: text, message: text, load: number, price: number, counterfactual: { type: 'object', properties: { replicas: integer } },
      forecast: { type: 'object', properties: { aheadSeconds: number, median: number, p80: number, p97: number, p999: number } },
    },
  };
  return withObjectMeta({
    type: 'object', required: ['spec'],
    properties: {
      spec: {
        ...spec, name: undefined, goType: undefined, default: undefined, // it has to be given
        properties: {
          ...spec.properties,
          objective: {
            type: 'object',
            properties: {
              underProvisioned: { ...number, maximum: 1 },
              price: number,
              asSafeAsUtilization: { ...integer, minimum: 1, maximum: 1_000 },
            },
          },
          limitUtilization: { ...integer, minimum: 1, maximum: 1_000 },
          history: {
            type: 'object',
            properties: { prometheus: { type: 'object', required: ['serverAddress', 'query'], properties: { serverAddress: { ...text, pattern: '^https?://' }, query: { ...text, minLength: 1, maxLength: 4_096 } } } },
          },
        },
      },
      status: { ...status, name: undefined, goType: undefined, required: [], properties: { ...status.properties, startSeconds: number, decision, comparison: { type: 'object', properties: { own: fared, reactive: fared, careful: fared } } } },
    },
  });
}

export const PredictiveAutoscaler: Kind<PredictiveAutoscaler> = defineKind<PredictiveAutoscaler>({
  group: 'llmos.dev', version: 'v1alpha1', kind: 'PredictiveAutoscaler', plural: 'predictiveautoscalers', namespaced: true, shortNames: ['pa'],
  schema,
  rules: {
    defaults: ({ spec }) => fillInSpec(spec),
    prepareForCreate(autoscaler) {
      autoscaler.status = { desiredReplicas: 0 };
    },
    validate: ({ spec }, old) => [...specErrors(spec, old?.spec), ...objectiveErrors(spec)],
  },
  subresources: { status: true },
  columns: [
    ...AUTOSCALER_COLUMNS,
    column('Rule', ({ status }) => status?.decision?.rule ?? ''),
    AGE,
  ],
});

function objectiveErrors(spec: PredictiveAutoscalerSpec | undefined): FieldError[] {
  const said = Object.entries(spec?.objective ?? {}).filter(([, value]) => value !== undefined);
  const errors: FieldError[] = said.length > 1 ? [invalid('spec.objective', said.map(([name]) => name).join(', '), 'must name at most one of underProvisioned, price, asSafeAsUtilization')] : [];
  for (const [name, value] of said) if (!(value > 0)) errors.push(invalid(`spec.objective.${name}`, value, 'must be greater than 0'));
  const { underProvisioned = 0 } = spec?.objective ?? {};
  if (underProvisioned > 1) errors.push(invalid('spec.objective.underProvisioned', underProvisioned, 'must be a part of time: at most 1'));
  return errors;
}

/** The last day of a scaled object, a point every five minutes, and its last decisions. Made when asked for, never stored. Columns of equal length, the oldest first. */
export interface ScalingHistory extends KubeObject {
  scaleTargetRef: { apiVersion?: string; kind: string; name: string };
  times: number[];
  /** In replicas that are wholly busy; so are the quantiles. */
  load: number[];
  /** What was forecast for that time. */
  median: number[];
  p80: number[];
  p97: number[];
  replicas: number[];
  /** What an HorizontalPodAutoscaler would have had. */
  reactive: number[];
  limit: number;
  startSeconds: number;
  decisions: ScalingDecision[];
  /** What each forecaster says now, and its weight. */
  forecasters: { name: string; load: number; weight: number }[];
}

function historySchema(): Schema {
  const numbers: Schema = { type: 'array', items: float64 };
  const objects: Schema = { type: 'array', items: { type: 'object', xPreserveUnknownFields: true } };
  return withObjectMeta({
    type: 'object',
    properties: {
      scaleTargetRef: { type: 'object', properties: { apiVersion: { type: 'string' }, kind: { type: 'string' }, name: { type: 'string' } } },
      times: numbers, load: numbers, median: numbers, p80: numbers, p97: numbers, replicas: numbers, reactive: numbers, limit: float64, startSeconds: float64, decisions: objects, forecasters: objects,
    },
  });
}

export const ScalingHistory: Kind<ScalingHistory> = defineKind<ScalingHistory>({
  group: 'llmos.dev', version: 'v1alpha1', kind: 'ScalingHistory', plural: 'scalinghistories', namespaced: true, verbs: ['get', 'list'], schema: historySchema,
  columns: [NAME, column('Reference', ({ scaleTargetRef }) => `${scaleTargetRef?.kind}/${scaleTargetRef?.name}`), column('Points', ({ times }) => times?.length ?? 0, { type: 'integer' }), column('Decisions', ({ decisions }) => decisions?.length ?? 0, { type: 'integer' }), AGE],
});
