/** Writes to the status of pods and nodes: what they may not say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Node, Pod } from '../kinds.ts';

type Status = NonNullable<Pod['status']>;

const ended = (exitCode: number): object => ({ name: 'c', state: { terminated: { exitCode } } });
const running = { name: 'c', state: { running: {} } };

function podWith(status: object, { restartPolicy = 'Never', container = {} }: { restartPolicy?: string; container?: object } = {}): Pod {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'default' }, spec: { restartPolicy, containers: [{ name: 'c', image: 'x', ...container }] }, status: status as Status } as Pod;
}

function complaints(now: object, before: object, how?: Parameters<typeof podWith>[1]): string[] {
  return Pod.rules.validateStatus!(podWith(now, how), podWith(before, how)).map(({ field, message }) => `${field}: ${message}`);
}

test('containers that have ended for good stay so', () => {
  const stays = ['status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state'];
  const change = (exitCode: number, how?: Parameters<typeof podWith>[1]): string[] => complaints({ containerStatuses: [running] }, { containerStatuses: [ended(exitCode)] }, how);
  assert.deepEqual(change(0), stays);
  assert.deepEqual(change(1), stays);
  assert.deepEqual(change(0, { restartPolicy: 'OnFailure' }), stays);
  assert.deepEqual(change(1, { restartPolicy: 'OnFailure' }), []);
  assert.deepEqual(change(0, { restartPolicy: 'Always' }), []);
  assert.deepEqual(change(0, { container: { restartPolicy: 'Always' } }), []);
  assert.deepEqual(complaints({ containerStatuses: [ended(0)] }, { containerStatuses: [running] }), []);
  assert.deepEqual(complaints({ ephemeralContainerStatuses: [running] }, { ephemeralContainerStatuses: [ended(0)] }, { restartPolicy: 'Always' }), ['status.ephemeralContainerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state']);
});

test('addresses, names and conditions of a pod', () => {
  const cases: [object, object, string[]][] = [
    [{ podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] }, {}, []],
    [{ podIPs: [{ ip: 'x' }] }, {}, ['status.podIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']],
    [{ podIPs: [{ ip: 'x' }] }, { podIPs: [{ ip: 'x' }] }, []],
    [{ podIPs: [{ ip: '010.0.0.1' }] }, {}, ['status.podIPs[0]: Invalid value: "010.0.0.1": must not have leading 0s']],
    [{ hostIPs: [{ ip: '::ffff:10.0.0.1' }] }, {}, ['status.hostIPs[0]: Invalid value: "::ffff:10.0.0.1": must not be an IPv4-mapped IPv6 address']],
    [{ hostIPs: [{ ip: '::ffff:10.0.0.1' }] }, { hostIPs: [{ ip: '::ffff:10.0.0.1' }] }, []],
    [{ podIPs: [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }] }, {}, ['status.podIPs: Invalid value: [{"ip":"10.0.0.1"},{"ip":"10.0.0.2"}]: may specify no more than one IP for each IP family']],
    [{ conditions: [{ type: 'Ready', status: 'True' }, { type: 'example.com/ready', status: 'True' }] }, {}, []],
    [{ qosClass: 'Burstable' }, { qosClass: 'BestEffort' }, ['status.qosClass: Invalid value: "Burstable": field is immutable']],
    [{ resourceClaimStatuses: [{ name: 'a', resourceClaimName: 'b' }] }, {}, ['status.resourceClaimStatuses[0].name: Invalid value: "a": must match the name of an entry in `spec.resourceClaims`']],
  ];
  for (const [now, before, expected] of cases) assert.deepEqual(complaints(now, before), expected, JSON.stringify(now));
  assert.match(complaints({ nominatedNodeName: 'A' }, {})[0] ?? '', /^status.nominatedNodeName: Invalid value: "A"/);
  assert.match(complaints({ conditions: [{ type: 'a b', status: 'True' }] }, {})[0] ?? '', /^metadata.conditions\[0\].Type: Invalid value: "a b"/);
});

test('who writes a status without the quality of service leaves it as it is', () => {
  const pod = podWith({ phase: 'Running' });
  Pod.rules.prepareForStatusUpdate!(pod, podWith({ qosClass: 'Burstable' }));
  assert.deepEqual(pod.status, { phase: 'Running', qosClass: 'Burstable' });
});

test('the address of a pod and the list of them agree, the address is believed', () => {
  const cases: [NonNullable<Pod['status']>, [string | undefined, string[] | undefined]][] = [
    [{ podIP: '10.0.0.1' }, ['10.0.0.1', ['10.0.0.1']]],
    [{ podIP: '10.0.0.9', podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] }, ['10.0.0.9', ['10.0.0.9']]],
    [{ podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] }, ['10.0.0.1', ['10.0.0.1', 'fd00::1']]],
    [{ podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] }, ['10.0.0.1', ['10.0.0.1', 'fd00::1']]],
    [{ podIP: '', podIPs: [] }, ['', []]],
    [{}, [undefined, undefined]],
  ];
  for (const [sent, expected] of cases) {
    const pod = podWith(sent);
    Pod.rules.prepareForStatusUpdate!(pod, podWith({}));
    assert.deepEqual([pod.status?.podIP, pod.status?.podIPs?.map(({ ip }) => ip)], expected, JSON.stringify(sent));
  }
});

test('amounts and addresses of a node', () => {
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, status: { capacity: { cpu: '2', pods: '110' }, allocatable: { memory: '-1' }, addresses: [{ type: 'Hostname', address: 'n' }, { type: 'InternalIP', address: 'n' }, { type: 'Hostname', address: 'n' }] } } as Node;
  assert.deepEqual(Node.rules.validateStatus!(node, node).map(({ field, message }) => `${field}: ${message}`), [
    'status.allocatable.memory: Invalid value: "-1": must be greater than or equal to 0', 'status.addresses[2]: Duplicate value: {"type":"Hostname","address":"n"}',
  ]);
});
