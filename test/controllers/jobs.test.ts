import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Event, Job, Pod } from '../../src/api/kinds.ts';
import type { JobSpec } from '../../src/api/generated/batch-v1.ts';
import { isJobCondition } from '../../src/api/batch/job-status-validation.ts';
import type { Client } from '../../src/sdk/index.ts';
import core from '../../src/modules/core/module.ts';
import garbageCollector from '../../src/modules/garbage-collector/module.ts';
import workloads from '../../src/modules/workloads/module.ts';
import { jobMetricsText } from '../../src/modules/workloads/job/metrics.ts';
import { eventually, startWorld, type World } from './world.ts';

let client: Client;
let world: World;

beforeEach(async () => {
  world = await startWorld([core, workloads, garbageCollector]);
  client = world.client;
});

afterEach(() => world.stop());

const NS = { namespace: 'default' };

function work(spec: Partial<JobSpec>): Job {
  return { metadata: { name: 'work', ...NS }, spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i:1' }] } }, ...spec } } as Job;
}

const job = (): Promise<Job> => client.get(Job, 'work', NS);
const pods = async (): Promise<readonly Pod[]> => (await client.list(Pod, NS)).items;

/** Plays the node: pods that are not deleted end with the exit code that `codeOf` gives; deleted ones go. */
async function playNode(codeOf: (pod: Pod) => number | undefined): Promise<void> {
  for (const pod of await pods()) {
    if (pod.metadata.deletionTimestamp !== undefined) await client.delete(Pod, pod.metadata.name ?? '', { ...NS, gracePeriodSeconds: 0 }).catch(() => {});
    const exitCode = pod.status?.phase === 'Pending' ? codeOf(pod) : undefined;
    if (exitCode === undefined) continue;
    const state = { terminated: { exitCode, finishedAt: new Date(Date.now() - 600_000).toISOString() } };
    const status = { ...pod.status, phase: exitCode === 0 ? 'Succeeded' : 'Failed', containerStatuses: [{ name: 'c', image: 'i', imageID: '', ready: false, restartCount: 0, state }] };
    await client.update(Pod, { ...pod, status } as Pod, { subresource: 'status' }).catch(() => {});
  }
}

async function until(type: string, codeOf: (pod: Pod) => number | undefined): Promise<Job> {
  await eventually(`the job is ${type}`, async () => {
    await playNode(codeOf);
    return isJobCondition(await job(), type);
  });
  return job();
}

test('a job runs its pods to completion, and each is counted once', async () => {
  await client.create(Job, work({ completions: 20, parallelism: 7 }));
  const { status, spec, metadata } = await until('Complete', () => 0);
  assert.deepEqual([status?.succeeded, status?.active, status?.failed, status?.ready, status?.terminating, status?.uncountedTerminatedPods], [20, undefined, undefined, 0, 0, {}]);
  assert.deepEqual(status?.conditions?.map((each) => each.type), ['SuccessCriteriaMet', 'Complete']);
  assert.equal(spec?.selector?.matchLabels?.['batch.kubernetes.io/controller-uid'], metadata.uid);
  const all = await pods();
  assert.equal(all.length, 20);
  assert.ok(all.every((each) => each.metadata.finalizers === undefined));
  await eventually('it tells of its end', async () => (await client.list(Event, NS)).items.some((each) => each.reason === 'Completed'));
});

test('an indexed job', async () => {
  await client.create(Job, work({ completions: 5, parallelism: 3, completionMode: 'Indexed' }));
  const { status } = await until('Complete', () => 0);
  assert.deepEqual([status?.completedIndexes, status?.succeeded], ['0-4', 5]);
  assert.deepEqual((await pods()).map((each) => each.spec?.hostname).sort(), ['work-0', 'work-1', 'work-2', 'work-3', 'work-4']);
});

test('a job fails beyond its limit, and its other pods are deleted', async () => {
  await client.create(Job, work({ completions: 3, parallelism: 2, backoffLimit: 1 }));
  let failures = 0;
  const { status } = await until('Failed', () => (failures++ < 2 ? 1 : undefined));
  assert.deepEqual(status?.conditions?.map(({ type, reason }) => [type, reason]), [['FailureTarget', 'BackoffLimitExceeded'], ['Failed', 'BackoffLimitExceeded']]);
  assert.ok((status?.failed ?? 0) >= 2);
});

test('suspended, resumed and at last expired', async () => {
  await client.create(Job, work({ suspend: true, parallelism: 1, completions: 1, ttlSecondsAfterFinished: 0 }));
  await eventually('it says so', async () => isJobCondition(await job(), 'Suspended'));
  assert.equal((await pods()).length, 0);
  assert.equal((await job()).status?.startTime, undefined);
  await client.patch(Job, 'work', { type: 'merge', body: { spec: { suspend: false } } }, NS);
  await eventually('it has a pod', async () => (await pods()).length === 1);
  await eventually('it says that it goes on', async () => (await job()).status?.conditions?.[0]?.reason === 'JobResumed');
  await client.patch(Job, 'work', { type: 'merge', body: { spec: { suspend: true } } }, NS);
  await eventually('its pod goes and is no failure', async () => (await pods()).length === 0 && isJobCondition(await job(), 'Suspended'));
  const { status } = await job();
  assert.deepEqual([status?.failed, status?.startTime], [undefined, undefined]);
  await client.patch(Job, 'work', { type: 'merge', body: { spec: { suspend: false } } }, NS);
  await eventually('it is gone with its pods', async () => {
    await playNode(() => 0);
    return (await client.list(Job, NS)).items.length === 0 && (await pods()).length === 0;
  });
});

test('a suspended job of which nothing is asked is complete', async () => {
  await client.create(Job, work({ suspend: true, completions: 0 }));
  await eventually('complete', async () => isJobCondition(await job(), 'Complete'));
  assert.equal((await job()).status?.startTime, undefined);
});

test('the template of a suspended job changes once its pods are gone', async () => {
  await client.create(Job, work({ parallelism: 1, completions: 1 }));
  await eventually('it runs', async () => (await job()).status?.active === 1);
  const move = (body: object): Promise<Job> => client.patch(Job, 'work', { type: 'merge', body: { spec: { template: { spec: body } } } as never }, NS);
  await assert.rejects(move({ nodeSelector: { zone: 'a' } }), /spec.template: Invalid value.*field is immutable/s);
  await client.patch(Job, 'work', { type: 'merge', body: { spec: { suspend: true } } }, NS);
  await eventually('suspended', async () => isJobCondition(await job(), 'Suspended'));
  const now = await move({ nodeSelector: { zone: 'a' }, containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu: '2' } } }] });
  assert.deepEqual([now.spec?.template.spec?.nodeSelector, now.spec?.template.spec?.containers[0]?.resources?.requests], [{ zone: 'a' }, { cpu: '2' }]);
  await assert.rejects(move({ containers: [{ name: 'c', image: 'i:2' }] }), /spec.template: Invalid value.*field is immutable/s);
});

