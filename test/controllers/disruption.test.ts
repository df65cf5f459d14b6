import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { CustomResourceDefinition, Deployment, Pod, PodDisruptionBudget, ServiceAccount } from '../../src/api/kinds.ts';
import type { PodDisruptionBudgetSpec } from '../../src/api/generated/policy-v1.ts';
import type { Kind } from '../../src/api/kind.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { isApiError, type ApiError } from '../../src/api/errors.ts';
import type { Client } from '../../src/sdk/index.ts';
import core from '../../src/modules/core/module.ts';
import customResources from '../../src/modules/custom-resources/module.ts';
import disruption from '../../src/modules/disruption/module.ts';
import workloads from '../../src/modules/workloads/module.ts';
import type { Store } from '../../src/kernel/store/index.ts';
import { eventually, startWorld, type World } from './world.ts';

let client: Client;
let world: World;
const NS = { namespace: 'default' };

beforeEach(async () => {
  world = await startWorld([core, workloads, disruption]);
  client = world.client;
  await eventually('the namespace is ready for pods', async () => (await client.list(ServiceAccount, NS)).items.length > 0);
});

afterEach(() => world.stop());

const pods = async (): Promise<readonly Pod[]> => (await client.list(Pod, NS)).items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
const budget = (): Promise<PodDisruptionBudget> => client.get(PodDisruptionBudget, 'web', NS);

async function makePods(count: number, ready = count): Promise<void> {
  for (let index = 0; index < count; index++) {
    const pod = await client.create(Pod, { metadata: { name: `web-${index}`, ...NS, labels: { app: 'web' } }, spec: { nodeName: 'n1', terminationGracePeriodSeconds: 30, containers: [{ name: 'c', image: 'i' }] } } as Pod);
    const conditions = [{ type: 'Ready', status: index < ready ? 'True' : 'False', lastTransitionTime: new Date().toISOString() }];
    await client.update(Pod, { ...pod, status: { ...pod.status, phase: 'Running', conditions } } as Pod, { subresource: 'status' });
  }
}

async function makeBudget(spec: PodDisruptionBudgetSpec): Promise<void> {
  await client.create(PodDisruptionBudget, { metadata: { name: 'web', ...NS }, spec: { selector: { matchLabels: { app: 'web' } }, ...spec } });
  await eventually('it is counted', async () => (await budget()).status?.observedGeneration === 1);
}

const evict = (name: string, more: object = {}): Promise<unknown> => client.createSubresource(Pod, { ...NS, name }, 'eviction', { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, ...NS }, ...more } as KubeObject);

async function refusal(name: string): Promise<ApiError> {
  const error = await evict(name).then(() => undefined, (reason: unknown) => reason);
  assert.ok(isApiError(error), `evicting ${name} is refused`);
  return error;
}

test('evictions go as far as the budget allows, and not at the same time either', async () => {
  await makePods(5);
  await makeBudget({ minAvailable: 3 });
  await eventually('two may go', async () => (await budget()).status?.disruptionsAllowed === 2);
  const results = await Promise.allSettled(['web-0', 'web-1', 'web-2', 'web-3'].map((name) => evict(name)));
  assert.equal(results.filter((each) => each.status === 'fulfilled').length, 2, results.map((each) => (each.status === 'rejected' ? (each.reason as ApiError).details?.causes?.[0]?.message ?? String(each.reason) : 'evicted')).join('; '));
  const error = await refusal((await pods())[0]?.metadata.name ?? '');
  assert.deepEqual([error.code, error.message, error.details?.causes?.[0]?.reason], [429, "Cannot evict pod as it would violate the pod's disruption budget.", 'DisruptionBudget']);
  await eventually('none may go', async () => (await budget()).status?.disruptionsAllowed === 0 && (await budget()).status?.conditions?.[0]?.reason === 'InsufficientPods');
  assert.equal((await refusal((await pods())[0]?.metadata.name ?? '')).details?.causes?.[0]?.message, 'The disruption budget web needs 3 healthy pods and has 3 currently');
  const gone = (await client.list(Pod, NS)).items.find(({ metadata }) => metadata.deletionTimestamp !== undefined);
  assert.equal(gone?.status?.conditions?.find(({ type }) => type === 'DisruptionTarget')?.reason, 'EvictionByEvictionAPI');
});

test('pods that are not ready', async () => {
  await makePods(3, 2);
  await makeBudget({ minAvailable: 2 });
  await eventually('counted', async () => (await budget()).status?.currentHealthy === 2);
  await refusal('web-0');
  await evict('web-2');
  assert.equal((await pods()).length, 2);
});

test('a pod that is not ready is kept while too few are, but for AlwaysAllow', async () => {
  await makePods(2, 1);
  await makeBudget({ minAvailable: 2 });
  await refusal('web-1');
  await client.patch(PodDisruptionBudget, 'web', { type: 'merge', body: { spec: { unhealthyPodEvictionPolicy: 'AlwaysAllow' } } }, NS);
  await evict('web-1');
});

