/** Behaviours of the policies of jobs: which failures count, which indexes fail, what is enough. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour, create, get, namespace, ok, until, type Body } from '../cluster.ts';
import { batch, hasCondition, livePods, podsOf, template } from './paths.ts';

/** Runs a job of that script to its end, and gives it. */
async function run(spec: object, script: string, end: 'Complete' | 'Failed'): Promise<{ ns: string; job: Body }> {
  const ns = await namespace();
  await create(batch(ns, 'jobs'), { metadata: { name: 'job' }, spec: { template: template({ job: 'job' }, { script, spec: { restartPolicy: 'Never' } }), ...spec } });
  return { ns, job: await until(`${batch(ns, 'jobs')}/job`, (each) => hasCondition(each, end), 50_000) };
}

const reasonOf = (job: Body, type: string): string | undefined => job.status.conditions.find((each: Body) => each.type === type)?.reason;
const FAIL_EVEN = 'test $((JOB_COMPLETION_INDEX % 2)) = 1';

export function jobPolicies(): void {
  const shared = mkdtempSync(join(tmpdir(), 'llmos-jobs-'));
  after(() => rmSync(shared, { recursive: true, force: true }));

  behaviour('Job should allow to use the pod failure policy on exit code to fail the job early', async () => {
    const rules = [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }];
    const { job } = await run({ parallelism: 2, completions: 4, backoffLimit: 6, podFailurePolicy: { rules } }, 'exit 42', 'Failed');
    assert.deepEqual([reasonOf(job, 'FailureTarget'), reasonOf(job, 'Failed')], ['PodFailurePolicy', 'PodFailurePolicy']);
    assert.match(job.status.conditions.at(-1).message, /^Container main for pod \S+ failed with exit code 42 matching FailJob rule at index 0$/);
  });

  behaviour('Job should allow to use a pod failure policy to ignore failure matching on DisruptionTarget condition', async () => {
    const ns = await namespace();
    const rules = [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] }];
    // The first pod waits to be evicted and fails then, the next one succeeds.
    const script = 'if test -e /shared/second; then exit 0; fi; trap "exit 1" TERM; touch /shared/second; sleep 1000000 & wait';
    const pod = template({ job: 'job' }, { script, container: { volumeMounts: [{ name: 'shared', mountPath: '/shared' }] }, spec: { terminationGracePeriodSeconds: 5, restartPolicy: 'Never', volumes: [{ name: 'shared', hostPath: { path: shared } }] } });
    await create(batch(ns, 'jobs'), { metadata: { name: 'job' }, spec: { backoffLimit: 0, podFailurePolicy: { rules }, template: pod } });
    const [first] = await eventually(async () => {
      const pods = await livePods(ns, 'job=job');
      return pods.length === 1 && pods[0].status.phase === 'Running' && pods;
    }, { what: 'a running pod' });
    await eventually(async () => existsSync(join(shared, 'second')), { what: 'it has noted that it ran' });
    await ok('POST', `${podsOf(ns)}/${first.metadata.name}/eviction`, { body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: first.metadata.name } } });
    const { status } = await until(`${batch(ns, 'jobs')}/job`, (each) => hasCondition(each, 'Complete'), 40_000);
    assert.deepEqual([status.succeeded, status.failed], [1, undefined]);
  });

  behaviour('Job should execute all indexes despite some failing when using backoffLimitPerIndex', async () => {
    const { job } = await run({ parallelism: 2, completions: 4, completionMode: 'Indexed', backoffLimitPerIndex: 0 }, FAIL_EVEN, 'Failed');
    assert.deepEqual([job.status.failedIndexes, job.status.completedIndexes, reasonOf(job, 'Failed')], ['0,2', '1,3', 'FailedIndexes']);
  });

  behaviour('Job should mark indexes as failed when the FailIndex action is matched in podFailurePolicy', async () => {
    const rules = [{ action: 'FailIndex', onExitCodes: { operator: 'In', values: [1] } }];
    const { job } = await run({ parallelism: 2, completions: 2, completionMode: 'Indexed', backoffLimitPerIndex: 1, podFailurePolicy: { rules } }, FAIL_EVEN, 'Failed');
    assert.deepEqual([job.status.failedIndexes, job.status.completedIndexes, job.status.failed], ['0', '1', 1]);
  });

  behaviour('Job should terminate job execution when the number of failed indexes exceeds maxFailedIndexes', async () => {
    const { job } = await run({ parallelism: 1, completions: 4, completionMode: 'Indexed', backoffLimitPerIndex: 0, maxFailedIndexes: 0 }, FAIL_EVEN, 'Failed');
    assert.deepEqual([job.status.failedIndexes, reasonOf(job, 'Failed')], ['0', 'MaxFailedIndexesExceeded']);
  });

  behaviour('Job with successPolicy should succeeded when all indexes succeeded', async () => {
    const { job } = await run({ parallelism: 2, completions: 2, completionMode: 'Indexed', successPolicy: { rules: [{ succeededCount: 2 }] } }, 'exit 0', 'Complete');
    assert.deepEqual([reasonOf(job, 'SuccessCriteriaMet'), reasonOf(job, 'Complete'), job.status.completedIndexes], ['SuccessPolicy', 'SuccessPolicy', '0,1']);
  });

  for (const [name, rule] of [['succeededIndexes', { succeededIndexes: '0' }], ['succeededCount', { succeededCount: 1 }]] as const) {
    behaviour(`Job with successPolicy ${name} rule should succeeded even when some indexes remain pending`, async () => {
      const { ns, job } = await run({ parallelism: 2, completions: 5, completionMode: 'Indexed', successPolicy: { rules: [rule] } }, 'test "$JOB_COMPLETION_INDEX" = 0 || sleep 1000000', 'Complete');
      assert.deepEqual([reasonOf(job, 'SuccessCriteriaMet'), job.status.completedIndexes, job.status.active, job.status.terminating], ['SuccessPolicy', '0', undefined, 0]);
      assert.equal((await get(podsOf(ns, 'job=job'))).items.filter((each: Body) => each.status.phase === 'Running').length, 0);
    });
  }
}