test('a deleted job lets go of its pods, or takes them along', async () => {
  await client.create(Job, work({ parallelism: 2, completions: 2 }));
  await eventually('two pods', async () => (await pods()).length === 2);
  await client.delete(Job, 'work', { ...NS, propagationPolicy: 'Background' });
  await eventually('its pods go', async () => (await pods()).length === 0);
  await client.create(Job, work({ parallelism: 2, completions: 2 }));
  await eventually('two pods', async () => (await pods()).length === 2);
  await client.delete(Job, 'work', NS);
  await eventually('they stay as orphans without finalizers', async () => {
    const left = await pods();
    return left.length === 2 && left.every(({ metadata }) => metadata.finalizers === undefined && metadata.ownerReferences === undefined && metadata.deletionTimestamp === undefined);
  });
});

test('a pod is adopted and let go of by its labels', async () => {
  await client.create(Job, work({ parallelism: 1, completions: 1 }));
  await eventually('a pod', async () => (await pods()).length === 1);
  const [pod] = await pods();
  const name = pod?.metadata.name ?? '';
  await client.patch(Pod, name, { type: 'merge', body: { metadata: { ownerReferences: null } } }, NS);
  await eventually('adopted', async () => (await client.get(Pod, name, NS)).metadata.ownerReferences?.[0]?.kind === 'Job');
  await client.patch(Pod, name, { type: 'merge', body: { metadata: { labels: { 'batch.kubernetes.io/controller-uid': null } } } }, NS);
  await eventually('released', async () => (await client.get(Pod, name, NS)).metadata.ownerReferences === undefined);
});

