import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../generated/core-v1.ts';
import type { NetworkPolicy, NetworkPolicySpec } from '../generated/networking-v1.ts';
import { directionsOf, isolatedPods, judgedAddresses } from './isolation.ts';

const policy = (spec: NetworkPolicySpec, namespace = 'a'): NetworkPolicy => ({ metadata: { namespace, name: 'p' }, spec });
const pod = (namespace: string, app: string, ips: string[], more: Partial<Pod> = {}): Pod => ({ metadata: { namespace, name: app, labels: { app } }, spec: { containers: [{ name: 'c' }], ...more.spec }, status: { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })), phase: 'Running', ...more.status } }) as Pod;

const DIRECTIONS: [string, NetworkPolicySpec, string[]][] = [
  ['nothing said', {}, ['ingress']],
  ['egress rules', { egress: [{}] }, ['ingress', 'egress']],
  ['egress rules, and none of ingress by type', { policyTypes: ['Egress'], egress: [{}] }, ['egress']],
  ['empty egress rules', { egress: [] }, ['ingress']],
  ['both by type', { policyTypes: ['Egress', 'Ingress'] }, ['egress', 'ingress']],
];
for (const [what, spec, wanted] of DIRECTIONS) test(`directions of a policy: ${what}`, () => assert.deepEqual(directionsOf(policy(spec)), wanted));

test('who is isolated: pods of the namespace that the selector chooses, by all their addresses', () => {
  const pods = [pod('a', 'x', ['10.0.0.2', 'fd00::2']), pod('a', 'y', ['10.0.0.3']), pod('b', 'x', ['10.0.0.4'])];
  const { ingress, egress } = isolatedPods([policy({ podSelector: { matchLabels: { app: 'x' } } }), policy({ podSelector: {}, policyTypes: ['Egress'] }, 'b')], pods);
  assert.deepEqual([[...ingress], [...egress]], [['10.0.0.2', 'fd00::2'], ['10.0.0.4']]);
});

test('pods without an address of their own, and ended ones, have none', () => {
  assert.deepEqual(judgedAddresses(pod('a', 'x', ['10.0.0.2', 'fd00::2'])), ['10.0.0.2', 'fd00::2']);
  assert.deepEqual(judgedAddresses({ metadata: {}, status: { podIP: '10.0.0.2' } } as Pod), ['10.0.0.2']);
  assert.deepEqual(judgedAddresses({ metadata: {} } as Pod), []);
  assert.deepEqual(judgedAddresses(pod('a', 'x', ['10.0.0.2'], { spec: { hostNetwork: true } as Pod['spec'] })), []);
  for (const phase of ['Succeeded', 'Failed'] as const) assert.deepEqual(judgedAddresses(pod('a', 'x', ['10.0.0.2'], { status: { phase } as Pod['status'] })), []);
});
