import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EndpointSlice } from '../../api/discovery/endpoint-slice.ts';
import type { Gateway } from '../../api/gateway/kinds.ts';
import type { Service } from '../../api/generated/core-v1.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { Client } from '../../sdk/client.ts';
import { memoryCache } from '../../sdk/testing/memory-cache.ts';
import { ensureGatewayService } from './addresses.ts';

const fieldsOf = (words: Readonly<Record<string, string>> = {}): object => Object.fromEntries(Object.keys(words).map((key) => [`f:${key}`, {}]));

test('slices that are there as they are wanted are not applied again, whatever their weight', async () => {
  const [services, slices, applied] = [memoryCache<Service>(), memoryCache<EndpointSlice>(), [] as string[]];
  slices.addIndex('gateway-service', ({ metadata }) => [`${metadata.namespace}/${metadata.labels?.['kubernetes.io/service-name']}`]);
  const client = {
    async apply(kind: Kind, object: KubeObject) {
      const { labels, annotations, name } = object.metadata;
      applied.push(`${object.kind} ${name}`);
      const fieldsV1 = { 'f:metadata': { 'f:labels': fieldsOf(labels), 'f:annotations': fieldsOf(annotations) } };
      const stored = { ...object, metadata: { ...object.metadata, managedFields: [{ manager: 'llmos', operation: 'Apply', fieldsV1 }] } };
      if (kind === EndpointSlice as Kind) slices.set(stored as unknown as EndpointSlice);
      else services.set(stored as Service);
    },
    async delete(_kind: Kind, name: string) {
      applied.push(`delete ${name}`);
      slices.remove(`shop/${name}`);
    },
  } as unknown as Client;
  const backend = (name: string, address: string): void => slices.set({ metadata: { name, namespace: 'shop', labels: { 'kubernetes.io/service-name': name } }, addressType: 'IPv4', endpoints: [{ addresses: [address] }], ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] } as unknown as EndpointSlice);
  backend('light', '10.61.0.2');
  backend('heavy', '10.61.0.3');
  const gateway = { metadata: { name: 'edge', namespace: 'shop', uid: 'u' }, spec: { gatewayClassName: 'llmos', listeners: [] } } as unknown as Gateway;
  const ensure = async (heavy: number): Promise<string[]> => {
    applied.length = 0;
    const targets = [{ weight: 1, backend: { serviceKey: 'shop/light', portName: 'dns' } }, { weight: heavy, backend: { serviceKey: 'shop/heavy', portName: 'dns' } }];
    await ensureGatewayService({ client, services, slices, gatewayIps: ['10.61.0.1'], place: () => ({ nodeName: 'n1' }) }, gateway, [], [{ owner: 'shop/edge', port: 53, targets }]);
    return [...applied];
  };
  assert.deepEqual(await ensure(3), ['Service edge-llmos', 'EndpointSlice edge-llmos-u53-53-1', 'EndpointSlice edge-llmos-u53-53-3']);
  assert.equal(slices.get('shop/edge-llmos-u53-53-3')?.metadata.annotations?.['llmos.dev/weight'], '3');
  assert.deepEqual(await ensure(3), []);
  assert.deepEqual(await ensure(2), ['EndpointSlice edge-llmos-u53-53-2', 'delete edge-llmos-u53-53-3']);
  assert.deepEqual(await ensure(2), []);
});
