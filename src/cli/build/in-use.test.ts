import assert from 'node:assert/strict';
import { test } from 'node:test';
import { topLayers } from './in-use.ts';

test('the topmost layer of each container is found among the mounts', () => {
  const mounts = [
    '/dev/vda / ext4 rw 0 0',
    'overlay /run/llmos/a/rootfs overlay rw,relatime,lowerdir=l/AAA:l/BBB,upperdir=/x/upper,workdir=/x/work 0 0',
    'overlay /run/llmos/b/rootfs overlay ro,lowerdir=l/CCC,upperdir=/y/upper,workdir=/y/work 0 0',
    'overlay /run/llmos/c/rootfs overlay rw,lowerdir+=l/DDD,lowerdir+=l/EEE,upperdir=/z/upper 0 0',
    'overlay /foreign overlay rw,lowerdir=/some/folder,upperdir=/w/upper 0 0',
    'tmpfs /lowerdir=l/no tmpfs rw 0 0',
  ].join('\n');
  assert.deepEqual([...topLayers(mounts)], ['AAA', 'CCC', 'DDD']);
});
