/** JobSets: their Jobs, the order of them, what failures do, and how they end. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Event, Job, PersistentVolumeClaim, Pod, Service } from '../../src/api/kinds.ts';
import type { JobSpec } from '../../src/api/generated/batch-v1.ts';
import { JobSet } from '../../src/api/jobset/job-set.ts';
import type { JobSetSpec } from '../../src/api/jobset/types.ts';
import { isApiError, type Client } from '../../src/sdk/index.ts';
import core from '../../src/modules/core/module.ts';
import garbageCollector from '../../src/modules/garbage-collector/module.ts';
import jobSetModule from '../../src/modules/job-set/module.ts';
import workloads from '../../src/modules/workloads/module.ts';
import { eventually, startWorld, type World } from './world.ts';

let world: World;
let client: Client;
const NS = { namespace: 'default' };

beforeEach(async () => {
  world = await startWorld([core, workloads, garbageCollector, jobSetModule]);
  client = world.client;
});
afterEach(() => world.stop());

const template = (spec: Partial<JobSpec> = {}) => ({ spec: { backoffLimit: 0, ...spec, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i:1' }] }, ...spec.template } } as JobSpec });
type Jobs = NonNullable<JobSetSpec['replicatedJobs']>;
const make = (name: string, replicatedJobs: Jobs, more: Omit<JobSetSpec, 'replicatedJobs'> = {}, annotations: Record<string, string> = {}) => client.create(JobSet, { metadata: { name, ...NS, annotations }, spec: { replicatedJobs, ...more } });
const get = (name: string): Promise<JobSet> => client.get(JobSet, name, NS);
const jobNames = async (): Promise<string[]> => (await client.list(Job, NS)).items.map(({ metadata }) => metadata.name ?? '').sort();
const eventuallyJobs = (...names: string[]) => eventually(`there are the jobs ${names.join(', ')}`, async () => (await jobNames()).join() === names.sort().join());
const condition = async (name: string, type: string) => (await get(name)).status?.conditions?.find((each) => each.type === type);
const eventuallyIs = (name: string, type: string, status = 'True') => eventually(`${name} is ${type} ${status}`, async () => (await condition(name, type))?.status === status);

/** Plays the node for the pods of a job. */
async function play(job: string, phase: 'Running' | 'Succeeded' | 'Failed'): Promise<void> {
  await eventually(`pods of ${job} are ${phase}`, async () => {
    const pods = (await client.list(Pod, { ...NS, labelSelector: `job-name=${job}` })).items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    for (const pod of pods.filter(({ status }) => status?.phase !== phase)) {
      await client.update(Pod, { ...pod, status: { ...pod.status, phase, conditions: [{ type: 'Ready', status: phase === 'Running' ? 'True' : 'False' }] } } as Pod, { subresource: 'status' }).catch(() => {});
    }
    return pods.length > 0 && pods.every(({ status }) => status?.phase === phase);
  });
}

/** Pods that are deleted go, as from a node. */
async function clearDeleted(): Promise<void> {
  for (const { metadata } of (await client.list(Pod, NS)).items) if (metadata.deletionTimestamp !== undefined) await client.delete(Pod, metadata.name ?? '', { ...NS, gracePeriodSeconds: 0 }).catch(() => {});
}

async function refusal(act: Promise<unknown>): Promise<string> {
  const error = await act.then(() => undefined, (reason: unknown) => reason);
  assert.ok(isApiError(error, 'Invalid'), `it was not refused: ${String(error)}`);
  return (error as Error).message;
}

