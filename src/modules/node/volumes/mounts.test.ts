import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mountsOf, propagationOf } from './mounts.ts';

test('mountinfo tells the paths, and which are shared', () => {
  const text = ['36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue', '40 35 0:22 / /var/my\\040volume rw shared:7 master:2 - tmpfs tmpfs rw', '41 35 0:23 / /plain rw - tmpfs shared:1 rw', ''].join('\n');
  assert.deepEqual(mountsOf(text), [{ path: '/mnt2', isShared: false }, { path: '/var/my volume', isShared: true }, { path: '/plain', isShared: false }]);
});

test('the widest propagation that a container asks for counts', () => {
  const pod = (...modes: (string | undefined)[]) => ({ metadata: {}, spec: { containers: modes.map((mountPropagation, index) => ({ name: `c${index}`, volumeMounts: [{ name: 'v', mountPath: '/v', mountPropagation }] })) } }) as never;
  assert.equal(propagationOf(pod(undefined, 'None'), 'v'), undefined);
  assert.equal(propagationOf(pod('HostToContainer', undefined), 'v'), 'HostToContainer');
  assert.equal(propagationOf(pod('HostToContainer', 'Bidirectional'), 'v'), 'Bidirectional');
  assert.equal(propagationOf(pod('Bidirectional'), 'other'), undefined);
});
