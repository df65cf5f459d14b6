/** Devices that have to be brought to the node before their pod is bound: it waits, says where it will be, and looks anew where one cannot come. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Event, Node, Pod } from '../../src/api/kinds.ts';
import { podCondition } from '../../src/api/pod-readiness.ts';
import { DeviceClass } from '../../src/api/resource/device-class.ts';
import { ResourceClaim } from '../../src/api/resource/resource-claim.ts';
import { ResourceSlice } from '../../src/api/resource/resource-slice.ts';
import core from '../../src/modules/core/module.ts';
import dynamicResources from '../../src/modules/dynamic-resources/module.ts';
import scheduler from '../../src/modules/scheduler/module.ts';
import { eventually, startWorld, type World } from './world.ts';

const namespace = 'default';
let world: World;

beforeEach(async () => {
  world = await startWorld([core, dynamicResources, scheduler]);
  const { client } = world;
  const node = await client.create(Node, { metadata: { name: 'n1' }, spec: {} } as Node);
  await client.update(Node, { ...node, status: { allocatable: { cpu: '2', memory: '4Gi', pods: '10' } } }, { subresource: 'status' });
  await client.create(DeviceClass, { metadata: { name: 'fabric' }, spec: {} });
  const brought = { bindsToNode: true, bindingConditions: ['Attached'], bindingFailureConditions: ['Broken'] };
  await client.create(ResourceSlice, { metadata: { name: 'pool' }, spec: { driver: 'fabric.example.com', pool: { name: 'p', generation: 1, resourceSliceCount: 1 }, allNodes: true, devices: [{ name: 'one', ...brought }, { name: 'two', ...brought }] } });
  await client.create(ResourceClaim, { metadata: { name: 'c', namespace }, spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'fabric' } }] } } });
  await client.create(Pod, { metadata: { name: 'p', namespace }, spec: { containers: [{ name: 'c', image: 'web' }], resourceClaims: [{ name: 'c', resourceClaimName: 'c' }] } } as Pod);
});

afterEach(() => world.stop());

const pod = (): Promise<Pod> => world.client.get(Pod, 'p', { namespace });
const claim = (): Promise<ResourceClaim> => world.client.get(ResourceClaim, 'c', { namespace });
const given = async (): Promise<string | undefined> => (await claim()).status?.allocation?.devices?.results?.[0]?.device;

async function tell(type: string): Promise<void> {
  const now = await claim();
  const { driver, pool, device } = now.status!.allocation!.devices!.results![0]!;
  const condition = { type, status: 'True', reason: 'Said', message: 'so it is', lastTransitionTime: '2026-11-22T10:00:00Z' };
  await world.client.update(ResourceClaim, { ...now, status: { ...now.status, devices: [{ driver, pool, device, conditions: [condition] }] } } as ResourceClaim, { subresource: 'status' });
}

test('a pod waits for its device on the node where it will be', async () => {
  await eventually('expected', async () => (await pod()).status?.nominatedNodeName === 'n1' && (await given()) === 'one');
  const { status } = await claim();
  assert.deepEqual([status?.allocation?.devices?.results?.[0]?.bindingConditions, status?.allocation?.nodeSelector?.nodeSelectorTerms, status?.reservedFor?.map(({ name }) => name)], [['Attached'], [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }], ['p']]);
  await eventually('told', async () => (await world.client.list(Event, { namespace })).items.some(({ reason, message }) => reason === 'BindingConditionsPending' && message === 'waiting for binding conditions for device on node n1'));
  assert.equal((await pod()).spec?.nodeName, undefined);
  await tell('Attached');
  await eventually('bound', async () => (await pod()).spec?.nodeName === 'n1');
  assert.equal((await pod()).status?.nominatedNodeName, undefined);
});

test('a device that cannot come is given back, and the pod tries anew', async () => {
  await eventually('given', async () => (await given()) !== undefined && ((await claim()).status?.reservedFor ?? []).length === 1);
  const allocatedAt = (await claim()).status?.allocation?.allocationTimestamp;
  await tell('Broken');
  await eventually('the pod says why', async () => podCondition(await pod(), 'PodScheduled')?.message === 'claim c binding failed: reason=Said, message="so it is"');
  assert.equal(podCondition(await pod(), 'PodScheduled')?.reason, 'SchedulerError');
  await eventually(`given anew, after ${allocatedAt}`, async () => {
    const { status } = await claim();
    return status?.allocation !== undefined && status.devices === undefined;
  });
  await tell('Attached');
  await eventually('bound', async () => (await pod()).spec?.nodeName === 'n1');
});