test('makes the Jobs of each replicatedJob, marked and found by name, and is complete when all of them are', async () => {
  await make('train', [{ name: 'leader', template: template() }, { name: 'workers', replicas: 2, groupName: 'all', template: template({ parallelism: 2, completions: 2 }) }], { coordinator: { replicatedJob: 'leader' } });
  await eventuallyJobs('train-leader-0', 'train-workers-0', 'train-workers-1');
  const { spec } = await get('train');
  assert.deepEqual([spec?.successPolicy, spec?.startupPolicy, spec?.network, spec?.replicatedJobs?.[0]?.replicas, spec?.replicatedJobs?.[0]?.groupName, spec?.replicatedJobs?.[0]?.template.spec?.completionMode], [{ operator: 'All' }, { startupPolicyOrder: 'AnyOrder' }, { enableDNSHostnames: true, publishNotReadyAddresses: true }, 1, 'default', 'Indexed']);
  const { metadata, spec: jobSpec } = await client.get(Job, 'train-workers-1', NS);
  const marks = { 'jobset-name': 'train', 'jobset-uid': (await get('train')).metadata.uid, 'replicatedjob-name': 'workers', 'replicatedjob-replicas': '2', 'global-replicas': '3', 'restart-attempt': '0', 'job-restart-attempt': '0', 'job-index': '1', 'job-global-index': '2', 'job-key': 'f7cd59a344a70b9510e91bf1b6f8a70533d949ef', 'group-name': 'all', 'group-replicas': '2', 'job-group-index': '1', coordinator: 'train-leader-0-0.train' };
  for (const [key, value] of Object.entries(marks)) {
    const full = `jobset.sigs.k8s.io/${key}`;
    const pods = jobSpec?.template.metadata;
    for (const from of [metadata.labels, metadata.annotations, pods?.labels, pods?.annotations]) assert.equal(from?.[full], value, full);
  }
  assert.equal(jobSpec?.template.spec?.subdomain, 'train');
  await eventually('there is its Service', async () => (await client.get(Service, 'train', NS).catch(() => undefined)) !== undefined);
  const service = await client.get(Service, 'train', NS);
  assert.deepEqual([service.spec?.clusterIP, service.spec?.selector, service.spec?.publishNotReadyAddresses], ['None', { 'jobset.sigs.k8s.io/jobset-name': 'train' }, true]);
  await play('train-leader-0', 'Running');
  await eventually('the status counts', async () => {
    const [leader, workers] = (await get('train')).status?.replicatedJobsStatus ?? [];
    return leader?.ready === 1 && leader.active === 1 && workers?.ready === 0 && workers.active === 2;
  });
  for (const job of ['train-leader-0', 'train-workers-0', 'train-workers-1']) await play(job, 'Succeeded');
  await eventuallyIs('train', 'Completed');
  const { status } = await get('train');
  assert.deepEqual([status?.terminalState, status?.restarts, status?.conditions?.[0]?.reason, status?.conditions?.[0]?.message], ['Completed', 0, 'AllJobsCompleted', 'jobset completed successfully']);
});

test('is complete with any, or with the jobs that count, and the others go', async () => {
  await make('race', [{ name: 'a', template: template() }, { name: 'b', template: template() }], { successPolicy: { operator: 'Any', targetReplicatedJobs: ['b'] } });
  await eventuallyJobs('race-a-0', 'race-b-0');
  await play('race-b-0', 'Succeeded');
  await eventuallyIs('race', 'Completed');
  await eventually('the other one is gone', async () => {
    await clearDeleted();
    return (await jobNames()).join() === 'race-b-0';
  });
});

