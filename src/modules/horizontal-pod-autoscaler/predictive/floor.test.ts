import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { MetricSpec } from '../../../api/generated/autoscaling-v2.ts';
import { settingsOf } from '../settings.ts';
import { floorOf } from './floor.ts';

const cpu: MetricSpec = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } };
const asked: MetricSpec = { type: 'External', external: { metric: { name: 'asked' }, target: { type: 'AverageValue', averageValue: '5' } } };
const spec = { scaleTargetRef: { kind: 'Deployment', name: 'web' }, maxReplicas: 9 };

it('the floor reads its metric as a HorizontalPodAutoscaler does', () => {
  const [ofCpu, ofAsked] = [cpu, asked].map((metric) => floorOf(metric, spec, settingsOf({})));
  assert.deepEqual([ofCpu!.by, ofCpu!.shownAtMost, ofAsked!.by, ofAsked!.shownAtMost], ['Value', undefined, 'AverageValue', Infinity]);
});

it('the floor moves as its behaviour says', () => {
  const slow = { scaleUp: { tolerance: '0.2', policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }] }, scaleDown: { stabilizationWindowSeconds: 900 } };
  const { tolerance, limits } = floorOf(cpu, { ...spec, minReplicas: 0, behavior: slow }, settingsOf({ tolerance: 0.05 }));
  assert.deepEqual(tolerance, { up: 0.2, down: 0.05 });
  assert.deepEqual([limits?.least, limits?.most, limits?.up, limits?.memoryMs], [1, 9, slow.scaleUp, 900_000]);
});
