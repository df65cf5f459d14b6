/** [sig-node] [DRA] CRUD Tests: the objects of devices that drivers offer and pods claim. */
import { behaviour, namespace } from '../cluster.ts';
import { changesInEveryWay, type ResourceChanges } from '../resource-life.ts';

const [GROUP, VERSION] = ['resource.k8s.io', 'v1'];
const requests = [{ name: 'req-0', exactly: { deviceClassName: 'dra.example.com' } }];
const label = { metadata: { labels: { 'test.dra.example.com': 'test' } } };

export function devices(): void {
  const crud = (kind: string, namespaced: boolean, { spec, ...more }: Pick<ResourceChanges, 'plural' | 'change' | 'status'> & { spec: object }): void => behaviour(`[DRA] CRUD Tests ${GROUP}/${VERSION} ${kind}`, async () => changesInEveryWay({
    group: GROUP, version: VERSION, ...(namespaced ? { namespace: await namespace() } : {}), make: (name) => ({ apiVersion: `${GROUP}/${VERSION}`, kind, metadata: { name: `crud-${name}` }, spec }), ...more,
  }));
  crud('DeviceClass', false, { plural: 'deviceclasses', spec: { selectors: [{ cel: { expression: 'false' } }] }, change: { spec: { selectors: [{ cel: { expression: '1 == 0' } }] } } });
  crud('DeviceTaintRule', false, {
    plural: 'devicetaintrules', spec: { deviceSelector: { driver: 'dra.example.com' }, taint: { key: 'testing', effect: 'None' } }, change: { spec: { taint: { key: 'testing', value: 'changed', effect: 'None' } } },
    status: { conditions: [{ type: 'TestCondition', status: 'True', reason: 'TestReason', message: 'of a test', lastTransitionTime: '2026-01-01T00:00:00Z' }] },
  });
  crud('ResourceClaim', true, { plural: 'resourceclaims', spec: { devices: { requests } }, change: label, status: { allocation: {} } });
  crud('ResourceClaimTemplate', true, { plural: 'resourceclaimtemplates', spec: { spec: { devices: { requests } } }, change: label });
  crud('ResourceSlice', false, { plural: 'resourceslices', spec: { driver: 'dra.example.com', pool: { name: 'cluster', generation: 1, resourceSliceCount: 1 }, nodeName: 'no-such-node' }, change: { spec: { devices: [{ name: 'device-0' }] } } });
}
