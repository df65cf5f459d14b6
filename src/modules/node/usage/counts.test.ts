import assert from 'node:assert/strict';
import { it } from 'node:test';
import { nodeCounts, runtimeOperation } from './counts.ts';

it('histograms have cumulative buckets, a sum and a count, series by their labels', () => {
  const counts = nodeCounts();
  for (const seconds of [0.4, 0.6, 700, 4_000]) counts.took('kubelet_pod_start_duration_seconds', seconds);
  counts.took('storage_operation_duration_seconds', 0.2, { operation_name: 'volume_mount', volume_plugin: 'a "b"' });
  const text = counts.text({ probes: false });
  for (const line of ['_bucket{le="0.5"} 1', '_bucket{le="1"} 2', '_bucket{le="600"} 2', '_bucket{le="900"} 3', '_bucket{le="3600"} 3', '_bucket{le="+Inf"} 4', '_sum 4701', '_count 4']) assert.ok(text.includes(`kubelet_pod_start_duration_seconds${line}\n`), line);
  assert.match(text, /^# TYPE kubelet_pod_start_duration_seconds histogram$/m);
  assert.match(text, /^storage_operation_duration_seconds_bucket\{operation_name="volume_mount",volume_plugin="a \\"b\\"",le="0.25"\} 1$/m);
});

it('what probes found is told apart, and goes with its pod', () => {
  const counts = nodeCounts();
  for (const pod of ['one', 'two']) counts.add('prober_probe_total', { namespace: 'default', pod, result: 'failed' });
  counts.add('kubelet_started_pods_total');
  assert.match(counts.text({ probes: false }), /^kubelet_started_pods_total 1$/m);
  assert.doesNotMatch(counts.text({ probes: false }), /prober/);
  counts.drop({ namespace: 'default', pod: 'one' });
  assert.deepEqual(counts.text({ probes: true }).split('\n').filter((line) => line.startsWith('prober')), ['prober_probe_total{namespace="default",pod="two",result="failed"} 1']);
});

it('a call of the runtime that fails is an error as well', async () => {
  const counts = nodeCounts();
  assert.equal(await runtimeOperation(counts, 'start_container', async () => 7), 7);
  await assert.rejects(runtimeOperation(counts, 'start_container', () => Promise.reject(new Error('no'))), /no/);
  const text = counts.text({ probes: false });
  for (const line of ['operations_total{operation_type="start_container"} 2', 'operations_errors_total{operation_type="start_container"} 1', 'operations_duration_seconds_count{operation_type="start_container"} 2']) assert.ok(text.includes(`kubelet_runtime_${line}\n`), line);
});
