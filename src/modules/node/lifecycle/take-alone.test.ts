import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../../api/generated/core-v1.ts';
import type { Admissions } from './admit.ts';
import { takeAlone } from './take-alone.ts';

const pod = (uid: string, begun = false): Pod => ({ metadata: { uid }, spec: { containers: [] }, ...(begun ? { status: { containerStatuses: [{ name: 'c', image: 'i', imageID: '', ready: true, restartCount: 0, containerID: 'x' }] } } : {}) });

test('a volume for one pod alone goes to who came first, and to who has begun with it', () => {
  const here = new Set(['a', 'b']);
  const node = { holds: (uid: string) => here.has(uid) } as Admissions;
  const take = (of: Pod, ...others: Pod[]): boolean => takeAlone(node, of, { volumeName: 'v', others });
  assert.equal(take(pod('a'), pod('b')), true, 'the first');
  assert.equal(take(pod('b'), pod('a')), false, 'held, though it has not begun');
  assert.equal(take(pod('a')), true, 'its own, again');
  assert.equal(takeAlone(node, pod('b'), { volumeName: 'w', others: [] }), true, 'another volume');
  assert.equal(take(pod('b')), false, 'nobody knows the first any more, and it is still here');
  here.delete('a');
  assert.equal(take(pod('b')), true);
  assert.equal(take(pod('c'), pod('d', true)), false, 'of an earlier llmos');
  assert.equal(take(pod('d', true)), true, 'which goes on');
});