test('what a job may not be', async () => {
  const refused = async (spec: Partial<JobSpec>, message: RegExp): Promise<void> => assert.rejects(client.create(Job, work(spec)), message);
  await refused({ template: { spec: { containers: [{ name: 'c', image: 'i' }] } } } as never, /spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"/);
  await refused({ parallelism: -1 }, /spec.parallelism: Invalid value: -1: must be greater than or equal to 0/);
  await refused({ completionMode: 'Indexed', parallelism: 1 }, /spec.completions: Required value: when completion mode is Indexed/);
  await refused({ backoffLimitPerIndex: 1 }, /requires indexed completion mode/);
  await client.create(Job, work({ suspend: true }));
  await assert.rejects(client.patch(Job, 'work', { type: 'merge', body: { spec: { completions: 4 } } }, NS), /spec.completions: Invalid value: 4: field is immutable/);
});

test('a pod that was deleted is replaced at once, or only when it has ended', async () => {
  for (const [name, podReplacementPolicy, soon] of [['eager', 'TerminatingOrFailed', 2], ['patient', 'Failed', 1]] as const) {
    const made = work({ completions: 1, parallelism: 1, podReplacementPolicy });
    await client.create(Job, { ...made, metadata: { name, ...NS } });
    const own = async (): Promise<Pod[]> => (await pods()).filter((each) => each.metadata.labels?.['batch.kubernetes.io/job-name'] === name);
    await eventually('its pod is there', async () => (await own()).length === 1);
    const [first] = await own();
    // On a node, so that it takes its time to end.
    await client.createSubresource(Pod, { ...NS, name: first?.metadata.name ?? '' }, 'binding', { apiVersion: 'v1', kind: 'Binding', metadata: { name: first?.metadata.name, ...NS }, target: { kind: 'Node', name: 'n1' } } as never);
    await client.delete(Pod, first?.metadata.name ?? '', NS);
    await eventually('it is counted as ending', async () => (await client.get(Job, name, NS)).status?.terminating === 1);
    await eventually(`${soon} pods`, async () => (await own()).length === soon);
    if (soon === 1) {
      await new Promise((settle) => setTimeout(settle, 200));
      assert.equal((await own()).length, 1, 'the first has not ended');
      await client.update(Pod, { ...(await own())[0]!, status: { phase: 'Failed' } } as Pod, { subresource: 'status' });
      await client.delete(Pod, first?.metadata.name ?? '', { ...NS, gracePeriodSeconds: 0 }).catch(() => {});
      await eventually('another one', async () => (await own()).some((each) => each.metadata.uid !== first?.metadata.uid));
    }
  }
});

/** Of the one series of the name with these labels, in their order. */
const counted = (name: string, labels: string): number => Number(jobMetricsText().split('\n').find((line) => line.startsWith(`job_controller_${name}{${labels}} `))?.split(' ').at(-1) ?? 0);

test('jobs, their pods, indexes and rounds are counted under upstream\'s names', async () => {
  const series: [string, string][] = [
    ['jobs_finished_total', 'completion_mode="Indexed",result="failed",reason="FailedIndexes"'], ['job_pods_finished_total', 'completion_mode="Indexed",result="succeeded"'], ['job_pods_finished_total', 'completion_mode="Indexed",result="failed"'],
    ['job_finished_indexes_total', 'status="succeeded",backoffLimit="perIndex"'], ['job_finished_indexes_total', 'status="failed",backoffLimit="perIndex"'],
    ['pod_failures_handled_by_failure_policy_total', 'action="FailIndex"'], ['job_pods_creation_total', 'reason="new",status="succeeded"'],
  ];
  const before = series.map(([name, labels]) => counted(name, labels));
  const rules = [{ action: 'FailIndex' as const, onExitCodes: { operator: 'In' as const, values: [5] } }];
  await client.create(Job, work({ completions: 3, parallelism: 3, completionMode: 'Indexed', backoffLimitPerIndex: 2, podFailurePolicy: { rules } }));
  await until('Failed', (pod) => (pod.metadata.annotations?.['batch.kubernetes.io/job-completion-index'] === '1' ? 5 : 0));
  await eventually('all is counted', async () => series.every(([name, labels], index) => counted(name, labels) > before[index]!));
  assert.deepEqual(series.map(([name, labels], index) => counted(name, labels) - before[index]!), [1, 2, 1, 2, 1, 1, 3]);
  assert.ok(counted('job_syncs_total', 'completion_mode="Indexed",result="success",action="pods_created"') >= 1);
  assert.equal(counted('job_syncs_total', 'completion_mode="Indexed",result="success",action="tracking"'), counted('job_sync_duration_seconds_count', 'completion_mode="Indexed",result="success",action="tracking"'));
});
