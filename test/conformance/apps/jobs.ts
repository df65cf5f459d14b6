/** Behaviours of Job and CronJob. */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour, create, get, gone, kubectl, namespace, ok, patch, put, remove, until, type Body } from '../cluster.ts';
import { liveThrough } from '../resource-life.ts';
import { batch, hasCondition, livePods, podsOf, template } from './paths.ts';

function job(name: string, spec: object = {}, script = 'exit 0'): Body {
  return { metadata: { name }, spec: { template: template({ job: name }, { script, spec: { restartPolicy: 'Never' } }), ...spec } };
}

function cronJob(name: string, spec: object = {}, script = 'sleep 300'): Body {
  return { metadata: { name }, spec: { schedule: '* * * * *', timeZone: 'Etc/UTC', jobTemplate: { spec: { template: template({ cron: name }, { script, spec: { restartPolicy: 'OnFailure' } }) } }, ...spec } };
}

/** The minute of the hour, so many minutes ago, as a schedule; and a last time before it, so that it is due. */
async function makeDue(path: string, minutesAgo: number): Promise<void> {
  const at = new Date(Math.floor(Date.now() / 60_000 - minutesAgo) * 60_000);
  await patch(`${path}/status`, { status: { lastScheduleTime: new Date(at.getTime() - 60_000).toISOString().replace('.000', '') } });
  await patch(path, { spec: { schedule: `${at.getUTCMinutes()} * * * *`, suspend: false } });
}