describe('failure', () => {
  test('of a job fails all of it, without a policy', async () => {
    await make('one', [{ name: 'a', replicas: 2, template: template() }]);
    await eventuallyJobs('one-a-0', 'one-a-1');
    await play('one-a-1', 'Failed');
    await eventuallyIs('one', 'Failed');
    const failed = await condition('one', 'Failed');
    assert.deepEqual([failed?.reason, failed?.message, (await get('one')).status?.terminalState], ['FailedJobs', 'jobset failed due to one or more job failures (first failed job: one-a-1)', 'Failed']);
    await eventually('nothing of it runs', async () => {
      await clearDeleted();
      return (await jobNames()).join() === 'one-a-1';
    });
  });

  test('begins all of it anew, as often as it may', async () => {
    await make('again', [{ name: 'a', replicas: 2, template: template() }], { failurePolicy: { maxRestarts: 1 } });
    await eventuallyJobs('again-a-0', 'again-a-1');
    const before = new Set((await client.list(Job, NS)).items.map(({ metadata }) => metadata.uid));
    await play('again-a-0', 'Failed');
    await eventually('both jobs are new', async () => {
      await clearDeleted();
      const jobs = (await client.list(Job, NS)).items;
      return jobs.length === 2 && jobs.every(({ metadata }) => !before.has(metadata.uid) && metadata.labels?.['jobset.sigs.k8s.io/restart-attempt'] === '1');
    });
    assert.deepEqual([(await get('again')).status?.restarts, (await get('again')).status?.restartsCountTowardsMax], [1, 1]);
    await play('again-a-1', 'Failed');
    await eventuallyIs('again', 'Failed');
    assert.equal((await condition('again', 'Failed'))?.reason, 'ReachedMaxRestarts');
    await eventually('an event tells of the restart', async () => (await client.list(Event, NS)).items.some(({ reason, message }) => reason === 'RestartJobSetFailurePolicyAction' && message === 'applying RestartJobSet failure policy action (first failed job: again-a-0)'));
  });

  test('is judged by the first rule that holds: by reason, by message, by replicatedJob', async () => {
    const rules = [
      { name: 'other', action: 'FailJobSet' as const, targetReplicatedJobs: ['b'] },
      { name: 'late', action: 'FailJobSet' as const, onJobFailureReasons: ['DeadlineExceeded'] },
      { name: 'words', action: 'FailJobSet' as const, onJobFailureMessagePatterns: ['^no such words$'] },
      { name: 'free', action: 'RestartJobSetAndIgnoreMaxRestarts' as const, onJobFailureReasons: ['BackoffLimitExceeded'], onJobFailureMessagePatterns: ['^nothing', '(?i)BACKOFF'] },
    ];
    await make('ruled', [{ name: 'a', template: template() }, { name: 'b', template: template() }], { failurePolicy: { maxRestarts: 0, rules } });
    await eventuallyJobs('ruled-a-0', 'ruled-b-0');
    await play('ruled-a-0', 'Failed');
    await eventually('it is begun anew, for nothing', async () => (await get('ruled')).status?.restarts === 1);
    assert.equal((await get('ruled')).status?.restartsCountTowardsMax, undefined);
    await eventually('the jobs are new', async () => {
      await clearDeleted();
      const jobs = (await client.list(Job, NS)).items;
      return jobs.length === 2 && jobs.every(({ metadata }) => metadata.labels?.['jobset.sigs.k8s.io/restart-attempt'] === '1');
    });
    await play('ruled-b-0', 'Failed');
    await eventuallyIs('ruled', 'Failed');
    assert.equal((await condition('ruled', 'Failed'))?.reason, 'FailJobSetFailurePolicyAction');
  });

  test('begins one job anew, and leaves the others alone', async () => {
    await make('single', [{ name: 'a', replicas: 2, template: template() }], { failurePolicy: { maxRestarts: 1, rules: [{ name: '', action: 'RestartJob' }] } });
    await eventuallyJobs('single-a-0', 'single-a-1');
    const other = (await client.get(Job, 'single-a-0', NS)).metadata.uid;
    await play('single-a-1', 'Failed');
    await eventually('it is new', async () => {
      await clearDeleted();
      return (await client.get(Job, 'single-a-1', NS).catch(() => undefined))?.metadata.labels?.['jobset.sigs.k8s.io/job-restart-attempt'] === '1';
    });
    const { status, spec } = await get('single');
    assert.deepEqual([status?.restarts, status?.replicatedJobsStatus?.[0]?.jobRestarts, status?.replicatedJobsStatus?.[0]?.jobRestartsCountTowardsMax, spec?.failurePolicy?.rules?.[0]?.name], [0, [0, 1], [0, 1], 'failurePolicyRule0']);
    assert.equal((await client.get(Job, 'single-a-0', NS)).metadata.uid, other);
    await play('single-a-0', 'Failed');
    await eventuallyIs('single', 'Failed');
  });
});

describe('order', () => {
  test('of startup: the next when all jobs of the one before are ready', async () => {
    await make('steps', [{ name: 'first', template: template() }, { name: 'second', template: template() }], { startupPolicy: { startupPolicyOrder: 'InOrder' } });
    await eventuallyIs('steps', 'StartupPolicyInProgress');
    assert.deepEqual(await jobNames(), ['steps-first-0']);
    await play('steps-first-0', 'Running');
    await eventuallyJobs('steps-first-0', 'steps-second-0');
    await play('steps-second-0', 'Running');
    await eventuallyIs('steps', 'StartupPolicyCompleted');
    assert.equal((await condition('steps', 'StartupPolicyInProgress'))?.status, 'False');
  });

  test('by what they depend on: ready, or complete', async () => {
    await make('chain', [{ name: 'a', template: template() }, { name: 'b', template: template(), dependsOn: [{ name: 'a', status: 'Ready' }] }, { name: 'c', template: template(), dependsOn: [{ name: 'a', status: 'Complete' }] }]);
    await eventuallyJobs('chain-a-0');
    await play('chain-a-0', 'Running');
    await eventuallyJobs('chain-a-0', 'chain-b-0');
    await play('chain-a-0', 'Succeeded');
    await eventuallyJobs('chain-a-0', 'chain-b-0', 'chain-c-0');
  });
});

