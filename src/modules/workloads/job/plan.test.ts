import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMPLETION_INDEX, INDEX_FAILURES, TRACKING } from '../../../api/batch/job-labels.ts';
import type { Job, JobSpec, JobStatus } from '../../../api/generated/batch-v1.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { rfc3339 } from '../../../base/clock.ts';
import { accountEnded, finishedStatus, settleUncounted } from './account.ts';
import { backoffMs, finishedMs } from './backoff.ts';
import { judgeFailure } from './failure-policy.ts';
import { planJob } from './plan.ts';
import { podOfJob } from './pod.ts';
import { completed, jobVerdict } from './verdict.ts';
import { viewJob, type JobView } from './view.ts';

const NOW_MS = Date.parse('2026-11-21T22:00:00Z');

function job(spec: Partial<JobSpec>, status: JobStatus = {}): Job {
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } as JobSpec['template'];
  return { metadata: { name: 'work', namespace: 'default', uid: 'j1' }, spec: { parallelism: 2, completions: 3, backoffLimit: 6, completionMode: 'NonIndexed', template, ...spec }, status };
}

interface PodInput { phase?: 'Pending' | 'Running' | 'Succeeded' | 'Failed'; index?: number; failures?: number; endedAgoS?: number; exitCode?: number; deleting?: boolean; tracked?: boolean }

function pod(name: string, { phase = 'Running', index, failures, endedAgoS = 0, exitCode = 1, deleting, tracked = true }: PodInput = {}): Pod {
  const ended = phase === 'Failed' || phase === 'Succeeded';
  const state = ended ? { terminated: { exitCode: phase === 'Failed' ? exitCode : 0, finishedAt: rfc3339(NOW_MS - endedAgoS * 1000) } } : { running: {} };
  return {
    metadata: {
      name, namespace: 'default', uid: name, creationTimestamp: rfc3339(NOW_MS - 100_000), ...(tracked ? { finalizers: [TRACKING] } : {}), ...(deleting ? { deletionTimestamp: rfc3339(NOW_MS) } : {}),
      annotations: { ...(index === undefined ? {} : { [COMPLETION_INDEX]: String(index) }), ...(failures === undefined ? {} : { [INDEX_FAILURES]: String(failures) }) },
    },
    spec: { containers: [] }, status: { phase, containerStatuses: [{ name: 'c', image: 'i', imageID: '', ready: false, restartCount: 0, state }] },
  };
}

const view = (of: Job, pods: Pod[], untracked: string[] = []): JobView => viewJob(of, pods, { untracked: new Set(untracked), nowMs: NOW_MS });
const INDEXED = { completionMode: 'Indexed', completions: 4, parallelism: 4 } as const;

test('as many pods are made as parallelism and the completions that are left allow', () => {
  const table: [string, Job, Pod[], number, number][] = [
    ['the first', job({}), [], 2, 0],
    ['one runs', job({}), [pod('a')], 1, 0],
    ['two are done', job({}, { succeeded: 2 }), [pod('c')], 0, 0],
    ['a completion that is not counted yet', job({}, { succeeded: 1 }), [pod('a', { phase: 'Succeeded' }), pod('b')], 0, 0],
    ['too many', job({ parallelism: 1 }), [pod('a'), pod('b')], 0, 1],
    ['suspended', job({ suspend: true }), [pod('a'), pod('b')], 0, 2],
    ['a work queue', job({ completions: undefined, parallelism: 3 }), [pod('a')], 2, 0],
    ['a work queue that has succeeded once', job({ completions: undefined, parallelism: 3 }, { succeeded: 1 }), [pod('a')], 0, 0],
    ['a deleted pod is replaced', job({ parallelism: 1 }), [pod('a', { deleting: true, tracked: false })], 1, 0],
    ['a deleted pod is waited for', job({ parallelism: 1, podReplacementPolicy: 'Failed' }), [pod('a', { deleting: true, tracked: false })], 0, 0],
  ];
  for (const [why, of, pods, create, remove] of table) {
    const plan = planJob(view(of, pods));
    assert.deepEqual([plan.create.length, plan.remove.length], [create, remove], why);
  }
});

