import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { containerDetails, interfacesOf, type ContainerDetails } from './details.ts';

function detailsOf(version: 'v1' | 'v2', files: Readonly<Record<string, string>>): ContainerDetails {
  const root = mkdtempSync(join(tmpdir(), 'details-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(root, dirname(path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return containerDetails({ version, path: '/a', root });
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('of cgroup v1', () => assert.deepEqual(detailsOf('v1', {
  'memory/a/memory.stat': 'total_cache 5\ntotal_mapped_file 6\ntotal_swap 7\nhierarchical_memsw_limit 100\n', 'memory/a/memory.usage_in_bytes': '50\n', 'memory/a/memory.max_usage_in_bytes': '60\n', 'memory/a/memory.failcnt': '3\n',
  'memory/a/memory.oom_control': 'oom_kill 1\n', 'cpuacct/a/cpuacct.stat': 'user 150\nsystem 50\n', 'cpu/a/cpu.stat': 'nr_periods 9\nnr_throttled 4\nthrottled_time 2000000000\n', 'cpu/a/cpu.cfs_quota_us': '20000\n', 'cpu/a/cpu.cfs_period_us': '100000\n',
  'cpu/a/cpu.shares': '204\n', 'cpu/a/cgroup.procs': '1\n2\n', 'pids/a/pids.current': '5\n',
}), {
  userSeconds: 1.5, systemSeconds: 0.5, throttling: { periods: 9, throttledPeriods: 4, throttledSeconds: 2, quotaUs: 20_000, periodUs: 100_000 }, cpuShares: 204, cacheBytes: 5, mappedBytes: 6, mostBytes: 60, swapBytes: 7,
  swapAvailableBytes: 43, failures: 3, oomKills: 1, processes: 2, threads: 5,
}));

test('of cgroup v2', () => assert.deepEqual(detailsOf('v2', {
  'a/memory.stat': 'file 5\nfile_mapped 6\n', 'a/memory.peak': '60\n', 'a/memory.events': 'max 3\noom_kill 1\n', 'a/memory.swap.current': '7\n', 'a/memory.swap.max': '10\n', 'a/cpu.max': '20000 100000\n', 'a/cpu.weight': '1\n',
  'a/cpu.stat': 'user_usec 1500000\nsystem_usec 500000\nnr_periods 9\nnr_throttled 4\nthrottled_usec 2000000\n', 'a/cgroup.procs': '1\n2\n', 'a/pids.current': '5\n',
}), {
  userSeconds: 1.5, systemSeconds: 0.5, throttling: { periods: 9, throttledPeriods: 4, throttledSeconds: 2, quotaUs: 20_000, periodUs: 100_000 }, cpuShares: 2, cacheBytes: 5, mappedBytes: 6, mostBytes: 60, swapBytes: 7,
  swapAvailableBytes: 3, failures: 3, oomKills: 1, processes: 2, threads: 5,
}));

test('without limits, and of a group that is gone', () => {
  for (const version of ['v1', 'v2'] as const) {
    const { throttling, swapAvailableBytes, processes } = detailsOf(version, { 'memory/a/memory.stat': 'hierarchical_memsw_limit 9223372036854771712\n', 'cpu/a/cpu.cfs_quota_us': '-1\n', 'a/cpu.max': 'max 100000\n', 'a/memory.swap.max': 'max\n' });
    assert.deepEqual([throttling, swapAvailableBytes, processes], [undefined, undefined, 0]);
  }
});

test('interfaces, eth0 first and without loopback', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     1       1    0    0    0     0          0         0        1       1    0    0    0     0       0          0
  net1:    11       2    3    4    0     0          0         0       15       6    7    8    0     0       0          0
  eth0:1000000000000 2    0    0    0     0          0         0       15       6    0    0    0     0       0          0
`;
  assert.deepEqual(interfacesOf(text).map(({ name, rxBytes }) => [name, rxBytes]), [['eth0', 1e12], ['net1', 11]]);
  assert.deepEqual(interfacesOf(text)[1], { name: 'net1', rxBytes: 11, rxPackets: 2, rxErrors: 3, rxDropped: 4, txBytes: 15, txPackets: 6, txErrors: 7, txDropped: 8 });
  assert.deepEqual(interfacesOf(''), []);
});
