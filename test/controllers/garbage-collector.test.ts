import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { isApiError } from '../../src/api/errors.ts';
import type { Kind } from '../../src/api/kind.ts';
import { ConfigMap, Deployment, Event, Namespace, Node, Pod, ReplicaSet, Secret } from '../../src/api/kinds.ts';
import type { OwnerReference } from '../../src/api/meta.ts';
import core from '../../src/modules/core/module.ts';
import garbageCollector from '../../src/modules/garbage-collector/module.ts';
import workloads from '../../src/modules/workloads/module.ts';
import type { Client } from '../../src/sdk/index.ts';
import { eventually, startWorld, type World } from './world.ts';

let client: Client;
let world: World;
const namespace = 'default';

beforeEach(async () => {
  world = await startWorld([core, workloads, garbageCollector]);
  client = world.client;
});

afterEach(() => world.stop());

const owned = (owner: ConfigMap, more: Partial<OwnerReference> = {}): OwnerReference[] => [{ apiVersion: 'v1', kind: 'ConfigMap', name: owner.metadata.name ?? '', uid: owner.metadata.uid ?? '', ...more }];
const map = (name: string, ownerReferences?: OwnerReference[], finalizers?: string[]): Promise<ConfigMap> =>
  client.create(ConfigMap, { metadata: { name, namespace, ...(ownerReferences ? { ownerReferences } : {}), ...(finalizers ? { finalizers } : {}) } });
const isGone = (name: string, kind: Kind = ConfigMap): Promise<boolean> => client.get(kind, name, { namespace }).then(() => false, (error: unknown) => isApiError(error, 'NotFound'));
const count = async (kind: Kind): Promise<number> => (await client.list(kind, { namespace })).items.length;

function web(replicas: number): Deployment {
  return { metadata: { name: 'web', namespace }, spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web' }] } } } } as Deployment;
}

test('dependents go with their owner, through generations and kinds', async () => {
  const top = await map('top');
  const middle = await map('middle', owned(top));
  await client.create(Secret, { metadata: { name: 'leaf', namespace, ownerReferences: owned(middle) } });
  await map('free');
  await client.delete(ConfigMap, 'top', { namespace });
  await eventually('all are gone', async () => (await isGone('middle')) && (await isGone('leaf', Secret)));
  assert.equal(await isGone('free'), false);
});

test('an owner that never was takes its dependents along, another uid of its name too; a second owner keeps them', async () => {
  const owner = await map('owner');
  await map('lost', [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'nobody', uid: 'none' }]);
  await map('mistaken', owned(owner, { uid: 'another' }));
  await map('kept', [...owned(owner), { apiVersion: 'v1', kind: 'ConfigMap', name: 'nobody', uid: 'none' }]);
  await map('foreign', [{ apiVersion: 'example.com/v1', kind: 'Unserved', name: 'x', uid: 'y' }]);
  await eventually('both are gone', async () => (await isGone('lost')) && (await isGone('mistaken')));
  await eventually('the absent owner is struck out', async () => (await client.get(ConfigMap, 'kept', { namespace })).metadata.ownerReferences?.length === 1);
  assert.equal(await isGone('foreign'), false, 'of a kind that nobody serves nothing can be told');
});

test('orphans stay', async () => {
  const owner = await map('owner');
  await map('child', owned(owner));
  await client.delete(ConfigMap, 'owner', { namespace, propagationPolicy: 'Orphan' });
  await eventually('the owner is gone', () => isGone('owner'));
  assert.equal((await client.get(ConfigMap, 'child', { namespace })).metadata.ownerReferences, undefined);
});

test('in the foreground the owner goes last', async () => {
  const owner = await map('owner');
  await map('blocker', owned(owner, { blockOwnerDeletion: true }), ['example.com/hold']);
  await map('other', owned(owner));
  await client.delete(ConfigMap, 'owner', { namespace, propagationPolicy: 'Foreground' });
  await eventually('the blocker is being deleted', async () => (await client.get(ConfigMap, 'blocker', { namespace })).metadata.deletionTimestamp !== undefined);
  assert.equal(await isGone('owner'), false);
  await client.patch(ConfigMap, 'blocker', { type: 'merge', body: { metadata: { finalizers: null } } }, { namespace });
  await eventually('all are gone', async () => (await isGone('blocker')) && (await isGone('owner')) && (await isGone('other')));
});

test('a deployment takes its replica set and pods along, or leaves them for the next one', async () => {
  await client.create(Deployment, web(3));
  await eventually('3 pods', async () => (await count(Pod)) === 3);
  const before = (await client.list(Pod, { namespace })).items.map((each) => each.metadata.uid).sort();
  await client.delete(Deployment, 'web', { namespace, propagationPolicy: 'Orphan' });
  await eventually('the deployment is gone', () => isGone('web', Deployment));
  assert.equal((await client.list(ReplicaSet, { namespace })).items[0]?.metadata.ownerReferences, undefined);
  await client.create(Deployment, web(3));
  await eventually('it adopts what is there', async () => (await client.list(ReplicaSet, { namespace })).items[0]?.metadata.ownerReferences?.length === 1);
  assert.deepEqual((await client.list(Pod, { namespace })).items.map((each) => each.metadata.uid).sort(), before, 'the same pods');
  await client.delete(Deployment, 'web', { namespace });
  await eventually('nothing is left', async () => (await count(ReplicaSet)) + (await count(Pod)) === 0);
});

test('an object in a namespace is no owner of one that is cluster-wide', async () => {
  const owner = await map('owner');
  await client.create(Node, { metadata: { name: 'n1', ownerReferences: owned(owner) } } as Node);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal((await client.get(Node, 'n1')).metadata.name, 'n1');
});

test('an object of another namespace is no owner: its dependents go, with an event that says why', async () => {
  await client.create(Namespace, { metadata: { name: 'elsewhere' } });
  const owner = await client.create(ConfigMap, { metadata: { name: 'owner', namespace: 'elsewhere' } });
  await map('strayed', owned(owner));
  await eventually('it is gone', () => isGone('strayed'));
  assert.equal((await client.get(ConfigMap, 'owner', { namespace: 'elsewhere' })).metadata.name, 'owner');
  await eventually('an event says why', async () => (await client.list(Event, { namespace })).items.some(({ reason, message }) => reason === 'OwnerRefInvalidNamespace' && /name: owner, .*does not exist in namespace "default"$/.test(message ?? '')));
});
