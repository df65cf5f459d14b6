import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Deployment, Event, Node, Pod, ReplicaSet } from '../../src/api/kinds.ts';
import type { Client } from '../../src/sdk/index.ts';
import scheduler from '../../src/modules/scheduler/module.ts';
import workloads from '../../src/modules/workloads/module.ts';
import { memoryClient, type MemoryClient } from '../fixtures/memory-client.ts';
import { eventually, startWorld, type World } from './world.ts';

let client: MemoryClient;
let world: World;

beforeEach(async () => {
  client = memoryClient();
  world = await startWorld(client, [workloads, scheduler], []);
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

const pods = (): Pod[] => client.all(Pod) as Pod[];

/** Plays the node: every bound pod becomes ready, every deleted one goes. */
async function playNode(by: Client = client): Promise<void> {
  for (const pod of pods()) {
    if (!pod.spec?.nodeName || pod.status?.phase === 'Running') continue;
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: new Date().toISOString() }];
    await by.update(Pod, { ...pod, status: { ...pod.status, phase: 'Running', conditions } }, { subresource: 'status' }).catch(() => {});
  }
}

async function settled(image: string, replicas: number): Promise<void> {
  await eventually(`${replicas} pods of ${image}`, async () => {
    await playNode();
    const status = (await client.get(Deployment, 'web', { namespace: 'default' })).status;
    const all = pods();
    return all.length === replicas && all.every((each) => each.spec?.containers[0]?.image === image) && (status?.availableReplicas ?? 0) === replicas && (status?.updatedReplicas ?? 0) === replicas;
  });
}

test('from a deployment to bound pods, within milliseconds, and each exactly once', async () => {
  const startMs = performance.now();
  await client.create(Deployment, web(20));
  await eventually('20 bound pods', () => pods().filter((each) => each.spec?.nodeName === 'n1').length === 20);
  assert.ok(performance.now() - startMs < 1000);
  await settled('web:1', 20);
  assert.equal(client.writes.filter((each) => each.startsWith('create pods')).length, 20);
  await eventually('a Scheduled event', () => client.all(Event).some((each) => /^Successfully assigned default\/web-\w+-\w+ to n1$/.test((each as Event).message ?? '')));
});

test('a rollout, a scale down and a rollback', async () => {
  await client.create(Deployment, web(4));
  await settled('web:1', 4);
  const change = async (update: (d: Deployment) => void): Promise<void> => {
    const copy = structuredClone(await client.get(Deployment, 'web', { namespace: 'default' }));
    update(copy);
    await client.update(Deployment, copy);
  };
  await change((d) => void (d.spec!.template.spec!.containers[0]!.image = 'web:2'));
  await settled('web:2', 4);
  await change((d) => void (d.spec!.replicas = 1));
  await settled('web:2', 1);
  await change((d) => void (d.spec!.template.spec!.containers[0]!.image = 'web:1'));
  await settled('web:1', 1);
  assert.equal((await client.get(Deployment, 'web', { namespace: 'default' })).metadata.annotations?.['deployment.kubernetes.io/revision'], '3');
  assert.equal(client.all(ReplicaSet).length, 2);
  const before = client.writes.length;
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.deepEqual(client.writes.slice(before).filter((each) => !/events/.test(each)), [], 'a settled world is quiet');
});

test('what does not fit waits with the reason, and goes when there is room', async () => {
  await client.create(Deployment, web(2, 'web:1', '3'));
  await eventually('one waits', () => pods().some((each) => each.status?.conditions?.some((one) => one.type === 'PodScheduled' && one.reason === 'Unschedulable')));
  const waiting = pods().find((each) => !each.spec?.nodeName)!;
  assert.equal(waiting.status?.conditions?.find((each) => each.type === 'PodScheduled')?.message, '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.');
  await client.create(Node, { metadata: { name: 'n2' }, spec: {} } as Node);
  await client.update(Node, { ...(await client.get(Node, 'n2')), status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110' } } }, { subresource: 'status' });
  await eventually('it goes to the new node', () => pods().some((each) => each.spec?.nodeName === 'n2'), 3000);
});

test('a deleted pod is replaced, an orphan adopted, a strayed one let go', async () => {
  await client.create(Deployment, web(2));
  await settled('web:1', 2);
  await client.delete(Pod, pods()[0]!.metadata.name ?? '', { namespace: 'default' });
  await settled('web:1', 2);
  const stray = structuredClone(pods()[0]!);
  stray.metadata.labels = { app: 'other' };
  await client.update(Pod, stray);
  await eventually('released and replaced', () => pods().length === 3 && client.all(Pod).some((each) => each.metadata.labels?.['app'] === 'other' && each.metadata.ownerReferences === undefined));
});
