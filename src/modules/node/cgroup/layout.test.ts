import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makePodCgroup, oomKills, podCgroup, podCgroupFiles, unifiedSettings, wasOomKilled } from './layout.ts';

const limits = { cpuShares: 512, cpuQuotaUs: 50_000, memoryBytes: 1_048_576 };

test('v1 files', () => assert.deepEqual(podCgroupFiles('v1', limits).map((each) => `${each.file}=${each.text}`), ['cpu.shares=512', 'cpu.cfs_quota_us=50000', 'memory.limit_in_bytes=1048576']));
test('v2 files', () => assert.deepEqual(podCgroupFiles('v2', limits).map((each) => `${each.file}=${each.text}`), ['cpu.weight=20', 'cpu.max=50000 100000', 'memory.max=1048576']));
test('without limits only weights', () => assert.equal(podCgroupFiles('v1', { cpuShares: 2 }).length, 1));
test('processes', () => assert.deepEqual((['v1', 'v2'] as const).flatMap((version) => podCgroupFiles(version, { cpuShares: 2, pids: 9 })).filter(({ controller }) => controller === 'pids').map(({ file, text }) => `${file}=${text}`), ['pids.max=9', 'pids.max=9']));
test('where pods lie', () => {
  assert.equal(podCgroup('llmos', 'Guaranteed', 'u'), '/llmos/podu');
  assert.equal(podCgroup('llmos', 'BestEffort', 'u'), '/llmos/besteffort/podu');
});
test('kills are counted', () => {
  assert.equal(oomKills('oom_kill_disable 0\nunder_oom 0\noom_kill 3\n'), 3);
  assert.equal(oomKills('low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\noom_group_kill 0\n'), 1);
  assert.equal(oomKills(''), 0);
});
test('v2: controllers are handed down as far as there are any, then the limits are set', () => {
  const root = mkdtempSync(join(tmpdir(), 'cgroup-'));
  try {
    writeFileSync(join(root, 'cgroup.controllers'), 'cpuset cpu memory\n');
    makePodCgroup({ version: 'v2', path: '/llmos/burstable/podu', limits, root });
    assert.equal(readFileSync(join(root, 'cgroup.subtree_control'), 'utf8'), '+cpuset +cpu +memory');
    writeFileSync(join(root, 'llmos/burstable/podu/memory.oom.group'), '0');
    assert.deepEqual(unifiedSettings({ version: 'v2', pod: '/llmos/burstable/podu', root }), { 'memory.oom.group': '1' }, 'no swap here');
    assert.equal(readFileSync(join(root, 'llmos/burstable/podu/memory.max'), 'utf8'), '1048576');
    mkdirSync(join(root, 'llmos/burstable/podu/c'));
    writeFileSync(join(root, 'llmos/burstable/podu/c/memory.events'), 'oom 1\noom_kill 1\n');
    assert.equal(wasOomKilled({ version: 'v2', path: '/llmos/burstable/podu/c', root }), true);
  } finally {
    rmSync(root, { recursive: true });
  }
});
test('without the hierarchy it is said, and not tried for ever', () => {
  const root = mkdtempSync(join(tmpdir(), 'cgroup-'));
  try {
    assert.throws(() => makePodCgroup({ version: 'v1', path: '/llmos/podu', limits, root }), /cpu is not there: mount the cgroup hierarchies/);
  } finally {
    rmSync(root, { recursive: true });
  }
});
