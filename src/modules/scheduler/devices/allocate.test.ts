import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AllocationResult, Device, DeviceClass, DeviceRequest, ResourceClaim, ResourceClaimSpec, ResourceSlice, ResourceSliceSpec } from '../../../api/generated/resource-v1.ts';
import { allocate, AllocationFailure, scoreOf } from './allocate.ts';
import { poolsOf } from './pools.ts';
import { takenBy } from './room.ts';

const GPU: DeviceClass = { metadata: { name: 'gpu' }, spec: { selectors: [{ cel: { expression: 'device.driver == "d"' } }], config: [{ opaque: { driver: 'd', parameters: { of: 'class' } } }] } };
const slice = (devices: Device[], more: Partial<ResourceSliceSpec> = {}): ResourceSlice => ({ metadata: { name: `s-${more.nodeName ?? 'n'}` }, spec: { driver: 'd', pool: { name: more.nodeName ?? 'n', generation: 1, resourceSliceCount: 1 }, nodeName: 'n', devices, ...more } });
const claim = (spec: ResourceClaimSpec['devices'], name = 'c'): ResourceClaim => ({ metadata: { name, namespace: 'default', uid: name }, spec: { devices: spec } });
const asking = (count: number, more: Partial<NonNullable<DeviceRequest['exactly']>> = {}, name = 'r'): DeviceRequest => ({ name, exactly: { deviceClassName: 'gpu', allocationMode: 'ExactCount', count, ...more } });
const wanting = (expression: string): { selectors: { cel: { expression: string } }[] } => ({ selectors: [{ cel: { expression } }] });

function given(slices: ResourceSlice[], claims: ResourceClaim[], { held = [], node = 'n', labels = {} }: { held?: AllocationResult[]; node?: string; labels?: Record<string, string> } = {}): string[] | undefined {
  const found = allocate({ node: { name: node, labels }, claims, pools: poolsOf(slices), taken: takenBy(held), classOf: (name) => (name === 'gpu' ? GPU : undefined) });
  return found === undefined ? undefined : claims.flatMap(({ metadata }) => found.get(metadata.uid!)!.devices!.results!.map(({ device }) => device));
}

const four: Device[] = [
  { name: 'a0', attributes: { model: { string: 'a' }, numa: { int: 0 } } }, { name: 'a1', attributes: { model: { string: 'a' }, numa: { int: 1 } } },
  { name: 'b0', attributes: { model: { string: 'b' }, numa: { int: 0 } }, capacity: { memory: { value: '80Gi' } } }, { name: 'b1', attributes: { model: { string: 'b' }, numa: { int: 1 } }, capacity: { memory: { value: '40Gi' } } },
];

