/** What upstream's validation of autoscalers is tested with (pkg/apis/autoscaling/validation; strategy_test.go), as facts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { specErrors } from './horizontal-pod-autoscaler.ts';

const CPU = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } };
const outside = (name = 'queue', target: object = { type: 'Value', value: '5' }): object => ({ type: 'External', external: { metric: { name }, target } });
const ofObject = (apiVersion: string | undefined, name = 'hits'): object => ({ type: 'Object', object: { describedObject: { kind: 'Service', name: 'web', ...(apiVersion !== undefined && { apiVersion }) }, metric: { name }, target: { type: 'Value', value: '5' } } });
const target = (more: object = {}): object => ({ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', ...more });
const rules = (more: object): object => ({ behavior: { scaleUp: { policies: [{ type: 'Pods', value: 1, periodSeconds: 15 }], ...more } } });
const policy = (more: object): object => rules({ policies: [{ type: 'Pods', value: 1, periodSeconds: 15, ...more }] });

function errors(spec: object, old?: object): string[] {
  const whole = (each: object): never => ({ scaleTargetRef: target(), minReplicas: 1, maxReplicas: 5, metrics: [CPU], ...each }) as never;
  return specErrors(whole(spec), old === undefined ? undefined : whole(old)).map(({ field, message }) => `${field}: ${message}`);
}

describe('autoscalers that are taken', () => {
  for (const spec of [
    {}, { minReplicas: 0, metrics: [outside()] }, { minReplicas: 0, metrics: [CPU, ofObject('v1')] }, { metrics: [ofObject(undefined)] }, { metrics: [ofObject('v1')] }, { metrics: [ofObject('/v1')] }, { scaleTargetRef: target({ apiVersion: 'v1', kind: 'ReplicationController' }) },
    { scaleTargetRef: { kind: 'ReplicationController', name: 'web' } }, rules({ stabilizationWindowSeconds: 3_600, selectPolicy: 'Disabled', tolerance: '0' }), policy({ periodSeconds: 1_800 }),
  ]) it(JSON.stringify(spec), () => assert.deepEqual(errors(spec), []));
});

describe('autoscalers that are refused', () => {
  for (const [spec, words] of [
    [{ minReplicas: -1 }, /^spec.minReplicas: .*must be greater than or equal to 0$/], [{ minReplicas: 0 }, /^spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas$/], [{ maxReplicas: 0, minReplicas: undefined }, /^spec.maxReplicas: .*must be greater than 0$/],
    [{ scaleTargetRef: target({ apiVersion: undefined }) }, /^spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group$/], [{ scaleTargetRef: target({ apiVersion: 'v1' }) }, /apiVersion must specify API group/], [{ scaleTargetRef: target({ apiVersion: '/' }) }, /apiVersion must specify API group/],
    [{ scaleTargetRef: target({ apiVersion: 'apps/v1/v2' }) }, /unexpected GroupVersion string: apps\/v1\/v2/], [{ metrics: [ofObject('a/b/c')] }, /^spec.metrics\[0\].object.describedObject.apiVersion: .*unexpected GroupVersion string: a\/b\/c/],
    [{ scaleTargetRef: target({ kind: 'a%b', name: 'a/b' }) }, /^spec.scaleTargetRef.kind: [^]*spec.scaleTargetRef.name: /], [{ scaleTargetRef: { apiVersion: 'apps/v1' } }, /^spec.scaleTargetRef.kind: Required value\nspec.scaleTargetRef.name: Required value$/],
    [{ metrics: [outside('')] }, /external.metric.name: Required value: must specify a metric name/], [{ metrics: [outside('a/b')] }, /external.metric.name: Invalid value: "a\/b": may not contain '\/'/], [{ metrics: [ofObject('v1', '..')] }, /object.metric.name: Invalid value: "..": may not be '\.\.'/],
    [{ metrics: [{ type: '' }] }, /^spec.metrics\[0\].type: Required value: must specify a metric source type\nspec.metrics\[0\].type: Unsupported value/],
    [rules({ stabilizationWindowSeconds: -1 }), /stabilizationWindowSeconds: .*must be greater than or equal to zero$/], [rules({ stabilizationWindowSeconds: 3_601 }), /stabilizationWindowSeconds: .*must be less than or equal to 3600$/],
    [policy({ periodSeconds: 0 }), /periodSeconds: .*must be greater than zero$/], [policy({ periodSeconds: 1_801 }), /periodSeconds: .*must be less than or equal to 1800$/], [rules({ tolerance: '-0.1' }), /tolerance: .*must be greater than or equal to zero$/],
  ] as const) it(JSON.stringify(spec), () => assert.match(errors(spec).join('\n'), words));
});

describe('what was there before may stay', () => {
  const without = { scaleTargetRef: target({ apiVersion: undefined }) };
  it('an apiVersion without a group', () => assert.deepEqual(errors({ ...without, maxReplicas: 6 }, without), []));
  it('but not for another kind', () => assert.match(errors({ scaleTargetRef: target({ apiVersion: undefined, kind: 'StatefulSet' }) }, without).join(), /must specify API group/));
  it('an object that a metric is of', () => assert.deepEqual(errors({ metrics: [ofObject('a/b/c')] }, { metrics: [CPU, ofObject('x/y/z')] }), []));
});