export function jobs(): void {
  behaviour('Job should run a job to completion when tasks sometimes fail and are locally restarted', async () => {
    const ns = await namespace();
    const script = 'if test -e /data/ran; then exit 0; fi; touch /data/ran; exit 1';
    const pod = template({ job: 'local' }, { script, container: { volumeMounts: [{ name: 'data', mountPath: '/data' }] }, spec: { restartPolicy: 'OnFailure', volumes: [{ name: 'data', emptyDir: {} }] } });
    await create(batch(ns, 'jobs'), { metadata: { name: 'local' }, spec: { parallelism: 2, completions: 4, template: pod } });
    const { status } = await until(`${batch(ns, 'jobs')}/local`, (each) => hasCondition(each, 'Complete'), 50_000);
    assert.equal(status.succeeded, 4);
    const pods = (await get(podsOf(ns, 'job-name=local'))).items;
    assert.ok(pods.length === 4 && pods.every((each: Body) => each.status.phase === 'Succeeded' && each.metadata.finalizers === undefined));
  });

  behaviour('Job should create pods for an Indexed job with completion indexes and specified hostname', async () => {
    const ns = await namespace();
    await create(batch(ns, 'jobs'), job('indexed', { parallelism: 2, completions: 4, completionMode: 'Indexed' }, 'test "$(hostname)" = "indexed-$JOB_COMPLETION_INDEX"'));
    const { status } = await until(`${batch(ns, 'jobs')}/indexed`, (each) => hasCondition(each, 'Complete'), 30_000);
    assert.equal(status.completedIndexes, '0-3');
    const indexes = (await get(podsOf(ns, 'job-name=indexed'))).items.map((each: Body) => each.metadata.annotations['batch.kubernetes.io/job-completion-index']);
    assert.deepEqual(indexes.sort(), ['0', '1', '2', '3']);
  });

  behaviour('Job should delete a job', async () => {
    const ns = await namespace();
    await create(batch(ns, 'jobs'), job('gone', { parallelism: 2, completions: 2 }, 'sleep 300'));
    await until(`${batch(ns, 'jobs')}/gone`, (each) => each.status.ready === 2);
    await remove(`${batch(ns, 'jobs')}/gone`, { propagationPolicy: 'Foreground' });
    await gone(`${batch(ns, 'jobs')}/gone`);
    assert.equal((await get(podsOf(ns, 'job-name=gone'))).items.length, 0);
  });

  behaviour('Job should adopt matching orphans and release non-matching pods', async () => {
    const ns = await namespace();
    await create(batch(ns, 'jobs'), job('adopt', { parallelism: 2, completions: 2 }, 'sleep 300'));
    const pod = await eventually(async () => (await livePods(ns, 'job-name=adopt'))[0], { what: 'a pod' });
    const path = `${podsOf(ns)}/${pod.metadata.name}`;
    await patch(path, { metadata: { ownerReferences: null } });
    await until(path, (each) => each.metadata.ownerReferences?.[0]?.name === 'adopt');
    await patch(path, { metadata: { labels: { 'batch.kubernetes.io/controller-uid': null, 'controller-uid': null, 'job-name': null } } });
    await until(path, (each) => each.metadata.ownerReferences === undefined);
  });

  behaviour('Job should apply changes to a job status', async () => {
    const ns = await namespace();
    const path = `${batch(ns, 'jobs')}/status`;
    await create(batch(ns, 'jobs'), job('status', { parallelism: 1, completions: 2, backoffLimit: 6, suspend: true }, 'sleep 300'));
    await until(path, (each) => hasCondition(each, 'Suspended'));
    const own = { type: 'CustomConditionType', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' };
    const patched = await patch(`${path}/status`, { metadata: { annotations: { patchedstatus: 'true' } }, status: { conditions: [own] } });
    assert.deepEqual([patched.status.conditions, patched.metadata.annotations.patchedstatus], [[own], 'true']);
    const now = await get(path);
    const updated = await put(`${path}/status`, { ...now, metadata: { ...now.metadata, resourceVersion: undefined }, status: { ...now.status, startTime: '2026-01-01T00:00:00Z' } });
    assert.equal(updated.status.startTime, '2026-01-01T00:00:00Z');
    assert.equal((await get(`${path}/status`)).metadata.uid, now.metadata.uid);
  });

  behaviour('Job should manage the lifecycle of a job', async () => {
    const ns = await namespace();
    const path = `${batch(ns, 'jobs')}/life`;
    await create(batch(ns, 'jobs'), job('life', { parallelism: 2, completions: 2, suspend: true, ttlSecondsAfterFinished: 600 }, 'sleep 300'));
    await patch(path, { metadata: { labels: { life: 'patched' } }, spec: { suspend: false } });
    await until(path, (each) => each.status.active === 2);
    const now = await get(path);
    await put(path, { ...now, metadata: { ...now.metadata, resourceVersion: undefined, annotations: { updated: 'true' } } });
    assert.equal((await get('/apis/batch/v1/jobs?labelSelector=life%3Dpatched')).items.length, 1);
    await ok('DELETE', `${batch(ns, 'jobs')}?labelSelector=life%3Dpatched`, { body: { propagationPolicy: 'Background' } });
    await gone(path);
  });

  behaviour('CronJob should support CronJob API operations', async () => {
    const ns = await namespace();
    await liveThrough({ group: 'batch', version: 'v1', plural: 'cronjobs', subresources: ['status'], namespace: ns, make: (name) => cronJob(name, { schedule: '0 0 1 1 *' }) });
  });

  behaviour('CronJob should not schedule jobs when suspended', async () => {
    const ns = await namespace();
    const path = `${batch(ns, 'cronjobs')}/suspended`;
    await create(batch(ns, 'cronjobs'), cronJob('suspended', { suspend: true }));
    await patch(`${path}/status`, { status: { lastScheduleTime: new Date(Date.now() - 300_000).toISOString().replace(/\.\d+/, '') } });
    await new Promise((settle) => setTimeout(settle, 1_000));
    assert.equal((await get(path)).status.active, undefined);
    assert.equal((await get(batch(ns, 'jobs'))).items.length, 0);
  });

  behaviour('CronJob should schedule multiple jobs concurrently', async () => {
    const ns = await namespace();
    const path = `${batch(ns, 'cronjobs')}/concurrent`;
    await create(batch(ns, 'cronjobs'), cronJob('concurrent', { suspend: true, concurrencyPolicy: 'Allow' }));
    await makeDue(path, 5);
    await until(path, (each) => each.status.active?.length === 1);
    await makeDue(path, 2);
    await until(path, (each) => each.status.active?.length === 2);
    await eventually(async () => (await livePods(ns, 'cron=concurrent')).filter((each) => each.status.phase === 'Running').length === 2, { what: 'two running pods', timeoutMs: 20_000 });
  });

  behaviour('CronJob should not schedule new jobs when ForbidConcurrent', async () => {
    const ns = await namespace();
    const path = `${batch(ns, 'cronjobs')}/forbid`;
    await create(batch(ns, 'cronjobs'), cronJob('forbid', { suspend: true, concurrencyPolicy: 'Forbid' }));
    await makeDue(path, 5);
    await until(path, (each) => each.status.active?.length === 1);
    await makeDue(path, 2);
    await eventually(async () => (await get(`/api/v1/namespaces/${ns}/events`)).items.some((each: Body) => each.reason === 'JobAlreadyActive'), { what: 'the event JobAlreadyActive' });
    assert.equal((await get(batch(ns, 'jobs'))).items.length, 1);
  });

  behaviour('CronJob should replace jobs when ReplaceConcurrent', async () => {
    const ns = await namespace();
    const path = `${batch(ns, 'cronjobs')}/replace`;
    await create(batch(ns, 'cronjobs'), cronJob('replace', { suspend: true, concurrencyPolicy: 'Replace' }));
    await makeDue(path, 5);
    const first = (await until(path, (each) => each.status.active?.length === 1)).status.active[0].name;
    await makeDue(path, 2);
    await eventually(async () => {
      const { active } = (await get(path)).status;
      return active?.length === 1 && active[0].name !== first;
    }, { what: 'another active job' });
    await gone(`${batch(ns, 'jobs')}/${first}`);
    assert.match(await kubectl('get', 'cronjob', 'replace', '-n', ns), /NAME\s+SCHEDULE\s+TIMEZONE\s+SUSPEND\s+ACTIVE\s+LAST SCHEDULE\s+AGE/);
  });
}
