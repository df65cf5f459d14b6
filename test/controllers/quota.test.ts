import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LimitRange, Namespace, PersistentVolumeClaim, Pod, ResourceQuota, Secret } from '../../src/api/kinds.ts';
import core from '../../src/modules/core/module.ts';
import workloads from '../../src/modules/workloads/module.ts';
import quota from '../../src/modules/quota/module.ts';
import { eventually, startWorld } from './world.ts';

test('what one quota refuses is booked in no other', async () => {
  const world = await startWorld([core, quota]);
  try {
    const { client } = world;
    const namespace = 'counted';
    await client.create(Namespace, { metadata: { name: namespace } });
    const limit = (name: string, secrets: string): Promise<ResourceQuota> => client.create(ResourceQuota, { metadata: { name, namespace }, spec: { hard: { secrets } } });
    await Promise.all([limit('a-wide', '5'), limit('b-none', '0'), limit('c-wide', '5')]);
    const used = async (): Promise<unknown[]> => (await client.list(ResourceQuota, { namespace })).items.map(({ status }) => status?.used?.['secrets']);
    await eventually('all are counted', async () => (await used()).every((each) => each === '0'));
    for (let tries = 0; tries < 3; tries++) await assert.rejects(client.create(Secret, { metadata: { name: 'no', namespace } }), /exceeded quota: b-none, requested: secrets=1, used: secrets=0, limited: secrets=0/);
    assert.deepEqual(await used(), ['0', '0', '0']);
    await client.delete(ResourceQuota, 'b-none', { namespace });
    await client.create(Secret, { metadata: { name: 'yes', namespace } });
    assert.deepEqual(await used(), ['1', '1']);
  } finally {
    await world.stop();
  }
});

test('a range bounds pods that come after it; those from before can be changed in what it does not bound', async () => {
  const world = await startWorld([core, quota]);
  try {
    const { client } = world;
    const pod = (name: string): Pod => ({ metadata: { name, namespace: 'default' }, spec: { containers: [{ name: 'c', image: 'x' }] } });
    const before = await client.create(Pod, pod('before'));
    await client.create(LimitRange, { metadata: { name: 'bounds', namespace: 'default' }, spec: { limits: [{ type: 'Container', min: { memory: '1Gi' }, max: { cpu: '1' } }] } });
    await eventually('it is in force', () => client.create(Pod, { ...pod('after'), spec: { containers: [{ name: 'c', image: 'x', resources: { requests: { memory: '1Mi' } } }] } }, { dryRun: true }).then(() => false, (error: Error) => /minimum memory usage per Container is 1Gi, but request is 1Mi/.test(error.message)));
    const labelled = await client.update(Pod, { ...before, metadata: { ...before.metadata, labels: { a: 'b' } } });
    assert.deepEqual(labelled.metadata.labels, { a: 'b' });
  } finally {
    await world.stop();
  }
});

test('a quota that is counted anew while objects are on their way lets in no more than it says', async () => {
  const world = await startWorld([core, quota]);
  try {
    const { client } = world;
    const namespace = 'default';
    const make = (name: string): Promise<Pod> => client.create(Pod, { metadata: { name, namespace }, spec: { containers: [{ name: 'c', image: 'web' }] } } as Pod);
    await client.create(ResourceQuota, { metadata: { name: 'few', namespace }, spec: { hard: { pods: '20' } } });
    await make('first');
    // Each change of a phase has the quota counted.
    const turn = async (phase: 'Pending' | 'Running'): Promise<unknown> => client.patch(Pod, 'first', { type: 'merge', body: { status: { phase } } }, { namespace, subresource: 'status' });
    const turning = (async () => { for (let turns = 0; turns < 60; turns++) await turn(turns % 2 === 0 ? 'Running' : 'Pending'); })();
    const made = await Promise.allSettled(Array.from({ length: 60 }, (_, index) => make(`p-${index}`)));
    await turning;
    assert.equal((await client.list(Pod, { namespace })).items.length, 20);
    assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 19);
    // What goes frees its place.
    await client.delete(Pod, 'p-0', { namespace, gracePeriodSeconds: 0 }).catch(() => client.delete(Pod, 'first', { namespace, gracePeriodSeconds: 0 }));
    await eventually('there is room for one more', () => make('late').then(() => true, () => false));
  } finally {
    await world.stop();
  }
});

test('a pod that gets a deadline is refused by no quota, but counted by the one that it moves to; a claim counts as what its volume was to have', async () => {
  const world = await startWorld([core, workloads, quota]);
  try {
    const { client } = world;
    const namespace = 'default';
    const limit = (name: string, spec: ResourceQuota['spec']): Promise<ResourceQuota> => client.create(ResourceQuota, { metadata: { name, namespace }, spec });
    await limit('ending', { hard: { pods: '0' }, scopes: ['Terminating'] });
    await limit('lasting', { hard: { pods: '1' }, scopes: ['NotTerminating'] });
    await limit('stored', { hard: { 'requests.storage': '10Gi' } });
    const used = async (name: string): Promise<unknown> => Object.values((await client.get(ResourceQuota, name, { namespace })).status?.used ?? {})[0];
    const pod = (name: string, more: object = {}): Promise<Pod> => client.create(Pod, { metadata: { name, namespace }, spec: { containers: [{ name: 'c', image: 'x' }], ...more } });
    await assert.rejects(pod('bounded', { activeDeadlineSeconds: 60 }), /exceeded quota: ending/);
    await pod('free');
    await assert.rejects(pod('more'), /exceeded quota: lasting/);
    await client.patch(Pod, 'free', { type: 'merge', body: { spec: { activeDeadlineSeconds: 60 } } }, { namespace });
    await eventually('it is counted where it belongs', async () => (await used('ending')) === '1' && (await used('lasting')) === '0');
    await client.create(PersistentVolumeClaim, { metadata: { name: 'data', namespace }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '4Gi' } } } });
    assert.equal(await used('stored'), '4Gi');
    await client.patch(PersistentVolumeClaim, 'data', { type: 'merge', body: { status: { allocatedResources: { storage: '8Gi' } } } }, { namespace, subresource: 'status' });
    await eventually('what was allocated counts', async () => (await used('stored')) === '8Gi');
  } finally {
    await world.stop();
  }
});
