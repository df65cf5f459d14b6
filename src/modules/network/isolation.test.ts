import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { NetworkPolicy } from '../../api/generated/networking-v1.ts';
import { memoryCache } from '../../sdk/testing/memory-cache.ts';
import { confinedClients, followIsolation, isolatedEndpoints } from './isolation.ts';
import { createTellings } from './tellings.ts';

const pod = (name: string, ip: string, phase = 'Running', annotations: Record<string, string> = {}): Pod => ({ metadata: { name, namespace: 'a', labels: { app: name }, annotations }, status: { podIP: ip, phase } }) as Pod;
const policy = (app: string, type: 'Ingress' | 'Egress'): NetworkPolicy => ({ metadata: { name: `${app}-${type}`, namespace: 'a' }, spec: { podSelector: { matchLabels: { app } }, policyTypes: [type] } });

test('who is isolated is followed, and is the same object as long as nobody else is', () => {
  const [networkPolicies, pods] = [memoryCache<NetworkPolicy>(), memoryCache<Pod>()];
  let changes = 0;
  const isolation = followIsolation({ networkPolicies, pods }, () => void (changes += 1));
  const nobody = isolation.now();
  pods.set(pod('x', '10.0.0.2'));
  assert.deepEqual([isolation.now() === nobody, changes], [true, 0], 'without policies pods are not looked at');
  networkPolicies.set(policy('x', 'Ingress'));
  const first = isolation.now();
  assert.deepEqual([[...first.ingress], changes], [['10.0.0.2'], 1]);
  pods.set(pod('x', '10.0.0.2', 'Running', { note: 'new' }));
  assert.equal(changes, 1, 'what does not matter is passed over');
  pods.set(pod('y', '10.0.0.3'));
  assert.deepEqual([changes, isolation.now() === first], [2, true]);
  networkPolicies.set(policy('y', 'Egress'));
  assert.deepEqual([...isolation.now().egress], ['10.0.0.3']);
  pods.set(pod('y', '10.0.0.3', 'Succeeded'));
  assert.deepEqual([...isolation.now().egress], []);
  isolation.stop();
  networkPolicies.remove('a/x-Ingress');
  assert.equal(changes, 4);
});

test('endpoints count whether they are ready or not, clients by family', () => {
  const slices = [{ endpoints: [{ addresses: ['10.0.0.2'], conditions: { ready: false } }, { addresses: ['10.0.0.9'] }] }, { endpoints: [{ addresses: ['fd00::2'] }] }] as EndpointSlice[];
  const isolated = { ingress: new Set(['10.0.0.2', 'fd00::2']), egress: new Set(['10.0.0.3', 'fd00::3']) };
  assert.deepEqual(isolatedEndpoints(slices, isolated), ['10.0.0.2', 'fd00::2']);
  assert.deepEqual(isolatedEndpoints(slices, { ...isolated, ingress: new Set() }), []);
  assert.deepEqual([...confinedClients(isolated, 'ip').elements.get('confined')!.keys()], ['10.0.0.3']);
  assert.deepEqual([...confinedClients(isolated, 'ip6').elements.get('confined')!.keys()], ['fd00::3']);
});

test('a Service is told once that the kernel shares it, and once that it is over', () => {
  const events: string[] = [];
  const tellings = createTellings({ event: (_about, type, reason, message) => void events.push(`${type} ${reason} ${message.slice(0, 70)}`) });
  const service: Service = { metadata: { name: 's', namespace: 'a' } };
  for (const endpoints of [[], ['10.0.0.2'], ['10.0.0.2', '10.0.0.3'], [], []]) tellings.isolated(service, 'a/s', endpoints);
  assert.deepEqual(events.map((each) => each.split(' ').slice(0, 2).join(' ')), ['Warning SharedByKernel', 'Normal SharedByProxy']);
  assert.match(events[0]!, /isolate endpoints \(10\.0\.0\.2\)/);
});
