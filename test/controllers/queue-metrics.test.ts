/** What Prometheus knows of queues, by Kueue's names. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { ClusterQueue, Cohort } from '../../src/api/kueue/cluster-queue.ts';
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
    'kueue_admitted_workloads_total{cluster_queue="team",priority_class=""} 1', 'kueue_admission_wait_time_seconds_count{cluster_queue="team",priority_class=""} 1',
  );
  await submit('urgent', 'team', { cpu: '2', priority: 'urgent' });
  await eventually('it takes its place', async () => {
    await clearDeleted();
    return (await workload('urgent')).status?.admission !== undefined;
  });
  await has('kueue_evicted_workloads_total{cluster_queue="team",reason="Preempted",underlying_cause="",priority_class=""} 1', 'kueue_evicted_workloads_once_total{cluster_queue="team",reason="Preempted",underlying_cause="",priority_class=""} 1', 'kueue_preempted_workloads_total{preempting_cluster_queue="team",reason="InClusterQueue"} 1', 'kueue_admitted_workloads_total{cluster_queue="team",priority_class="urgent"} 1', 'kueue_pending_workloads{cluster_queue="team",status="active"} 2');
  await complete('urgent');
  const { metadata } = await workload('second');
  await client.patch(Workload, metadata.name ?? '', { type: 'merge', body: { spec: { active: false } } }, NS);
  await has(
    'kueue_admitted_workloads_total{cluster_queue="team",priority_class=""} 2', 'kueue_local_queue_admitted_workloads_total{name="team",namespace="default",priority_class=""} 2', 'kueue_finished_workloads_total{cluster_queue="team",priority_class="urgent"} 1',
    'kueue_local_queue_finished_workloads_total{name="team",namespace="default",priority_class="urgent"} 1', 'kueue_finished_workloads{cluster_queue="team"} 1', 'kueue_local_queue_finished_workloads{name="team",namespace="default"} 1',
    'kueue_cohort_subtree_admitted_workloads_total{cohort="all",priority_class=""} 2', 'kueue_cohort_subtree_admitted_workloads_total{cohort="all",priority_class="urgent"} 1',
  );
  const whole = await metrics();
  assert.match(whole, /^# TYPE kueue_admission_wait_time_seconds histogram$/m);
  assert.match(whole, /^kueue_admission_wait_time_seconds_bucket\{cluster_queue="team",priority_class="",le="10240"\} 2$/m);
  assert.match(whole, /^kueue_admission_wait_time_seconds_bucket\{cluster_queue="team",priority_class="",le="40960"\} 2$/m);
  await client.delete(LocalQueue, 'team', NS);
  await eventually('who is gone is forgotten', async () => !(await metrics()).includes('name="team"') && (await metrics()).includes('kueue_admitted_workloads_total{cluster_queue="team",priority_class=""}'));
  assert.equal(new Set(whole.split('\n').filter((line) => line.startsWith('# TYPE'))).size, whole.split('\n').filter((line) => line.startsWith('# TYPE')).length, 'each is told of once');
});

test('cohorts, with all that is below them', async () => {
  await flavor('default');
  const quota = (nominalQuota: string, lendingLimit?: string) => [{ coveredResources: ['cpu'], flavors: [{ name: 'default', resources: [{ name: 'cpu', nominalQuota, ...(lendingLimit && { lendingLimit }) }] }] }];
  await client.create(Cohort, { metadata: { name: 'lab' }, spec: { parent: 'house', resourceGroups: quota('3', '2') } });
  await clusterQueue('alone', { default: '7' });
  await clusterQueue('vision', { default: ['4', undefined, '1'] }, { cohort: 'lab' });
  await clusterQueue('house-wide', { default: '5' }, { cohort: 'house' });
  await submit('one', 'vision', { cpu: '1500m' });
  await running('one');
  await submit('two', 'house-wide', { cpu: '2' });
  await running('two');
  const has = (...lines: string[]) => eventually(lines.join(', '), async () => {
    const now = await told();
    return lines.every((line) => now.includes(line));
  });
  await has(
    'kueue_cohort_info{cohort="lab",parent_cohort="house",root_cohort="house"} 1', 'kueue_cohort_info{cohort="house",parent_cohort="",root_cohort="house"} 1',
    'kueue_cluster_queue_info{cluster_queue="vision",parent_cohort="lab",root_cohort="house"} 1', 'kueue_cluster_queue_info{cluster_queue="alone",parent_cohort="",root_cohort=""} 1',
    // The lab has its own three, and one that vision lends; of these four it lends two to the house.
    'kueue_cohort_subtree_quota{cohort="lab",flavor="default",resource="cpu"} 4', 'kueue_cohort_subtree_quota{cohort="house",flavor="default",resource="cpu"} 7',
    'kueue_cohort_subtree_resource_reservations{cohort="lab",flavor="default",resource="cpu"} 1.5', 'kueue_cohort_subtree_resource_reservations{cohort="house",flavor="default",resource="cpu"} 3.5',
    'kueue_cohort_subtree_admitted_active_workloads{cohort="lab"} 1', 'kueue_cohort_subtree_admitted_active_workloads{cohort="house"} 2',
    'kueue_cohort_subtree_admitted_workloads_total{cohort="lab",priority_class=""} 1', 'kueue_cohort_subtree_admitted_workloads_total{cohort="house",priority_class=""} 2',
  );
  await client.patch(ClusterQueue, 'house-wide', { type: 'merge', body: { spec: { cohort: null } } });
  await has('kueue_cohort_subtree_quota{cohort="house",flavor="default",resource="cpu"} 2', 'kueue_cluster_queue_info{cluster_queue="house-wide",parent_cohort="",root_cohort=""} 1');
  await client.delete(Cohort, 'lab');
  await eventually('the lab is a cohort by its queue only', async () => (await told()).includes('kueue_cohort_info{cohort="lab",parent_cohort="",root_cohort="lab"} 1') && !(await metrics()).includes('cohort_subtree_admitted_workloads_total{cohort="lab"'));
});
