import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../meta.ts';
import { convertAutoscaler } from './conversion.ts';
import { specErrors } from './horizontal-pod-autoscaler.ts';

const METRICS = 'autoscaling.alpha.kubernetes.io/metrics';
const CURRENT = 'autoscaling.alpha.kubernetes.io/current-metrics';
const target = { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' };
const cpu = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } };

/** Each metric as version 1 says it in the annotation, and as version 2 does. */
const PAIRS: [object, object][] = [
  [{ type: 'Pods', pods: { metricName: 'hits', targetAverageValue: '5', selector: { matchLabels: { a: 'b' } } } }, { type: 'Pods', pods: { metric: { name: 'hits', selector: { matchLabels: { a: 'b' } } }, target: { type: 'AverageValue', averageValue: '5' } } }],
  [{ type: 'Object', object: { target, metricName: 'hits', targetValue: '10' } }, { type: 'Object', object: { describedObject: target, metric: { name: 'hits' }, target: { type: 'Value', value: '10' } } }],
  [{ type: 'Object', object: { target, metricName: 'hits', targetValue: '0', averageValue: '3' } }, { type: 'Object', object: { describedObject: target, metric: { name: 'hits' }, target: { type: 'AverageValue', averageValue: '3' } } }],
  [{ type: 'Resource', resource: { name: 'memory', targetAverageValue: '1Gi' } }, { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } } }],
  [{ type: 'ContainerResource', containerResource: { name: 'cpu', container: 'c', targetAverageUtilization: 60 } }, { type: 'ContainerResource', containerResource: { name: 'cpu', container: 'c', target: { type: 'Utilization', averageUtilization: 60 } } }],
  [{ type: 'External', external: { metricName: 'queue', metricSelector: { matchLabels: { q: 'x' } }, targetAverageValue: '7' } }, { type: 'External', external: { metric: { name: 'queue', selector: { matchLabels: { q: 'x' } } }, target: { type: 'AverageValue', averageValue: '7' } } }],
];
const version1 = (annotations: Record<string, string>): KubeObject => ({ apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscaler', metadata: { name: 'h', annotations }, spec: { scaleTargetRef: target, maxReplicas: 3, targetCPUUtilizationPercentage: 50 } }) as unknown as KubeObject;

for (const [old, now] of PAIRS) test(`a metric in an annotation of version 1: ${JSON.stringify(old).slice(0, 90)}`, () => {
  const made = convertAutoscaler(version1({ [METRICS]: JSON.stringify([old]), mine: 'x' }), 'autoscaling/v2') as KubeObject & { spec: { metrics: object[]; maxReplicas: number } };
  assert.deepEqual(made.spec.metrics, [now, cpu]);
  assert.deepEqual(made.metadata.annotations, { mine: 'x' });
  assert.deepEqual(specErrors(made.spec as never), []);
  const back = convertAutoscaler(made, 'autoscaling/v1');
  assert.deepEqual(JSON.parse(back.metadata.annotations![METRICS]!), [old]);
});

test('what was measured goes along whole, that of the cpu too', () => {
  const currentMetrics = [
    { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 40, averageValue: '200m' } } },
    { type: 'Pods', pods: { metric: { name: 'hits' }, current: { averageValue: '3' } } },
  ];
  const autoscaler = { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'h' }, spec: { scaleTargetRef: target, maxReplicas: 3, metrics: [cpu] }, status: { currentReplicas: 1, desiredReplicas: 1, currentMetrics } } as unknown as KubeObject;
  const old = convertAutoscaler(autoscaler, 'autoscaling/v1') as KubeObject & { status: { currentCPUUtilizationPercentage: number } };
  assert.equal(old.status.currentCPUUtilizationPercentage, 40);
  assert.deepEqual(JSON.parse(old.metadata.annotations![CURRENT]!), [
    { type: 'Resource', resource: { name: 'cpu', currentAverageUtilization: 40, currentAverageValue: '200m' } }, { type: 'Pods', pods: { metricName: 'hits', currentAverageValue: '3' } },
  ]);
  assert.deepEqual((convertAutoscaler(old, 'autoscaling/v2') as typeof autoscaler & { status: object }).status, { currentReplicas: 1, desiredReplicas: 1, currentMetrics });
});

test('annotations that say nothing of metrics are passed over', () => {
  for (const text of ['no json', '5', '{}', '[1, null]']) {
    assert.deepEqual((convertAutoscaler(version1({ [METRICS]: text }), 'autoscaling/v2') as KubeObject & { spec: { metrics: object[] } }).spec.metrics, [cpu]);
  }
});