describe('devices for claims', () => {
  it('are those that class and request select, in their order', () => {
    assert.deepEqual(given([slice(four)], [claim({ requests: [asking(2)] })]), ['a0', 'a1']);
    assert.deepEqual(given([slice(four)], [claim({ requests: [asking(1, wanting('device.attributes["d"].model == "b"'))] })]), ['b0']);
    assert.deepEqual(given([slice(four)], [claim({ requests: [asking(1, wanting('"memory" in device.capacity["d"] && device.capacity["d"].memory.compareTo(quantity("50Gi")) < 0'))] })]), ['b1']);
    assert.equal(given([slice(four)], [claim({ requests: [asking(5)] })]), undefined);
    assert.equal(given([slice(four)], [claim({ requests: [asking(1)] })], { node: 'other' }), undefined);
  });

  it('are nobody else\'s, but an administrator looks at all', () => {
    const held: AllocationResult[] = [{ devices: { results: [{ request: 'r', driver: 'd', pool: 'n', device: 'a0' }] } }];
    assert.deepEqual(given([slice(four)], [claim({ requests: [asking(1)] })], { held }), ['a1']);
    assert.deepEqual(given([slice(four)], [claim({ requests: [asking(1)] }, 'one'), claim({ requests: [asking(1)] }, 'two')], { held }), ['a1', 'b0']);
    assert.equal(given([slice(four)], [claim({ requests: [{ name: 'r', exactly: { deviceClassName: 'gpu', allocationMode: 'All' } }] })], { held }), undefined);
    assert.deepEqual(given([slice(four)], [claim({ requests: [{ name: 'r', exactly: { deviceClassName: 'gpu', allocationMode: 'All', adminAccess: true } }] })], { held }), ['a0', 'a1', 'b0', 'b1']);
  });

  it('have in common what they must, though the first choice leads nowhere', () => {
    const requests = [asking(1, {}, 'x'), asking(1, wanting('device.attributes["d"].model == "b" && device.attributes["d"].numa == 1'), 'y')];
    assert.deepEqual(given([slice(four)], [claim({ requests, constraints: [{ matchAttribute: 'd/numa' }] })]), ['a1', 'b1']);
    assert.deepEqual(given([slice(four)], [claim({ requests, constraints: [{ distinctAttribute: 'd/model' }, { requests: ['x', 'y'], distinctAttribute: 'd/numa' }] })]), ['a0', 'b1']);
    assert.equal(given([slice(four)], [claim({ requests, constraints: [{ matchAttribute: 'd/color' }] })]), undefined);
  });

  it('are the first of the alternatives that fits', () => {
    const firstAvailable = [{ name: 'many', deviceClassName: 'gpu', allocationMode: 'ExactCount' as const, count: 5 }, { name: 'two', deviceClassName: 'gpu', allocationMode: 'ExactCount' as const, count: 2 }];
    const found = allocate({ node: { name: 'n', labels: {} }, claims: [claim({ requests: [{ name: 'r', firstAvailable }], config: [{ requests: ['r/two'], opaque: { driver: 'd', parameters: { of: 'claim' } } }] })], pools: poolsOf([slice(four)]), taken: new Map(), classOf: () => GPU })!.get('c')!;
    assert.deepEqual(found.devices!.results!.map(({ request, device }) => [request, device]), [['r/two', 'a0'], ['r/two', 'a1']]);
    assert.deepEqual(found.devices!.config!.map(({ source, requests }) => [source, requests]), [['FromClass', ['r/two']], ['FromClaim', ['r/two']]]);
    assert.deepEqual(found.nodeSelector, { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n'] }] }] });
  });

  it('are of pools that are there in whole, of the newest generation', () => {
    const old = slice(four);
    const next: ResourceSlice = { metadata: { name: 'next' }, spec: { ...slice([{ name: 'c0' }]).spec, pool: { name: 'n', generation: 2, resourceSliceCount: 1 } } };
    assert.deepEqual(given([old, next], [claim({ requests: [asking(1)] })]), ['c0']);
    assert.equal(given([old, { ...next, spec: { ...next.spec, pool: { ...next.spec.pool, resourceSliceCount: 2 } } }], [claim({ requests: [asking(1)] })]), undefined);
  });

  it('are tainted only for those who bear it', () => {
    const devices: Device[] = [{ name: 'x', taints: [{ key: 'ill', effect: 'NoSchedule' }] }, { name: 'y', taints: [{ key: 'told', effect: 'None' }] }];
    assert.deepEqual(given([slice(devices)], [claim({ requests: [asking(1)] })]), ['y']);
    assert.deepEqual(given([slice(devices)], [claim({ requests: [asking(1, { tolerations: [{ key: 'ill', operator: 'Exists' }] })] })]), ['x']);
  });

  it('are reached by selector, by all, or one by one', () => {
    const term = { matchExpressions: [{ key: 'rack', operator: 'In' as const, values: ['1'] }] };
    const { nodeName: _none, ...spec } = slice([{ name: 'net' }]).spec;
    const reached = { metadata: { name: 's' }, spec: { ...spec, nodeSelector: { nodeSelectorTerms: [term] } } };
    assert.deepEqual(given([reached], [claim({ requests: [asking(1)] })], { node: 'm', labels: { rack: '1' } }), ['net']);
    assert.equal(given([reached], [claim({ requests: [asking(1)] })], { node: 'm', labels: { rack: '2' } }), undefined);
    const each = { metadata: { name: 's' }, spec: { ...spec, perDeviceNodeSelection: true, devices: [{ name: 'here', nodeName: 'n' }, { name: 'all', allNodes: true }] } };
    assert.deepEqual(given([each], [claim({ requests: [asking(1)] })], { node: 'm' }), ['all']);
  });

  it('are shared as far as their capacity goes, in the steps of its policy', () => {
    const shared: Device[] = [{ name: 'nic', allowMultipleAllocations: true, capacity: { bandwidth: { value: '10Gi', requestPolicy: { default: '1Gi', validRange: { min: '1Gi', step: '2Gi' } } } } }];
    const wants = (bandwidth: string, name: string): ResourceClaim => claim({ requests: [asking(1, { capacity: { requests: { bandwidth } } })] }, name);
    const found = allocate({ node: { name: 'n', labels: {} }, claims: [wants('4Gi', 'one'), wants('5Gi', 'two')], pools: poolsOf([slice(shared)]), taken: new Map(), classOf: () => GPU })!;
    assert.deepEqual([...found.values()].map(({ devices }) => devices!.results![0]!.consumedCapacity), [{ bandwidth: '5Gi' }, { bandwidth: '5Gi' }]);
    assert.equal(given([slice(shared)], [wants('1Gi', 'three')], { held: [...found.values()] }), undefined);
  });

  it('share the counters of their pool', () => {
    const uses = (name: string, memory: string): Device => ({ name, consumesCounters: [{ counterSet: 'card', counters: { memory: { value: memory } } }] });
    const counters = { metadata: { name: 'counters' }, spec: { ...slice([]).spec, devices: undefined, sharedCounters: [{ name: 'card', counters: { memory: { value: '40Gi' } } }], pool: { name: 'n', generation: 1, resourceSliceCount: 2 } } };
    const parts = slice([uses('whole', '40Gi'), uses('half0', '20Gi'), uses('half1', '20Gi')], { pool: { name: 'n', generation: 1, resourceSliceCount: 2 } });
    assert.deepEqual(given([counters, parts], [claim({ requests: [asking(2)] })]), ['half0', 'half1']);
    assert.deepEqual(given([counters, parts], [claim({ requests: [asking(1)] })]), ['whole']);
  });

  it('that have to be brought come after those that are there, with what is to be waited for, and bind to the node', () => {
    const far: Device = { name: 'far', bindsToNode: true, bindingConditions: ['Attached'], bindingFailureConditions: ['Broken'] };
    const { nodeName: _none, ...spec } = slice([far, { name: 'near' }]).spec;
    const everywhere: ResourceSlice = { metadata: { name: 's' }, spec: { ...spec, allNodes: true } };
    assert.deepEqual(given([everywhere], [claim({ requests: [asking(1)] })]), ['near']);
    const found = allocate({ node: { name: 'n', labels: {} }, claims: [claim({ requests: [asking(2)] })], pools: poolsOf([everywhere]), taken: new Map(), classOf: () => GPU })!.get('c')!;
    assert.deepEqual(found.devices!.results!.map(({ device, bindingConditions, bindingFailureConditions }) => [device, bindingConditions, bindingFailureConditions]), [['near', undefined, undefined], ['far', ['Attached'], ['Broken']]]);
    assert.deepEqual(found.nodeSelector, { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n'] }] }] });
    const near = allocate({ node: { name: 'n', labels: {} }, claims: [claim({ requests: [asking(1)] })], pools: poolsOf([everywhere]), taken: new Map(), classOf: () => GPU })!.get('c')!;
    assert.equal(near.nodeSelector, undefined);
  });

  it('make a node the better, the sooner the alternative comes that it has', () => {
    const either: DeviceRequest = { name: 'r', firstAvailable: [{ name: 'best', deviceClassName: 'gpu', ...wanting('device.attributes["d"].model == "a"') }, { name: 'other', deviceClassName: 'gpu' }] };
    const of = (devices: Device[]): number => {
      const claims = [claim({ requests: [either] })];
      return scoreOf(claims, allocate({ node: { name: 'n', labels: {} }, claims, pools: poolsOf([slice(devices)]), taken: new Map(), classOf: () => GPU })!);
    };
    assert.deepEqual([of(four), of(four.slice(2)), scoreOf([claim({ requests: [asking(1)] })], new Map())], [8, 7, 0]);
  });

  it('are refused in words where the claim is at fault', () => {
    assert.throws(() => given([slice(four)], [claim({ requests: [{ name: 'r', exactly: { deviceClassName: 'none', allocationMode: 'ExactCount', count: 1 } }] })]), new AllocationFailure('claim default/c: could not retrieve device class none: not found'));
    assert.throws(() => given([slice(four)], [claim({ requests: [asking(1, wanting('device.attributes["d"].colour == "red"'))] })]), /claim default\/c, request r: selector #0: runtime error: no such key: colour/);
  });
});