test('the back-off doubles up to ten minutes, and begins with the last failure', () => {
  assert.deepEqual([0, 1, 2, 3, 20].map((failures) => backoffMs(failures, NOW_MS, NOW_MS)), [0, 10_000, 20_000, 40_000, 600_000]);
  assert.equal(backoffMs(1, NOW_MS - 4_000, NOW_MS), 6_000);
  const plan = planJob(view(job({}), [pod('a', { phase: 'Failed', endedAgoS: 3 }), pod('b', { phase: 'Failed', endedAgoS: 9 })]));
  assert.deepEqual(plan, { create: [], remove: [], waitMs: 17_000 });
  const after = planJob(view(job({}), [pod('a', { phase: 'Failed', endedAgoS: 9 }), pod('b', { phase: 'Succeeded', endedAgoS: 3 })]));
  assert.equal(after.create.length, 2, 'a success ends the row');
});

test('a pod ended with its last container, or when it was last ready, or when it was deleted', () => {
  const ended = pod('a', { phase: 'Failed', endedAgoS: 5 });
  const sidecar = { name: 's', image: 'i', imageID: '', ready: false, restartCount: 0, state: { terminated: { exitCode: 0, finishedAt: rfc3339(NOW_MS - 2_000) } } };
  const withSidecar = { ...ended, spec: { containers: [], initContainers: [{ name: 's', restartPolicy: 'Always' }] }, status: { ...ended.status, initContainerStatuses: [sidecar] } } as Pod;
  const lost: Pod = { ...pod('b', { deleting: true }), status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: rfc3339(NOW_MS - 9_000) }] } };
  const table: [string, Pod, number][] = [
    ['its container', ended, 5_000],
    ['its sidecar', withSidecar, 2_000],
    ['of a lost node', lost, 9_000],
    ['ready to the end', { ...lost, status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: rfc3339(NOW_MS - 9_000) }] } }, 0],
    ['never ran', { metadata: { creationTimestamp: rfc3339(NOW_MS - 100_000) }, spec: { containers: [] } }, 100_000],
  ];
  for (const [why, of, agoMs] of table) assert.equal(NOW_MS - finishedMs(of, NOW_MS), agoMs, why);
});

test('indexed pods are made for the lowest indexes that lack one', () => {
  const indexed = job(INDEXED, { completedIndexes: '0' });
  assert.deepEqual(planJob(view(indexed, [pod('b', { index: 2 })])).create, [1, 3]);
  assert.deepEqual(planJob(view(indexed, [pod('b', { index: 2 }), pod('c', { index: 2 }), pod('d', { index: 9 }), pod('e')])).remove.length, 3, 'twice, too high, none');
  const made = podOfJob(view(indexed, []), 3);
  assert.deepEqual([made.metadata.generateName, made.spec?.hostname, made.metadata.labels?.[COMPLETION_INDEX], made.metadata.finalizers], ['work-3-', 'work-3', '3', [TRACKING]]);
  assert.equal(made.spec?.containers[0]?.env?.[0]?.valueFrom?.fieldRef?.fieldPath, `metadata.labels['${COMPLETION_INDEX}']`);
});

test('with backoffLimitPerIndex each index fails by itself', () => {
  const perIndex = job({ ...INDEXED, completions: 2, backoffLimitPerIndex: 1, backoffLimit: 2 ** 31 - 1 });
  const first = view(perIndex, [pod('a', { phase: 'Failed', index: 0, failures: 0, endedAgoS: 60 }), pod('b', { index: 1, failures: 0 })]);
  assert.deepEqual(planJob(first).create, [0]);
  assert.equal(podOfJob(first, 0).metadata.annotations?.[INDEX_FAILURES], '1');
  assert.deepEqual(accountEnded(first, {}, undefined).untrack, [], 'until its successor is there');
  const second = view(perIndex, [pod('a', { phase: 'Failed', index: 0, failures: 1 }), pod('b', { phase: 'Succeeded', index: 1 })]);
  assert.equal(jobVerdict(second)?.reason, 'FailedIndexes');
  const { status } = accountEnded(second, {}, jobVerdict(second));
  assert.deepEqual([status.failedIndexes, status.completedIndexes, status.uncountedTerminatedPods], ['0', '1', { failed: ['a'] }]);
});

