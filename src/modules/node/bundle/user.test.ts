import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerUser } from './user.ts';

const files: Record<string, string> = {
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/var/www:/bin/sh\n',
  '/etc/group': 'root:x:0:\nweb:x:34:\nlogs:x:50:web\n',
};
const read = (path: string): string | undefined => files[path];

test('no user is root', () => assert.deepEqual(containerUser({ read }), { user: { uid: 0, gid: 0, additionalGids: [0] }, home: '/root' }));
test('a name of the image, with its groups', () => assert.deepEqual(containerUser({ read, imageUser: 'web' }), { user: { uid: 33, gid: 34, additionalGids: [34, 50] }, home: '/var/www' }));
test('user and group of the image', () => assert.deepEqual(containerUser({ read, imageUser: 'web:logs' }).user.gid, 50));
test('runAsUser wins', () => assert.deepEqual(containerUser({ read, imageUser: 'web', container: { runAsUser: 1000 }, pod: { runAsGroup: 7, fsGroup: 9 } }).user, { uid: 1000, gid: 7, additionalGids: [7, 9] }));
test('groups of the image are merged, or not', () => {
  const of = (supplementalGroupsPolicy?: 'Merge' | 'Strict') => containerUser({ read, imageUser: 'web', pod: { runAsGroup: 7, fsGroup: 9, supplementalGroups: [8, 7], supplementalGroupsPolicy } }).user.additionalGids;
  assert.deepEqual([of(), of('Merge'), of('Strict')], [[7, 50, 8, 9], [7, 50, 8, 9], [7, 8, 9]]);
});
test('an image without passwd', () => assert.deepEqual(containerUser({ read: () => undefined, imageUser: '12:13' }).user, { uid: 12, gid: 13, additionalGids: [13] }));
test('an unknown user', () => assert.throws(() => containerUser({ read, imageUser: 'nobody' }), /unable to find user nobody/));
test('runAsNonRoot', () => {
  assert.throws(() => containerUser({ read, pod: { runAsNonRoot: true } }), /image will run as root/);
  assert.throws(() => containerUser({ read, imageUser: 'web', pod: { runAsNonRoot: true } }), /non-numeric user/);
  assert.equal(containerUser({ read, imageUser: '33', pod: { runAsNonRoot: true } }).user.uid, 33);
});
