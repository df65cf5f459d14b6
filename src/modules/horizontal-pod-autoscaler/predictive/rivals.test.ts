import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Autoscaler } from './reconcile.ts';
import { rivalsOf } from './rivals.ts';

const autoscaler = (kind: string, name: string, target: string, { namespace = 'default', apiVersion = 'apps/v1' } = {}): Autoscaler => ({ kind, metadata: { name, namespace }, spec: { scaleTargetRef: { apiVersion, kind: 'Deployment', name: target }, maxReplicas: 3 } }) as Autoscaler;

test('who has the same target, whatever its kind and the version of the target', () => {
  const [web, hpa, other, far, foreign] = [autoscaler('PredictiveAutoscaler', 'web', 'web'), autoscaler('HorizontalPodAutoscaler', 'web', 'web', { apiVersion: 'apps/v1beta1' }), autoscaler('PredictiveAutoscaler', 'other', 'other'), autoscaler('PredictiveAutoscaler', 'web', 'web', { namespace: 'far' }), autoscaler('HorizontalPodAutoscaler', 'web2', 'web', { apiVersion: 'example.com/v1' })];
  const rivals = rivalsOf([web, hpa, hpa, other, far, foreign]);
  assert.deepEqual([web, hpa, other, far, foreign].map(rivals), [['HorizontalPodAutoscaler default/web'], ['PredictiveAutoscaler default/web'], [], [], []]);
  assert.deepEqual(rivalsOf([])(web), []);
});
