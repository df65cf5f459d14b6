import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { ControllerRevision, PersistentVolumeClaim, Pod, StatefulSet } from '../../src/api/kinds.ts';
import type { StatefulSetSpec } from '../../src/api/generated/apps-v1.ts';
import type { Client } from '../../src/sdk/index.ts';
import core from '../../src/modules/core/module.ts';
import garbageCollector from '../../src/modules/garbage-collector/module.ts';
import workloads from '../../src/modules/workloads/module.ts';
import { eventually, startWorld, type World } from './world.ts';

let client: Client;
let world: World;
const NS = { namespace: 'default' };

beforeEach(async () => {
  world = await startWorld([core, workloads, garbageCollector]);
  client = world.client;
});

afterEach(() => world.stop());

function db(spec: Partial<StatefulSetSpec> = {}): StatefulSet {
  const template = { metadata: { labels: { app: 'db' } }, spec: { terminationGracePeriodSeconds: 5, nodeName: 'n1', containers: [{ name: 'c', image: 'i:1' }] } };
  return { metadata: { name: 'db', ...NS }, spec: { serviceName: 'db', replicas: 3, selector: { matchLabels: { app: 'db' } }, template, ...spec } } as StatefulSet;
}

const set = (): Promise<StatefulSet> => client.get(StatefulSet, 'db', NS);
const pods = async (): Promise<Pod[]> => [...(await client.list(Pod, NS)).items].sort((left, right) => (left.metadata.name! < right.metadata.name! ? -1 : 1));
const claims = async (): Promise<string> => (await client.list(PersistentVolumeClaim, NS)).items.map(({ metadata }) => metadata.name).sort().join();
const shown = async (): Promise<string> => (await pods()).map(({ metadata, spec }) => `${metadata.name}=${spec?.containers[0]?.image}`).join();

async function playNode(isHealthy: (pod: Pod) => boolean = () => true): Promise<void> {
  for (const pod of await pods()) {
    if (pod.metadata.deletionTimestamp !== undefined) await client.delete(Pod, pod.metadata.name ?? '', { ...NS, gracePeriodSeconds: 0 }).catch(() => {});
    else if (pod.status?.phase === 'Pending' && isHealthy(pod)) {
      const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: new Date().toISOString() }];
      await client.update(Pod, { ...pod, status: { ...pod.status, phase: 'Running', conditions } }, { subresource: 'status' }).catch(() => {});
    }
  }
}

async function settled(wanted: string): Promise<void> {
  await eventually(wanted, async () => {
    await playNode();
    const count = wanted === '' ? 0 : wanted.split(',').length;
    return (await shown()) === wanted && ((await set()).status?.availableReplicas ?? 0) === count;
  });
}

const scale = (replicas: number): Promise<StatefulSet> => client.patch(StatefulSet, 'db', { type: 'merge', body: { spec: { replicas } } }, NS);
const useImage = (image: string): Promise<StatefulSet> => client.patch(StatefulSet, 'db', { type: 'strategic', body: { spec: { template: { spec: { containers: [{ name: 'c', image }] } } } } }, NS);

test('pods come one after the other, with their names, and go in reverse', async () => {
  await client.create(StatefulSet, db());
  await eventually('the first', async () => (await shown()) === 'db-0=i:1');
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(await shown(), 'db-0=i:1', 'the second waits for the first to be ready');
  await settled('db-0=i:1,db-1=i:1,db-2=i:1');
  const [first] = await pods();
  assert.deepEqual([first?.spec?.hostname, first?.spec?.subdomain, first?.metadata.labels?.['statefulset.kubernetes.io/pod-name'], first?.metadata.labels?.['apps.kubernetes.io/pod-index']], ['db-0', 'db', 'db-0', '0']);
  await scale(1);
  await eventually('the highest is deleted first', async () => (await pods()).some(({ metadata }) => metadata.name === 'db-2' && metadata.deletionTimestamp !== undefined));
  assert.equal((await pods()).find(({ metadata }) => metadata.name === 'db-1')?.metadata.deletionTimestamp, undefined);
  await settled('db-0=i:1');
  await client.patch(StatefulSet, 'db', { type: 'merge', body: { spec: { replicas: 2, ordinals: { start: 5 } } } }, NS);
  await settled('db-5=i:1,db-6=i:1');
});

