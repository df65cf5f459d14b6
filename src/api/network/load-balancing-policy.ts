/**
 * LoadBalancingPolicy (network.llmos.dev/v1alpha1): how the connections of Services are shared. It is attached to Services of its namespace as the
 * policies of Gateway API are to theirs (GEP-713): by targetRefs; of several for one Service the oldest counts, and status says so.
 */
import { AGE, column, NAME } from '../columns.ts';
import { withObjectMeta } from '../custom/custom-schema.ts';
import { invalid, required, type FieldError } from '../field-error.ts';
import type { Conditioned } from '../conditions.ts';
import { defineKind, type Kind } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import type { Schema } from '../schema/schema.ts';
import { parseDuration } from '../times.ts';

export interface LoadBalancingPolicy extends KubeObject {
  spec: LoadBalancingPolicySpec;
  status?: { conditions?: PolicyCondition[] };
}

export interface PolicyCondition extends Conditioned {
  reason: string;
  message: string;
  observedGeneration?: number;
}

export interface LoadBalancingPolicySpec {
  targetRefs: { group?: string; kind: 'Service'; name: string }[];
  algorithm?: 'RoundRobin' | 'Random' | 'Weighted' | 'LeastConnection' | 'RandomTwoChoices' | 'ConsistentHash';
  /** What is hashed; default the client's address. `name` is that of the header or cookie. */
  consistentHash?: { by?: 'Source' | 'Header' | 'Cookie' | 'Path'; name?: string };
  /** By HTTP where there is a path, else by connecting. */
  healthCheck?: { path?: string; interval?: string };
  /** After so many errors in a row an endpoint is spared, for at least `ejection`. */
  outlierDetection?: { consecutiveErrors: number; ejection?: string };
  slowStart?: string;
  /** How long connections to an endpoint that left may go on; without it to their end. */
  drain?: string;
  /** HTTP: how long an answer may take until another endpoint is asked. */
  responseTimeout?: string;
}

const DURATION: Schema = { type: 'string', pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$' };
const DURATIONS = ['slowStart', 'drain', 'responseTimeout'] as const;

function schema(): Schema {
  return withObjectMeta({
    type: 'object', required: ['spec'],
    properties: {
      spec: {
        type: 'object', required: ['targetRefs'],
        properties: {
          targetRefs: {
            type: 'array', minItems: 1, maxItems: 16,
            items: { type: 'object', required: ['kind', 'name'], properties: { group: { type: 'string', enum: ['', 'core'] }, kind: { type: 'string', enum: ['Service'] }, name: { type: 'string', minLength: 1, maxLength: 63 } } },
          },
          algorithm: { type: 'string', enum: ['RoundRobin', 'Random', 'Weighted', 'LeastConnection', 'RandomTwoChoices', 'ConsistentHash'] },
          consistentHash: { type: 'object', properties: { by: { type: 'string', enum: ['Source', 'Header', 'Cookie', 'Path'] }, name: { type: 'string', pattern: '^[A-Za-z0-9_-]{1,60}$' } } },
          healthCheck: { type: 'object', properties: { path: { type: 'string', pattern: '^/[A-Za-z0-9._~/=&?:@,+-]{0,200}$' }, interval: DURATION } },
          outlierDetection: { type: 'object', required: ['consecutiveErrors'], properties: { consecutiveErrors: { type: 'integer', format: 'int32', minimum: 1, maximum: 1_000 }, ejection: DURATION } },
          slowStart: DURATION, drain: DURATION, responseTimeout: DURATION,
        },
      },
      status: { type: 'object', xPreserveUnknownFields: true, properties: { conditions: { type: 'array', items: { type: 'object', xPreserveUnknownFields: true } } } },
    },
  });
}

export const LoadBalancingPolicy: Kind<LoadBalancingPolicy> = defineKind<LoadBalancingPolicy>({
  group: 'network.llmos.dev', version: 'v1alpha1', kind: 'LoadBalancingPolicy', plural: 'loadbalancingpolicies', namespaced: true, shortNames: ['lbp'],
  schema, rules: { validate: policyErrors }, subresources: { status: true },
  columns: [
    NAME, column('Algorithm', ({ spec }) => spec?.algorithm ?? 'RoundRobin'), column('Services', ({ spec }) => (spec?.targetRefs ?? []).map(({ name }) => name).join(',')),
    ...['Accepted', 'Programmed'].map((condition) => column<LoadBalancingPolicy>(condition, ({ status }) => status?.conditions?.find(({ type }) => type === condition)?.status ?? '')), AGE,
  ],
});

function policyErrors({ spec = { targetRefs: [] } }: LoadBalancingPolicy): FieldError[] {
  const errors: FieldError[] = [];
  const { consistentHash, healthCheck, outlierDetection } = spec;
  const by = consistentHash?.by ?? 'Source';
  if (consistentHash !== undefined && spec.algorithm !== 'ConsistentHash') errors.push(invalid('spec.consistentHash', by, 'only with algorithm ConsistentHash'));
  if (consistentHash !== undefined && ['Header', 'Cookie'].includes(by) && !consistentHash.name) errors.push(required('spec.consistentHash.name', `the name of the ${by.toLowerCase()}`));
  if (consistentHash?.name !== undefined && !['Header', 'Cookie'].includes(by)) errors.push(invalid('spec.consistentHash.name', consistentHash.name, 'only of a Header or a Cookie'));
  const durations = [...DURATIONS.map((field) => [`spec.${field}`, spec[field]] as const), ['spec.healthCheck.interval', healthCheck?.interval] as const, ['spec.outlierDetection.ejection', outlierDetection?.ejection] as const];
  for (const [field, value] of durations) {
    const ms = parseDuration(value ?? '') / 1_000_000;
    if (value !== undefined && (ms < 100 || ms > 3_600_000)) errors.push(invalid(field, value, 'must be from 100ms to 1h'));
  }
  return errors;
}