test('waits suspended, and resumes where its template says then', async () => {
  await make('held', [{ name: 'a', template: template() }], { suspend: true });
  await eventuallyIs('held', 'Suspended');
  await eventuallyJobs('held-a-0');
  const suspended = await client.get(Job, 'held-a-0', NS);
  assert.equal(suspended.spec?.suspend, true);
  const place = async (nodeSelector: Record<string, string>, suspend: boolean): Promise<void> => {
    await eventually('its template is changed', async () => {
      const held = structuredClone(await get('held'));
      held.spec!.replicatedJobs![0]!.template.spec!.template.spec!.nodeSelector = nodeSelector;
      held.spec!.suspend = suspend;
      return client.update(JobSet, held).then(() => true, () => false);
    });
  };
  await place({ zone: 'a' }, false);
  await eventuallyIs('held', 'Suspended', 'False');
  await eventually('it runs', async () => (await client.get(Job, 'held-a-0', NS)).spec?.suspend === false);
  assert.deepEqual((await client.get(Job, 'held-a-0', NS)).spec?.template.spec?.nodeSelector, { zone: 'a' });
  await play('held-a-0', 'Running');
  await place({ zone: 'b' }, true);
  await eventually('it is suspended', async () => {
    await clearDeleted();
    return (await get('held')).status?.replicatedJobsStatus?.[0]?.suspended === 1;
  });
  await place({ zone: 'b' }, false);
  await eventually('it runs where it is to now', async () => {
    const { spec } = await client.get(Job, 'held-a-0', NS);
    return spec?.suspend === false && spec.template.spec?.nodeSelector?.['zone'] === 'b';
  });
});

