/** What Prometheus knows of queues, by Kueue's names. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Workload } from '../../src/api/kueue/workload.ts';
import { LocalQueue, WorkloadPriorityClass } from '../../src/api/kueue/local-queue.ts';
import { clearDeleted, client, clusterQueue, complete, flavor, metrics, NS, openQueues, running, submit, waiting, workload, world } from './queue-world.ts';
import { eventually } from './world.ts';

beforeEach(() => openQueues());
afterEach(() => world.stop());

const told = async (): Promise<string[]> => (await metrics()).split('\n').filter((line) => !line.startsWith('#') && !line.includes('_bucket') && !line.includes('_sum'));

test('who waits, who is in, what is used, and who was stopped for whom', async () => {
  await flavor('default');
  await client.create(WorkloadPriorityClass, { metadata: { name: 'urgent' }, value: 100 });
  await clusterQueue('team', { default: ['2', '1'] }, { cohort: 'all', preemption: { withinClusterQueue: 'LowerPriority' } });
  await submit('first', 'team', { cpu: '1500m' });
  await running('first');
  await submit('second', 'team', { cpu: '1' });
  await waiting('second');
  const has = (...lines: string[]) => eventually(lines.join(', '), async () => {
    const now = await told();
    return lines.every((line) => now.includes(line));
  });
  await has(
    'kueue_pending_workloads{cluster_queue="team",status="active"} 1', 'kueue_local_queue_pending_workloads{name="team",namespace="default",status="active"} 1', 'kueue_admitted_active_workloads{cluster_queue="team"} 1',
    'kueue_cluster_queue_status{cluster_queue="team",status="active"} 1', 'kueue_cluster_queue_nominal_quota{cohort="all",cluster_queue="team",flavor="default",resource="cpu"} 2',
    'kueue_cluster_queue_borrowing_limit{cohort="all",cluster_queue="team",flavor="default",resource="cpu"} 1', 'kueue_cluster_queue_resource_usage{cohort="all",cluster_queue="team",flavor="default",resource="cpu"} 1.5',
    'kueue_admitted_workloads_total{cluster_queue="team"} 1', 'kueue_admission_wait_time_seconds_count{cluster_queue="team"} 1',
  );
  await submit('urgent', 'team', { cpu: '2', priority: 'urgent' });
  await eventually('it takes its place', async () => {
    await clearDeleted();
    return (await workload('urgent')).status?.admission !== undefined;
  });
  await has('kueue_evicted_workloads_total{cluster_queue="team",reason="Preempted",underlying_cause=""} 1', 'kueue_preempted_workloads_total{preempting_cluster_queue="team",reason="InClusterQueue"} 1', 'kueue_admitted_workloads_total{cluster_queue="team"} 2', 'kueue_pending_workloads{cluster_queue="team",status="active"} 2');
  await complete('urgent');
  const { metadata } = await workload('second');
  await client.patch(Workload, metadata.name ?? '', { type: 'merge', body: { spec: { active: false } } }, NS);
  await has('kueue_admitted_workloads_total{cluster_queue="team"} 3', 'kueue_local_queue_admitted_workloads_total{name="team",namespace="default"} 3');
  const whole = await metrics();
  assert.match(whole, /^# TYPE kueue_admission_wait_time_seconds histogram$/m);
  assert.match(whole, /^kueue_admission_wait_time_seconds_bucket\{cluster_queue="team",le="10240"\} 3$/m);
  await client.delete(LocalQueue, 'team', NS);
  await eventually('who is gone is forgotten', async () => !(await metrics()).includes('name="team"') && (await metrics()).includes('kueue_admitted_workloads_total{cluster_queue="team"}'));
  assert.equal(new Set(whole.split('\n').filter((line) => line.startsWith('# TYPE'))).size, whole.split('\n').filter((line) => line.startsWith('# TYPE')).length, 'each is told of once');
});
