/** [sig-api-machinery] Garbage collector */
import assert from 'node:assert/strict';
import { TEST_IMAGE } from '../../fixtures/image.ts';
import { behaviour, create, get, gone, namespace, patch, podOf, remove, until, type Body } from '../cluster.ts';

const REPLICAS = 4;

function workload(name: string, replicas: number): { metadata: Body; template: Body; replicas: number; labels: Body } {
  const labels = { app: name };
  return { metadata: { name }, labels, replicas, template: { metadata: { labels }, spec: podOf('x').spec } };
}

function deploymentOf(name: string): Body {
  const { metadata, labels, template } = workload(name, 2);
  return { metadata, spec: { replicas: 2, selector: { matchLabels: labels }, template } };
}

function controllerOf(name: string, replicas = REPLICAS): Body {
  const { metadata, labels, template } = workload(name, replicas);
  return { metadata, spec: { replicas, selector: labels, template } };
}

async function withDeployment(run: (paths: { deployment: string; sets: string; pods: string }) => Promise<void>): Promise<void> {
  const space = await namespace();
  const apps = `/apis/apps/v1/namespaces/${space}`;
  await create(`${apps}/deployments`, deploymentOf('simple'));
  await until(`${apps}/replicasets`, ({ items }) => items.length === 1);
  const pods = `/api/v1/namespaces/${space}/pods`;
  await until(pods, ({ items }) => items.length === 2);
  await run({ deployment: `${apps}/deployments/simple`, sets: `${apps}/replicasets`, pods });
}

/** A replication controller with all its pods made. */
async function withController(space: string, name: string, replicas = REPLICAS): Promise<{ path: string; pods: string; uid: string }> {
  const controllers = `/api/v1/namespaces/${space}/replicationcontrollers`;
  const made = await create(controllers, controllerOf(name, replicas));
  const pods = `/api/v1/namespaces/${space}/pods?labelSelector=app%3D${name}`;
  await until(`${controllers}/${name}`, ({ status }) => status.replicas === replicas);
  await until(pods, ({ items }) => items.length === replicas);
  return { path: `${controllers}/${name}`, pods, uid: made.metadata.uid };
}

const options = (propagationPolicy: string): Body => ({ kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy });
const owned = ({ items }: Body): Body[] => items.filter((each: Body) => each.metadata.ownerReferences !== undefined);
const pause = (ms: number): Promise<void> => new Promise((settle) => setTimeout(settle, ms));

export function garbageCollector(): void {
  behaviour('Garbage collector should delete RS created by deployment when not orphaning', () => withDeployment(async ({ deployment, sets, pods }) => {
    await remove(deployment, options('Background'));
    await until(sets, ({ items }) => items.length === 0);
    await until(pods, ({ items }) => items.length === 0);
  }));

  behaviour('Garbage collector should orphan RS created by deployment when deleteOptions.PropagationPolicy is Orphan', () => withDeployment(async ({ deployment, sets, pods }) => {
    await remove(deployment, options('Orphan'));
    await gone(deployment);
    await pause(500);
    const left = (await get(sets)).items;
    assert.deepEqual([left.length, left[0].metadata.ownerReferences], [1, undefined]);
    assert.equal((await get(pods)).items.length, 2);
  }));

  behaviour('Garbage collector should delete pods created by rc when not orphaning', async () => {
    const { path, pods } = await withController(await namespace(), 'background', 2);
    await remove(path, options('Background'));
    await gone(path);
    await until(pods, ({ items }) => items.length === 0);
  });

  behaviour('Garbage collector should orphan pods created by rc if delete options say so', async () => {
    const { path, pods } = await withController(await namespace(), 'orphan');
    await remove(path, options('Orphan'));
    await gone(path);
    await pause(500);
    const left = await get(pods);
    assert.deepEqual([left.items.length, owned(left).length], [REPLICAS, 0]);
  });

  behaviour('Garbage collector should keep the rc around until all its pods are deleted if the deleteOptions says so', async () => {
    const { path, pods } = await withController(await namespace(), 'foreground');
    const held = (await get(pods)).items[0].metadata;
    await patch(`/api/v1/namespaces/${held.namespace}/pods/${held.name}`, { metadata: { finalizers: ['example.com/held'] } });
    await remove(path, options('Foreground'));
    await until(pods, ({ items }) => items.length === 1);
    const waiting = await get(path);
    assert.ok(waiting.metadata.deletionTimestamp !== undefined && waiting.metadata.finalizers.includes('foregroundDeletion'));
    await patch(`/api/v1/namespaces/${held.namespace}/pods/${held.name}`, { metadata: { finalizers: null } });
    await gone(path);
    assert.equal((await get(pods)).items.length, 0);
  });

  behaviour("Garbage collector should not delete dependents that have both valid owner and owner that's waiting for dependents to be deleted", async () => {
    const space = await namespace();
    const dying = await withController(space, 'dying');
    const staying = await create(`/api/v1/namespaces/${space}/replicationcontrollers`, controllerOf('staying', 0));
    const half = (await get(dying.pods)).items.slice(0, REPLICAS / 2) as Body[];
    const reference = { apiVersion: 'v1', kind: 'ReplicationController', name: 'staying', uid: staying.metadata.uid };
    for (const { metadata } of half) await patch(`/api/v1/namespaces/${space}/pods/${metadata.name}`, { metadata: { ownerReferences: [...metadata.ownerReferences, reference] } });
    await remove(dying.path, options('Foreground'));
    await gone(dying.path);
    const left = (await get(dying.pods)).items as Body[];
    assert.deepEqual(left.map((each) => each.metadata.name).toSorted(), half.map((each) => each.metadata.name).toSorted());
    for (const { metadata } of left) assert.deepEqual([metadata.deletionTimestamp, metadata.ownerReferences.map((each: Body) => each.name)], [undefined, ['staying']]);
  });

  behaviour('Garbage collector should not be blocked by dependency circle', async () => {
    const pods = `/api/v1/namespaces/${await namespace()}/pods`;
    const made: Body[] = [];
    for (const name of ['pod1', 'pod2', 'pod3']) made.push(await create(pods, podOf(name, { spec: { nodeName: 'none' }, container: { image: TEST_IMAGE } })));
    for (const [index, { metadata }] of made.entries()) {
      const owner = made[(index + 2) % 3].metadata;
      await patch(`${pods}/${metadata.name}`, { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: owner.name, uid: owner.uid, controller: true, blockOwnerDeletion: true }] } });
    }
    await remove(`${pods}/pod1`, options('Foreground'));
    await until(pods, ({ items }) => items.length === 0);
  });
}