test('a pod that changes while it is evicted is judged anew', async () => {
  await world.stop();
  let meanwhile: (() => Promise<unknown>) | undefined;
  // Between what is noted on the pod and its deletion.
  const isNoted = (object: KubeObject): boolean => (object as Pod).status?.conditions?.some(({ type }) => type === 'DisruptionTarget') === true;
  const storing = (store: Store): Store => new Proxy(store, {
    get: (of, name) => (name !== 'update' ? Reflect.get(of, name) : async (...[key, object, options]: Parameters<Store['update']>) => {
      const stored = await of.update(key, object, options);
      const change = isNoted(stored.object) ? meanwhile : undefined;
      if (change !== undefined) meanwhile = undefined;
      await change?.();
      return stored;
    }),
  });
  world = await startWorld([core, workloads, disruption], { storing });
  client = world.client;
  await eventually('the namespace is ready for pods', async () => (await client.list(ServiceAccount, NS)).items.length > 0);
  await makePods(3, 1);
  await makeBudget({ minAvailable: 2, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
  meanwhile = () => client.patch(Pod, 'web-2', { type: 'merge', body: { metadata: { labels: { seen: 'true' } } } }, NS);
  await evict('web-2');
  assert.deepEqual((await pods()).map(({ metadata }) => metadata.name), ['web-0', 'web-1'], 'what is not ready may go all the same');
  meanwhile = async () => {
    const pod = await client.get(Pod, 'web-1', NS);
    const conditions = pod.status!.conditions!.map((each) => (each.type === 'Ready' ? { ...each, status: 'True' as const } : each));
    await client.update(Pod, { ...pod, status: { ...pod.status, conditions } }, { subresource: 'status' });
  };
  assert.deepEqual([(await refusal('web-1')).code, meanwhile, (await pods()).length], [429, undefined, 2], 'what is ready by then may not');
});

test('two budgets of one pod are an error; a dry run changes nothing', async () => {
  await makePods(2);
  await makeBudget({ minAvailable: 1 });
  await evict('web-0', { deleteOptions: { dryRun: ['All'] } });
  assert.equal((await pods()).length, 2);
  assert.equal((await budget()).status?.disruptedPods, undefined);
  await client.create(PodDisruptionBudget, { metadata: { name: 'second', ...NS }, spec: { maxUnavailable: 1, selector: {} } });
  await eventually('seen', async () => (await client.get(PodDisruptionBudget, 'second', NS)).status?.observedGeneration === 1);
  const error = await refusal('web-0');
  assert.deepEqual([error.code, error.message], [500, 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.']);
});

test('a share is of what the controllers want', async () => {
  await client.create(Deployment, { metadata: { name: 'web', ...NS }, spec: { replicas: 5, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i:1' }] } } } } as Deployment);
  await eventually('five pods', async () => (await pods()).length === 5);
  await makeBudget({ maxUnavailable: '30%' });
  await eventually('counted', async () => (await budget()).status?.expectedPods === 5);
  assert.deepEqual([(await budget()).status?.desiredHealthy, (await budget()).status?.disruptionsAllowed], [3, 0]);
});

test('what no budget may be', async () => {
  const make = (spec: PodDisruptionBudgetSpec): Promise<unknown> => client.create(PodDisruptionBudget, { metadata: { name: 'bad', ...NS }, spec });
  await assert.rejects(make({ minAvailable: 1, maxUnavailable: 1 }), /minAvailable and maxUnavailable cannot be both set/);
  await assert.rejects(make({ minAvailable: '101%' }), /spec.minAvailable: Invalid value: "101%": must not be greater than 100%/);
});

test('the size of a controller of any kind is that of its scale', async () => {
  await world.stop();
  world = await startWorld([core, workloads, customResources, disruption]);
  client = world.client;
  await eventually('the namespace is ready for pods', async () => (await client.list(ServiceAccount, NS)).items.length > 0);
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { replicas: { type: 'integer' } } }, status: { type: 'object', properties: { replicas: { type: 'integer' } } } } } };
  for (const [kind, subresources] of [['Herd', { scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } }], ['Flock', {}]] as const) {
    await client.create(CustomResourceDefinition, {
      metadata: { name: `${kind.toLowerCase()}s.example.com` },
      spec: { group: 'example.com', scope: 'Namespaced', names: { kind, plural: `${kind.toLowerCase()}s`, singular: kind.toLowerCase() }, versions: [{ name: 'v1', served: true, storage: true, schema, subresources }] },
    } as CustomResourceDefinition);
  }
  const owned = async (kind: string): Promise<string> => {
    await eventually(`${kind} is served`, async () => world.door.kinds.find('example.com', kind) !== undefined);
    const { metadata } = await client.create(world.door.kinds.find('example.com', kind) as Kind, { apiVersion: 'example.com/v1', kind, metadata: { name: 'all', ...NS }, spec: { replicas: 10 } } as KubeObject);
    const ownerReferences = [{ apiVersion: 'example.com/v1', kind, name: 'all', uid: metadata.uid ?? '', controller: true }];
    const name = `${kind.toLowerCase()}-0`;
    await client.create(Pod, { metadata: { name, ...NS, labels: { of: kind }, ownerReferences }, spec: { containers: [{ name: 'c', image: 'i' }] } } as Pod);
    await client.create(PodDisruptionBudget, { metadata: { name, ...NS }, spec: { selector: { matchLabels: { of: kind } }, maxUnavailable: '30%' } });
    return name;
  };
  const herd = await owned('Herd');
  await eventually('ten are expected', async () => {
    const { status } = await client.get(PodDisruptionBudget, herd, NS);
    return status?.expectedPods === 10 && status.desiredHealthy === 7;
  });
  const flock = await owned('Flock');
  await eventually('it is said that there is no scale', async () => (await client.get(PodDisruptionBudget, flock, NS)).status?.conditions?.[0]?.message?.includes('flocks.example.com does not implement the scale subresource') === true);
});
