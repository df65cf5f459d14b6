import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import type { Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { healthPortOf, startHealthChecks } from './health-checks.ts';
import { eventually } from '../../sdk/testing/eventually.ts';
import { memoryCache } from '../../sdk/testing/memory-cache.ts';
import { indexSlices } from './service-index.ts';

const slice = (nodeName: string, ready: boolean): EndpointSlice => ({
  metadata: { name: 'web-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } }, addressType: 'IPv4' as EndpointSlice['addressType'],
  endpoints: [{ addresses: ['10.0.0.2'], nodeName, conditions: { ready } }],
});

test('it says how many endpoints this machine has, and is gone with the service', async () => {
  const probe = createServer().listen(0);
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  const services = memoryCache<Service>();
  const slices = memoryCache<EndpointSlice>();
  indexSlices(slices);
  const stop = new AbortController();
  let isHealthy = true;
  startHealthChecks({ services, slices, nodeName: 'n1', nodePortAddresses: ['127.0.0.0/24'], isHealthy: () => isHealthy, log: silentLog, signal: stop.signal });
  const service: Service = { metadata: { name: 'web', namespace: 'shop' }, spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: port } };
  services.set(service);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const ask = async (address = '127.0.0.1'): Promise<[number, unknown]> => {
    const answer = await fetch(`http://${address}:${port}/healthz`);
    return [answer.status, await answer.json()];
  };
  const said = (localEndpoints: number): unknown => ({ service: { namespace: 'shop', name: 'web' }, localEndpoints, serviceProxyHealthy: true });
  assert.deepEqual(await ask(), [503, said(0)]);
  await assert.rejects(ask('127.1.2.3'), 'not on the machine\'s other addresses');
  slices.set(slice('n1', true));
  assert.deepEqual(await ask(), [200, said(1)]);
  const [six] = [slice('n1', true)].map((each): EndpointSlice => ({ ...each, metadata: { ...each.metadata, name: 'web-6' }, addressType: 'IPv6' as EndpointSlice['addressType'], endpoints: [{ addresses: ['fd00::2'], nodeName: 'n1' }, { addresses: ['fd00::3'], nodeName: 'n1' }] }));
  slices.set(six!);
  assert.deepEqual(await ask(), [200, said(1)], 'a pod with an address of each family is one');
  slices.set({ ...six!, endpoints: [] });
  isHealthy = false;
  assert.deepEqual(await ask(), [503, { ...(said(1) as object), serviceProxyHealthy: false }]);
  isHealthy = true;
  slices.set(slice('n1', false));
  assert.deepEqual(await ask(), [503, said(0)]);
  slices.set(slice('n2', true));
  assert.deepEqual(await ask(), [503, said(0)]);
  services.set({ ...service, spec: { ...service.spec, externalTrafficPolicy: 'Cluster' } });
  await assert.rejects(ask());
  assert.equal(healthPortOf({ metadata: {}, spec: { type: 'NodePort', externalTrafficPolicy: 'Local', healthCheckNodePort: 1 } }), undefined);
  assert.equal(healthPortOf({ ...service, metadata: { ...service.metadata, labels: { 'service.kubernetes.io/service-proxy-name': 'other' } } }), undefined, 'the other proxy answers there');
  stop.abort();
});

test('a port that somebody has is answered when it is free', async () => {
  const other = createServer().listen(0);
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const services = memoryCache<Service>();
  const slices = memoryCache<EndpointSlice>();
  indexSlices(slices);
  const stop = new AbortController();
  const [warnings, events]: [string[], string[]] = [[], []];
  startHealthChecks({ services, slices, nodeName: 'n1', retryMs: 20, events: { event: (about, type, reason, message) => void events.push(`${about.metadata.name} ${type} ${reason} ${message}`) }, log: { ...silentLog, warn: (text) => void warnings.push(text) }, signal: stop.signal });
  services.set({ metadata: { name: 'web', namespace: 'shop' }, spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: port } });
  slices.set(slice('n1', true));
  try {
    await eventually(async () => warnings.length === 1, { what: 'it says that the port is taken' });
    other.close();
    await once(other, 'close');
    const answer = await eventually(() => fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } }).catch(() => undefined), { what: 'it answers' });
    assert.equal(answer.status, 200);
    assert.equal(warnings.length, 1, 'told once');
    assert.match(events.join(), new RegExp(`^web Warning FailedToStartServiceHealthcheck node n1 failed to start healthcheck "shop/web" on port ${port}: listen EADDRINUSE[^,]*$`));
  } finally {
    stop.abort();
    other.close();
  }
});
