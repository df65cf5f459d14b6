import assert from 'node:assert/strict';
import { test } from 'node:test';
import { treeOptions } from './favor-moves.ts';

const SYSTEMD = 'proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate,memory_recursiveprot 0 0\n';
const SET = 'cgroup2 /sys/fs/cgroup cgroup2 rw,relatime,favordynmods,memory_recursiveprot 0 0\n';
const HYBRID = 'cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n';

for (const [what, mounts, favoring, options] of [
  ['a machine of systemd', SYSTEMD, true, 'rw,nsdelegate,memory_recursiveprot,favordynmods'],
  ['a hybrid machine', HYBRID, true, 'rw,favordynmods'],
  ['where it is set', SET, true, undefined],
  ['it is taken back', SET, false, 'rw,memory_recursiveprot'],
  ['it is taken back where it was all', 'cgroup2 /c cgroup2 rw,favordynmods 0 0\n', false, 'rw'],
  ['it is gone already', HYBRID, false, undefined],
  ['where only v1 is mounted', 'cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n', true, undefined],
  ['where nothing is to be read', '', true, undefined],
] as const) test(`options of the tree: ${what}`, () => assert.equal(treeOptions(mounts, { favoring }), options));