test('a job ends for the reasons that it may', () => {
  const failed = (count: number): Pod[] => Array.from({ length: count }, (_, index) => pod(`p${index}`, { phase: 'Failed', exitCode: 42 }));
  const onExit = (action: 'FailJob' | 'Ignore' | 'Count'): Partial<JobSpec> => ({ podFailurePolicy: { rules: [{ action, onExitCodes: { operator: 'In', values: [42] } }] }, backoffLimit: 0 });
  const table: [string, Job, Pod[], string | undefined][] = [
    ['within the limit', job({ backoffLimit: 1 }), failed(1), undefined],
    ['beyond the limit', job({ backoffLimit: 1 }), failed(2), 'BackoffLimitExceeded'],
    ['counted before', job({ backoffLimit: 1 }, { failed: 2 }), [], 'BackoffLimitExceeded'],
    ['too late', job({ activeDeadlineSeconds: 5 }, { startTime: rfc3339(NOW_MS - 5_000) }), [], 'DeadlineExceeded'],
    ['not yet', job({ activeDeadlineSeconds: 5 }, { startTime: rfc3339(NOW_MS - 4_000) }), [], undefined],
    ['by policy', job(onExit('FailJob')), failed(1), 'PodFailurePolicy'],
    ['ignored', job(onExit('Ignore')), failed(1), undefined],
    ['counted by policy', job(onExit('Count')), failed(1), 'BackoffLimitExceeded'],
    ['success policy by count', job({ ...INDEXED, successPolicy: { rules: [{ succeededCount: 2 }] } }, { completedIndexes: '0,3' }), [], 'SuccessPolicy'],
    ['success policy by indexes', job({ ...INDEXED, successPolicy: { rules: [{ succeededIndexes: '1-2' }, { succeededIndexes: '0,3', succeededCount: 1 }] } }, { completedIndexes: '0,1' }), [], 'SuccessPolicy'],
    ['no index asked for', job({ ...INDEXED, successPolicy: { rules: [{ succeededIndexes: '' }] } }, { completedIndexes: '0' }), [], undefined],
    ['nothing has succeeded', job({ ...INDEXED, successPolicy: { rules: [{ succeededCount: 0 }] } }), [], undefined],
    ['indexes beyond what is left of the job', job({ ...INDEXED, completions: 2, successPolicy: { rules: [{ succeededIndexes: '3' }] } }, { completedIndexes: '0' }), [], undefined],
    ['some of the indexes', job({ ...INDEXED, successPolicy: { rules: [{ succeededIndexes: '0-2', succeededCount: 2 }] } }, { completedIndexes: '1-2' }), [], 'SuccessPolicy'],
    ['not met', job({ ...INDEXED, successPolicy: { rules: [{ succeededIndexes: '1-2' }] } }, { completedIndexes: '0,1' }), [], undefined],
  ];
  for (const [why, of, pods, reason] of table) assert.equal(jobVerdict(view(of, pods))?.reason, reason, why);
  const message = judgeFailure(onExit('FailJob').podFailurePolicy, failed(1)[0]!).message;
  assert.equal(message, 'Container c for pod default/p0 failed with exit code 42 matching FailJob rule at index 0');
});

test('each pod is counted once, whatever step is repeated', () => {
  const pods = [pod('a', { phase: 'Succeeded' }), pod('b', { phase: 'Failed' }), pod('c')];
  const first = accountEnded(view(job({}), pods), {}, undefined);
  assert.deepEqual([first.status.uncountedTerminatedPods, first.untrack.map(({ metadata }) => metadata.name)], [{ succeeded: ['a'], failed: ['b'] }, ['a', 'b']]);
  const again = accountEnded(view(job({}, first.status), pods), first.status, undefined);
  assert.deepEqual(again.status, first.status, 'the write was lost or the finalizers are not gone');
  const settled = settleUncounted(first.status, (uid) => uid === 'b');
  assert.deepEqual([settled.succeeded, settled.failed, settled.uncountedTerminatedPods], [1, undefined, { failed: ['b'] }]);
  const seen = view(job({}, settled), pods, ['a']);
  assert.deepEqual([seen.succeeded, seen.failed], [1, 1], 'the cache still shows the finalizer of a');
});

test('the job has ended when all is counted and nothing runs', () => {
  const verdict = completed(NOW_MS);
  assert.equal(finishedStatus({ uncountedTerminatedPods: { succeeded: ['a'] } }, verdict, NOW_MS), undefined);
  assert.equal(finishedStatus({ terminating: 1 }, verdict, NOW_MS), undefined);
  const status = finishedStatus({ conditions: [verdict] }, verdict, NOW_MS);
  assert.deepEqual(status?.conditions?.map(({ type, reason }) => [type, reason]), [['SuccessCriteriaMet', 'CompletionsReached'], ['Complete', 'CompletionsReached']]);
  assert.equal(status?.completionTime, rfc3339(NOW_MS));
});
