import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerPort, Pod } from '../../../api/generated/core-v1.ts';
import { hostPortScript, hostPortsOf, staleFlows } from './host-ports.ts';

const pod = (ports: ContainerPort[], hostNetwork = false): Pod => ({ metadata: {}, spec: { hostNetwork, containers: [{ name: 'a', ports }] } });

test('which ports of the machine a pod asks for', () => {
  assert.deepEqual(hostPortsOf(pod([{ containerPort: 80 }, { containerPort: 53, hostPort: 5353, protocol: 'UDP', hostIP: '127.0.0.1' }, { containerPort: 90, hostPort: 90, hostIP: '0.0.0.0' }, { containerPort: 91, hostPort: 91, hostIP: '::1' }])), [
    { protocol: 'udp', hostPort: 5353, hostIp: '127.0.0.1', containerPort: 53 }, { protocol: 'tcp', hostPort: 90, hostIp: '', containerPort: 90 },
  ]);
  assert.deepEqual(hostPortsOf(pod([{ containerPort: 80, hostPort: 80 }], true)), []);
});

test('one port leads to the first that asked', () => {
  const mapping = { protocol: 'tcp', hostPort: 80, hostIp: '', containerPort: 8080 } as const;
  const script = hostPortScript('t', [{ ip: '10.0.0.1', mappings: [mapping] }, { ip: '10.0.0.2', mappings: [mapping, { ...mapping, hostIp: '127.0.0.1' }] }]);
  assert.match(script, /elements = \{ tcp \. 80 : 10\.0\.0\.1 \. 8080 \}/);
  assert.match(script, /elements = \{ 127\.0\.0\.1 \. tcp \. 80 : 10\.0\.0\.2 \. 8080 \}/);
  assert.equal(hostPortScript('t', []), 'add table ip t\ndelete table ip t\n');
});

test('on a further node answers come back through it', () => {
  const held = [{ ip: '10.0.0.1', mappings: [{ protocol: 'tcp', hostPort: 80, hostIp: '', containerPort: 8080 } as const] }];
  assert.match(hostPortScript('t', held, { isFurther: true }), /ct status dnat fib saddr type != local meta l4proto \{ tcp, udp, sctp \} masquerade to :61000-65535\n +ct status dnat masquerade\n/);
  assert.doesNotMatch(hostPortScript('t', held), /ct status/);
});

test('flows of UDP that the rules would lead elsewhere now', () => {
  const udp = { protocol: 'udp', hostPort: 53, hostIp: '', containerPort: 5353 } as const;
  const [first, second] = [{ ip: '10.0.0.1', mappings: [udp, { ...udp, protocol: 'tcp' as const }] }, { ip: '10.0.0.2', mappings: [udp] }];
  const own = ['127.0.0.1', '192.0.2.1'];
  assert.deepEqual(staleFlows([], [first], own), ['127.0.0.1:53', '192.0.2.1:53'], 'the machine itself may have answered');
  assert.deepEqual(staleFlows([first], [second], own), ['10.0.0.1:5353']);
  assert.deepEqual(staleFlows([first], [], own), ['10.0.0.1:5353']);
  assert.deepEqual(staleFlows([], [{ ip: '10.0.0.3', mappings: [{ ...udp, hostIp: '192.0.2.1' }] }], own), ['192.0.2.1:53']);
  assert.deepEqual(staleFlows([first, second], [first, second], own), []);
});
