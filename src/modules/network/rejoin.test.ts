import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mountedNamespaces } from './rejoin.ts';

test('network namespaces are found among the mounts, each once', () => {
  const mountinfo = [
    '24 1 254:0 / / rw,relatime - ext4 /dev/vda rw',
    '90 24 0:4 net:[4026532001] /run/a\\040b/net rw - nsfs nsfs rw',
    '91 24 0:4 uts:[4026532002] /run/a/uts rw - nsfs nsfs rw',
    '92 24 0:4 net:[4026532003] /run/c/net rw shared:7 - nsfs nsfs rw',
    '93 24 0:4 net:[4026532001] /run/again/net rw - nsfs nsfs rw',
    '',
  ].join('\n');
  assert.deepEqual(mountedNamespaces(mountinfo), ['/run/again/net', '/run/c/net']);
});