test('a rollout goes from the highest down to the partition, and back', async () => {
  await client.create(StatefulSet, db({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } }));
  await settled('db-0=i:1,db-1=i:1,db-2=i:1');
  await useImage('i:2');
  await settled('db-0=i:1,db-1=i:2,db-2=i:2');
  const { status } = await set();
  assert.notEqual(status?.currentRevision, status?.updateRevision);
  assert.deepEqual([status?.currentReplicas, status?.updatedReplicas], [1, 2]);
  await client.delete(Pod, 'db-0', NS);
  await settled('db-0=i:1,db-1=i:2,db-2=i:2');
  await client.patch(StatefulSet, 'db', { type: 'merge', body: { spec: { updateStrategy: { rollingUpdate: { partition: 0 } } } } }, NS);
  await settled('db-0=i:2,db-1=i:2,db-2=i:2');
  await eventually('complete', async () => (await set()).status?.currentRevision === (await set()).status?.updateRevision);
  await useImage('i:1');
  await settled('db-0=i:1,db-1=i:1,db-2=i:1');
  const revisions = (await client.list(ControllerRevision, NS)).items;
  assert.deepEqual(revisions.map(({ revision }) => revision).sort(), [2, 3], 'the first revision became the newest');
});

test('parallel sets do not wait; OnDelete changes a pod when it is deleted', async () => {
  await client.create(StatefulSet, db({ podManagementPolicy: 'Parallel', updateStrategy: { type: 'OnDelete' } }));
  await eventually('all at once', async () => (await pods()).length === 3);
  await settled('db-0=i:1,db-1=i:1,db-2=i:1');
  await useImage('i:2');
  await client.delete(Pod, 'db-1', NS);
  await settled('db-0=i:1,db-1=i:2,db-2=i:1');
  await scale(0);
  await settled('');
});

test('claims are made for pods, stay when they go, and go when the policy says so', async () => {
  const volumeClaimTemplates = [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } }] as StatefulSetSpec['volumeClaimTemplates'];
  await client.create(StatefulSet, db({ replicas: 2, volumeClaimTemplates }));
  await settled('db-0=i:1,db-1=i:1');
  assert.equal(await claims(), 'data-db-0,data-db-1');
  assert.deepEqual((await pods())[1]?.spec?.volumes?.find(({ name }) => name === 'data')?.persistentVolumeClaim, { claimName: 'data-db-1' });
  await scale(1);
  await settled('db-0=i:1');
  assert.equal(await claims(), 'data-db-0,data-db-1');
  await scale(2);
  await settled('db-0=i:1,db-1=i:1');
  await client.patch(StatefulSet, 'db', { type: 'merge', body: { spec: { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Delete' } } } }, NS);
  await eventually('owned by the set', async () => (await client.list(PersistentVolumeClaim, NS)).items.every(({ metadata }) => metadata.ownerReferences?.[0]?.kind === 'StatefulSet'));
  await scale(1);
  await settled('db-0=i:1');
  await eventually('the claim goes with its pod', async () => (await claims()) === 'data-db-0');
  await client.delete(StatefulSet, 'db', NS);
  await eventually('all goes with the set', async () => {
    await playNode();
    return (await claims()) === '' && (await pods()).length === 0;
  });
});

test('an ended pod is made anew; what may not change is refused', async () => {
  await client.create(StatefulSet, db({ replicas: 1 }));
  await settled('db-0=i:1');
  const [pod] = await pods();
  await client.update(Pod, { ...pod!, status: { ...pod!.status, phase: 'Failed' } }, { subresource: 'status' });
  await eventually('another pod of that name', async () => {
    await playNode();
    return (await pods()).some(({ metadata }) => metadata.uid !== pod?.metadata.uid);
  });
  await assert.rejects(client.patch(StatefulSet, 'db', { type: 'merge', body: { spec: { serviceName: 'other' } } }, NS), /updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template'/);
});
