import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { Deployment, Event, Node, Pod, ReplicaSet } from '../../src/api/kinds.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import type { Kind } from '../../src/api/kind.ts';
import type { Client } from '../../src/sdk/index.ts';
import core from '../../src/modules/core/module.ts';
import scheduler from '../../src/modules/scheduler/module.ts';
import workloads from '../../src/modules/workloads/module.ts';
import { eventually, startWorld, type World } from './world.ts';

let client: Client;
let world: World;

beforeEach(async () => {
  world = await startWorld([core, workloads, scheduler]);
  client = world.client;
  await client.create(Node, { metadata: { name: 'n1', labels: { 'kubernetes.io/hostname': 'n1' } }, spec: {} } as Node);
  const node = await client.get(Node, 'n1');
  await client.update(Node, { ...node, status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110' } } }, { subresource: 'status' });
});

afterEach(() => world.stop());

function web(replicas: number, image = 'web:1', cpu = '100m'): Deployment {
  return {
    metadata: { name: 'web', namespace: 'default' },
    spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image, resources: { requests: { cpu } } }] } } },
  } as Deployment;
}

const all = async <T extends KubeObject>(kind: Kind<T>): Promise<readonly T[]> => (await client.list(kind, { namespace: 'default' })).items;
const pods = (): Promise<readonly Pod[]> => all(Pod);

/** Plays the node: every bound pod becomes ready, every deleted one goes. */
async function playNode(by: Client = client): Promise<void> {
  for (const pod of await pods()) {
    if (pod.metadata.deletionTimestamp !== undefined) {
      await by.delete(Pod, pod.metadata.name ?? '', { namespace: 'default', gracePeriodSeconds: 0 }).catch(() => {});
      continue;
    }
    if (!pod.spec?.nodeName || pod.status?.phase === 'Running') continue;
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: new Date().toISOString() }];
    await by.update(Pod, { ...pod, status: { ...pod.status, phase: 'Running', conditions } }, { subresource: 'status' }).catch(() => {});
  }
}

async function settled(image: string, replicas: number): Promise<void> {
  await eventually(`${replicas} pods of ${image}`, async () => {
    await playNode();
    const status = (await client.get(Deployment, 'web', { namespace: 'default' })).status;
    const present = await pods();
    return present.length === replicas && present.every((each) => each.spec?.containers[0]?.image === image) && (status?.availableReplicas ?? 0) === replicas && (status?.updatedReplicas ?? 0) === replicas;
  });
}

test('from a deployment to bound pods, each exactly once', async () => {
  await client.create(Deployment, web(20));
  await eventually('20 bound pods', async () => (await pods()).filter((each) => each.spec?.nodeName === 'n1').length === 20);
  await settled('web:1', 20);
  await eventually('a Scheduled event', async () => (await all(Event)).some((each) => /^Successfully assigned default\/web-\w+-\w+ to n1$/.test(each.message ?? '')));
});

test('a rollout, a scale down and a rollback', async () => {
  await client.create(Deployment, web(4));
  await settled('web:1', 4);
  const change = async (update: (d: Deployment) => void): Promise<void> => {
    const copy = structuredClone(await client.get(Deployment, 'web', { namespace: 'default' }));
    update(copy);
    delete copy.metadata.resourceVersion; // the controller writes its status meanwhile
    await client.update(Deployment, copy);
  };
  await change((d) => void (d.spec!.template.spec!.containers[0]!.image = 'web:2'));
  await settled('web:2', 4);
  await change((d) => void (d.spec!.replicas = 1));
  await settled('web:2', 1);
  await change((d) => void (d.spec!.template.spec!.containers[0]!.image = 'web:1'));
  await settled('web:1', 1);
  assert.equal((await client.get(Deployment, 'web', { namespace: 'default' })).metadata.annotations?.['deployment.kubernetes.io/revision'], '3');
  assert.equal((await all(ReplicaSet)).length, 2);
  const versions = async (): Promise<(string | undefined)[]> => [...(await all(Deployment)), ...(await all(ReplicaSet)), ...(await all(Pod))].map(({ metadata }) => metadata.resourceVersion);
  let before: (string | undefined)[] = [];
  await eventually('a settled world is quiet', async () => {
    const last = before;
    await new Promise((resolve) => setTimeout(resolve, 300));
    before = await versions();
    return isDeepStrictEqual(before, last);
  });
});

test('what does not fit waits with the reason, and goes when there is room', async () => {
  await client.create(Deployment, web(2, 'web:1', '3'));
  await eventually('one waits', async () => (await pods()).some((each) => each.status?.conditions?.some((one) => one.type === 'PodScheduled' && one.reason === 'Unschedulable')));
  const waiting = (await pods()).find((each) => !each.spec?.nodeName)!;
  assert.equal(waiting.status?.conditions?.find((each) => each.type === 'PodScheduled')?.message, '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.');
  await client.create(Node, { metadata: { name: 'n2' }, spec: {} } as Node);
  await client.update(Node, { ...(await client.get(Node, 'n2')), status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110' } } }, { subresource: 'status' });
  await eventually('it goes to the new node', async () => (await pods()).some((each) => each.spec?.nodeName === 'n2'));
});

test('a deleted pod is replaced, an orphan adopted, a strayed one let go', async () => {
  await client.create(Deployment, web(2));
  await settled('web:1', 2);
  await client.delete(Pod, (await pods())[0]!.metadata.name ?? '', { namespace: 'default' });
  await settled('web:1', 2);
  const stray = (await pods()).find((each) => each.metadata.deletionTimestamp === undefined)!;
  await client.patch(Pod, stray.metadata.name ?? '', { type: 'merge', body: { metadata: { labels: { app: 'other' } } } }, { namespace: 'default' });
  await eventually('released and replaced', async () => {
    await playNode();
    const present = await pods();
    return present.length === 3 && present.some((each) => each.metadata.labels?.['app'] === 'other' && each.metadata.ownerReferences === undefined);
  });
});