test('has volumes that its containers mount by name, kept or not, and domains of its own', async () => {
  const mounting = template({ template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i:1', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] } } });
  const claim = (name: string) => ({ metadata: { name }, spec: { accessModes: ['ReadWriteOnce' as const], resources: { requests: { storage: '1Gi' } } } });
  const policies = [{ templates: [claim('data')], retentionPolicy: { whenDeleted: 'Retain' as const } }];
  await make('stored', [{ name: 'a', template: mounting }, { name: 'b', template: template() }], { volumeClaimPolicies: policies }, { 'alpha.jobset.sigs.k8s.io/exclusive-topology': 'rack' });
  await eventuallyJobs('stored-a-0', 'stored-b-0');
  const [a, b] = await Promise.all(['stored-a-0', 'stored-b-0'].map((name) => client.get(Job, name, NS)));
  assert.deepEqual(a?.spec?.template.spec?.volumes, [{ name: 'data', persistentVolumeClaim: { claimName: 'data-stored' } }]);
  assert.equal(b?.spec?.template.spec?.volumes, undefined);
  const { podAffinity, podAntiAffinity } = a?.spec?.template.spec?.affinity ?? {};
  for (const each of [podAffinity, podAntiAffinity]) assert.equal(each?.requiredDuringSchedulingIgnoredDuringExecution?.[0]?.topologyKey, 'rack');
  assert.equal((await client.get(PersistentVolumeClaim, 'data-stored', NS)).metadata.ownerReferences, undefined);
});

test('goes when its time after the end is over', async () => {
  await make('brief', [{ name: 'a', template: template() }], { ttlSecondsAfterFinished: 0 });
  await eventuallyJobs('brief-a-0');
  await play('brief-a-0', 'Succeeded');
  await eventually('it is gone with all of its own', async () => {
    await clearDeleted();
    return (await client.list(JobSet, NS)).items.length === 0 && (await jobNames()).length === 0;
  });
});

test('says that somebody else has a Job of a name that it needs, and goes on when that is gone', async () => {
  await client.create(Job, { metadata: { name: 'late-a-0', ...NS }, ...template() } as Job);
  await make('late', [{ name: 'a', replicas: 2, template: template() }]);
  await eventually('it is told', async () => (await client.list(Event, NS)).items.some(({ reason, message, involvedObject }) => involvedObject.name === 'late' && reason === 'JobCreationFailed' && /"late-a-0" already exists/.test(message ?? '')));
  await eventuallyJobs('late-a-0', 'late-a-1'); // the other is made all the same
  await client.delete(Job, 'late-a-0', { ...NS, propagationPolicy: 'Background' });
  await eventually('its own is there', async () => (await client.get(Job, 'late-a-0', NS).catch(() => undefined))?.metadata.ownerReferences !== undefined);
  await eventuallyJobs('late-a-0', 'late-a-1');
  assert.equal((await client.get(Job, 'late-a-0', NS)).metadata.ownerReferences?.[0]?.name, 'late');
});

test('is left to whoever manages it', async () => {
  await make('theirs', [{ name: 'a', template: template() }], { managedBy: 'acme.io/queue' });
  await make('ours', [{ name: 'a', template: template() }], { managedBy: 'jobset.sigs.k8s.io/jobset-controller' });
  await eventuallyJobs('ours-a-0');
});

test('refuses what makes no sense, in the words of upstream', async () => {
  const a = { name: 'a', template: template() };
  const cases: [JobSetSpec, RegExp][] = [
    [{ replicatedJobs: [{ ...a, dependsOn: [{ name: 'b', status: 'Ready' }] }] }, /DependsOn can't be set for the first ReplicatedJob/],
    [{ replicatedJobs: [a, { ...a, name: 'b', dependsOn: [{ name: 'c', status: 'Ready' }] }] }, /replicatedJob: b cannot depend on replicatedJob: c/],
    [{ replicatedJobs: [a, { ...a, name: 'b', dependsOn: [{ name: 'a', status: 'Ready' }] }], startupPolicy: { startupPolicyOrder: 'InOrder' } }, /StartupPolicy and DependsOn APIs are mutually exclusive/],
    [{ replicatedJobs: [a], successPolicy: { operator: 'All', targetReplicatedJobs: ['x'] } }, /invalid replicatedJob name 'x' does not appear in \.spec\.ReplicatedJobs/],
    [{ replicatedJobs: [a], failurePolicy: { rules: [{ name: '1x', action: 'FailJobSet' }] } }, /invalid failure policy rule name '1x'/],
    [{ replicatedJobs: [a], failurePolicy: { rules: [{ name: 'x', action: 'FailJobSet' }, { name: 'x', action: 'FailJobSet' }] } }, /rules with indices \[0 1\] all have the same name 'x'/],
    [{ replicatedJobs: [a], failurePolicy: { rules: [{ name: 'x', action: 'FailJobSet', onJobFailureReasons: ['Bored'] }] } }, /invalid job failure reason 'Bored'/],
    [{ replicatedJobs: [a], failurePolicy: { rules: [{ name: 'x', action: 'FailJobSet', onJobFailureMessagePatterns: ['('] }] } }, /must be a regular expression/],
    [{ replicatedJobs: [a], failurePolicy: { rules: [{ name: 'x', action: 'FailJobSet', onJobFailureMessagePatterns: ['a(?=b)'] }] } }, /must be a regular expression/],
    [{ replicatedJobs: [a], coordinator: { replicatedJob: 'x' } }, /coordinator replicatedJob x does not exist/],
    [{ replicatedJobs: [a], coordinator: { replicatedJob: 'a', jobIndex: 1 } }, /coordinator job index 1 is invalid for replicatedJob a/],
    [{ replicatedJobs: [{ ...a, name: 'x'.repeat(60) }] }, /job names generated for this JobSet will exceed 63 characters/],
    [{ replicatedJobs: [a], network: { subdomain: '9.x' } }, /spec\.network\.subdomain/],
    [{ replicatedJobs: [{ ...a, replicas: 100_000, template: template({ parallelism: 100_000 }) }] }, /the product of replicas and parallelism must not exceed 2147483647/],
    [{ replicatedJobs: [a], managedBy: 'me' }, /must be a domain-prefixed path/],
    [{ replicatedJobs: [a], volumeClaimPolicies: [{ templates: [{ metadata: { name: 'd' }, spec: {} }] }] }, /no container of a replicatedJob mounts the volume d/],
  ];
  for (const [spec, wanted] of cases) assert.match(await refusal(client.create(JobSet, { metadata: { name: 'odd', ...NS }, spec })), wanted);
  await make('fine', [a]);
  // The controller writes its status meanwhile.
  const change = async (edit: (spec: JobSetSpec) => void): Promise<unknown> => {
    for (;;) {
      const next = structuredClone(await client.get(JobSet, 'fine', NS));
      edit(next.spec!);
      try {
        return await client.update(JobSet, next);
      } catch (error) {
        if (!isApiError(error, 'Conflict')) throw error;
      }
    }
  };
  assert.match(await refusal(change((spec) => void (spec.successPolicy = { operator: 'Any' }))), /Value is immutable/);
  assert.match(await refusal(change((spec) => void (spec.replicatedJobs![0]!.template.spec!.template.spec!.nodeSelector = { a: 'b' }))), /field is immutable/);
});
