import assert from 'node:assert/strict';
import { test } from 'node:test';
import { oomKills, podCgroup, podCgroupFiles } from './layout.ts';

const limits = { cpuShares: 512, cpuQuotaUs: 50_000, memoryBytes: 1_048_576 };

test('v1 files', () => assert.deepEqual(podCgroupFiles('v1', limits).map((each) => `${each.file}=${each.text}`), ['cpu.shares=512', 'cpu.cfs_quota_us=50000', 'memory.limit_in_bytes=1048576']));
test('v2 files', () => assert.deepEqual(podCgroupFiles('v2', limits).map((each) => `${each.file}=${each.text}`), ['cpu.weight=20', 'cpu.max=50000 100000', 'memory.max=1048576']));
test('without limits only weights', () => assert.equal(podCgroupFiles('v1', { cpuShares: 2 }).length, 1));
test('where pods lie', () => {
  assert.equal(podCgroup('llmos', 'Guaranteed', 'u'), '/llmos/podu');
  assert.equal(podCgroup('llmos', 'BestEffort', 'u'), '/llmos/besteffort/podu');
});
test('kills are counted', () => {
  assert.equal(oomKills('oom_kill_disable 0\nunder_oom 0\noom_kill 3\n'), 3);
  assert.equal(oomKills('low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\noom_group_kill 0\n'), 1);
  assert.equal(oomKills(''), 0);
});
