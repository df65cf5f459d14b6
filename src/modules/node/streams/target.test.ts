import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { checkAssigned, containerOf } from './target.ts';

const podOf = (spec: object, annotations: Record<string, string> = {}): Pod => ({ metadata: { name: 'p', annotations }, spec }) as unknown as Pod;

test('a pod that no node has yet is refused', () => {
  assert.throws(() => checkAssigned(podOf({ containers: [] })), /^ApiError: pod p does not have a host assigned$/);
  assert.throws(() => checkAssigned(podOf({ nodeName: '', containers: [] })), { code: 400 });
  checkAssigned(podOf({ nodeName: 'n1', containers: [] }));
});

test('the container that is meant', () => {
  const pod = (annotations?: Record<string, string>): Pod => podOf({ containers: [{ name: 'a' }, { name: 'b' }], initContainers: [{ name: 'i' }] }, annotations);
  assert.equal(containerOf(pod(), 'i'), 'i');
  assert.equal(containerOf(pod({ 'kubectl.kubernetes.io/default-container': 'b' }), undefined), 'b');
  assert.throws(() => containerOf(pod(), 'z'), /container z is not valid for pod p$/);
  assert.throws(() => containerOf(pod(), undefined), /a container name must be specified for pod p, choose one of: \[a b\] or one of the init containers: \[i\]$/);
});
