import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { ControllerRevision, DaemonSet, Node, Pod } from '../../src/api/kinds.ts';
import type { DaemonSetSpec } from '../../src/api/generated/apps-v1.ts';
import type { Client } from '../../src/sdk/index.ts';
import core from '../../src/modules/core/module.ts';
import scheduler from '../../src/modules/scheduler/module.ts';
import workloads from '../../src/modules/workloads/module.ts';
import { eventually, startWorld, type World } from './world.ts';

let client: Client;
let world: World;
const NS = { namespace: 'default' };

beforeEach(async () => {
  world = await startWorld([core, workloads, scheduler]);
  client = world.client;
  for (const name of ['n1', 'n2', 'n3']) await addNode(name);
});

afterEach(() => world.stop());

async function addNode(name: string): Promise<void> {
  const node = await client.create(Node, { metadata: { name, labels: { 'kubernetes.io/hostname': name } }, spec: {} } as Node);
  await client.update(Node, { ...node, status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110' } } }, { subresource: 'status' });
}

function agent(spec: Partial<DaemonSetSpec> = {}): DaemonSet {
  return { metadata: { name: 'agent', ...NS }, spec: { selector: { matchLabels: { app: 'agent' } }, template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'c', image: 'i:1' }] } }, ...spec } } as DaemonSet;
}

const set = (): Promise<DaemonSet> => client.get(DaemonSet, 'agent', NS);
const pods = async (): Promise<readonly Pod[]> => (await client.list(Pod, NS)).items;
const imageOf = ({ spec }: Pod): string | undefined => spec?.containers[0]?.image;

async function playNode(): Promise<void> {
  for (const pod of await pods()) {
    if (pod.metadata.deletionTimestamp !== undefined) await client.delete(Pod, pod.metadata.name ?? '', { ...NS, gracePeriodSeconds: 0 }).catch(() => {});
    else if (pod.spec?.nodeName && pod.status?.phase === 'Pending') {
      const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: new Date().toISOString() }];
      await client.update(Pod, { ...pod, status: { ...pod.status, phase: 'Running', conditions } }, { subresource: 'status' }).catch(() => {});
    }
  }
}

async function settled(nodes: string[], image = 'i:1'): Promise<void> {
  await eventually(`${image} on ${nodes.join()}`, async () => {
    await playNode();
    const { status } = await set();
    const present = await pods();
    return present.map((each) => each.spec?.nodeName).sort().join() === nodes.join() && present.every((each) => imageOf(each) === image)
      && status?.numberAvailable === nodes.length && status.updatedNumberScheduled === nodes.length && status.desiredNumberScheduled === nodes.length;
  });
}

test('a pod on each node, also on those that come, and none where it may not be', async () => {
  await client.create(DaemonSet, agent());
  await settled(['n1', 'n2', 'n3']);
  await addNode('n4');
  await settled(['n1', 'n2', 'n3', 'n4']);
  await client.patch(Node, 'n2', { type: 'merge', body: { spec: { taints: [{ key: 'k', effect: 'NoExecute' }] } } });
  await settled(['n1', 'n3', 'n4']);
  await client.patch(Node, 'n3', { type: 'merge', body: { spec: { unschedulable: true } } });
  const [victim] = (await pods()).filter((each) => each.spec?.nodeName === 'n3');
  await client.delete(Pod, victim?.metadata.name ?? '', NS);
  await settled(['n1', 'n3', 'n4']);
  await client.patch(DaemonSet, 'agent', { type: 'merge', body: { spec: { template: { spec: { nodeSelector: { 'kubernetes.io/hostname': 'n4' } } } } } }, NS);
  await settled(['n4']);
});

test('a template rolls out a node at a time, and back; only so many revisions are kept', async () => {
  await client.create(DaemonSet, agent({ revisionHistoryLimit: 1 }));
  await settled(['n1', 'n2', 'n3']);
  let mostMissing = 0;
  const stop = (async () => {
    for (const image of ['i:2', 'i:3', 'i:1']) {
      await client.patch(DaemonSet, 'agent', { type: 'strategic', body: { spec: { template: { spec: { containers: [{ name: 'c', image }] } } } } }, NS);
      await eventually(image, async () => {
        await playNode();
        mostMissing = Math.max(mostMissing, 3 - (await pods()).filter((each) => each.metadata.deletionTimestamp === undefined && each.status?.phase === 'Running').length);
        return (await set()).status?.updatedNumberScheduled === 3 && (await pods()).every((each) => imageOf(each) === image) && (await set()).status?.numberAvailable === 3;
      });
    }
  })();
  await stop;
  assert.ok(mostMissing <= 1, `${mostMissing} were missing at once`);
  await eventually('old revisions go', async () => (await client.list(ControllerRevision, NS)).items.length === 2);
  assert.equal((await set()).metadata.annotations?.['deprecated.daemonset.template.generation'], '4');
});

test('with maxSurge the new pod is there before the old one goes', async () => {
  await client.create(DaemonSet, agent({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } }));
  await settled(['n1', 'n2', 'n3']);
  await client.patch(DaemonSet, 'agent', { type: 'strategic', body: { spec: { template: { spec: { containers: [{ name: 'c', image: 'i:2' }] } } } } }, NS);
  let fewest = 9;
  await eventually('rolled out', async () => {
    await playNode();
    const present = await pods();
    fewest = Math.min(fewest, new Set(present.filter((each) => each.status?.phase === 'Running' && each.metadata.deletionTimestamp === undefined).map((each) => each.spec?.nodeName)).size);
    return present.length === 3 && present.every((each) => imageOf(each) === 'i:2' && each.status?.phase === 'Running');
  });
  assert.equal(fewest, 3);
});

test('OnDelete changes pods when they are deleted; failed ones are replaced', async () => {
  await client.create(DaemonSet, agent({ updateStrategy: { type: 'OnDelete' } }));
  await settled(['n1', 'n2', 'n3']);
  await client.patch(DaemonSet, 'agent', { type: 'strategic', body: { spec: { template: { spec: { containers: [{ name: 'c', image: 'i:2' }] } } } } }, NS);
  await eventually('it is seen', async () => (await set()).status?.observedGeneration === 2 && (await set()).status?.updatedNumberScheduled === undefined);
  const [first] = await pods();
  await client.update(Pod, { ...first!, status: { ...first!.status, phase: 'Failed' } }, { subresource: 'status' });
  await eventually('one is new', async () => {
    await playNode();
    return (await pods()).filter((each) => imageOf(each) === 'i:2').length === 1 && (await pods()).length === 3;
  });
});
