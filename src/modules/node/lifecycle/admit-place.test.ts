import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod, PodSpec } from '../../../api/generated/core-v1.ts';
import { misplaced } from './admit-place.ts';

const NODE: Node = { metadata: { name: 'n1', labels: { zone: 'a' } }, spec: { taints: [{ key: 'drain', effect: 'NoExecute' }, { key: 'busy', effect: 'NoSchedule' }] } };
const TOLERATED: Pick<PodSpec, 'tolerations'> = { tolerations: [{ key: 'drain', operator: 'Exists' }] };
const pod = (spec: Partial<PodSpec>, metadata: Pod['metadata'] = {}): Pod => ({ metadata, spec: { containers: [{ name: 'c' }], ...spec } as PodSpec });
const bound = (hostPort: number, more: object = {}): Pod => pod({ ...TOLERATED, containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort, ...more }] }] });

test('a pod is refused where it may not be, though it was bound there', () => {
  const mirror = { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'n' }], annotations: { 'kubernetes.io/config.mirror': '0123456789abcdef0123456789abcdef', 'kubernetes.io/config.source': 'file' } };
  const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'NotIn' as const, values: ['a'] }] }] } } };
  const sidecar = pod({ ...TOLERATED, initContainers: [{ name: 's', restartPolicy: 'Always', ports: [{ containerPort: 80, hostPort: 8080 }] }, { name: 'i', ports: [{ containerPort: 81, hostPort: 8081 }] }] } as Partial<PodSpec>);
  const table: [string, Pod, Pod[], string | undefined][] = [
    ['nothing asked', pod(TOLERATED), [], undefined],
    ['its labels', pod({ ...TOLERATED, nodeSelector: { zone: 'a' } }), [], undefined],
    ['other labels', pod({ ...TOLERATED, nodeSelector: { zone: 'b' } }), [], 'NodeAffinity'],
    ['required affinity', pod({ ...TOLERATED, affinity }), [], 'NodeAffinity'],
    ['a port that is free', bound(8080), [bound(8081)], undefined],
    ['a port that is taken', bound(8080), [bound(8080)], 'NodePorts'],
    ['of another protocol', bound(8080), [bound(8080, { protocol: 'UDP' })], undefined],
    ['on another address', bound(8080, { hostIP: '127.0.0.1' }), [bound(8080, { hostIP: '127.0.0.2' })], undefined],
    ['on every address', bound(8080, { hostIP: '127.0.0.1' }), [bound(8080, { hostIP: '0.0.0.0' })], 'NodePorts'],
    ['by a sidecar', bound(8080), [sidecar], 'NodePorts'],
    ['by an init container that ends', bound(8081), [sidecar], undefined],
    ['a taint that makes it leave', pod({}), [], 'TaintToleration'],
    ['a static pod', pod({}, mirror), [], undefined],
  ];
  for (const [why, of, others, reason] of table) assert.equal(misplaced(of, NODE, others)?.reason, reason, why);
  assert.equal(misplaced(pod({ nodeSelector: { zone: 'b' } }), NODE, [])?.message, "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector");
});
