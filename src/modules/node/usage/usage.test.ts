import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { cgroupUsage, machineUsage } from './read-usage.ts';
import { cgroupStalls, machineStalls } from './stalls.ts';
import { series } from './series.ts';

function withTree(files: Readonly<Record<string, string>>, check: (root: string) => void): void {
  const root = mkdtempSync(join(tmpdir(), 'usage-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(root, dirname(path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    check(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('cgroup v1', () => withTree({
  'cpuacct/a/b/cpuacct.usage': '2500000000\n', 'memory/a/b/memory.usage_in_bytes': '1000\n',
  'memory/a/b/memory.stat': 'cache 1\ninactive_file 7\ntotal_rss 300\ntotal_inactive_file 400\ntotal_pgfault 12\ntotal_pgmajfault 2\n',
}, (root) => assert.deepEqual(cgroupUsage({ version: 'v1', path: '/a/b', root }), { cpuNs: 2.5e9, memoryBytes: 1000, workingSetBytes: 600, rssBytes: 300, majorFaults: 2, pageFaults: 12 })));

test('cgroup v2; the working set is never below nothing', () => withTree({
  'a/cpu.stat': 'usage_usec 1500\nuser_usec 1000\n', 'a/memory.current': '1000\n', 'a/memory.stat': 'anon 300\nfile 900\ninactive_file 1400\npgfault 5\npgmajfault 1\n',
}, (root) => assert.deepEqual(cgroupUsage({ version: 'v2', path: '/a', root }), { cpuNs: 1.5e6, memoryBytes: 1000, workingSetBytes: 0, rssBytes: 300, majorFaults: 1, pageFaults: 5 })));

test('stalls, in nanoseconds', () => withTree({ 'a/cpu.pressure': 'some avg10=1.50 avg60=0.20 avg300=0.03 total=7\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n' }, (root) => {
  assert.deepEqual(cgroupStalls({ version: 'v2', path: '/a', root }), { cpu: { some: { total: 7_000, avg10: 1.5, avg60: 0.2, avg300: 0.03 }, full: { total: 3_000, avg10: 0, avg60: 0, avg300: 0 } } });
  assert.deepEqual([cgroupStalls({ version: 'v1', path: '/a', root }), machineStalls('/nowhere')], [{}, {}]);
}));

test('a group that is gone', () => assert.equal(cgroupUsage({ version: 'v1', path: '/nothing', root: '/nowhere' }), undefined));

test('the machine', () => assert.deepEqual(
  machineUsage('cpu  100 10 50 900 30 5 5 0 40 0\ncpu0 1 1 1 1\n', 'MemTotal: 1000 kB\nMemFree: 400 kB\nInactive(file): 100 kB\nAnonPages: 200 kB\n'),
  { cpuNs: 1.7e9, memoryBytes: 600 * 1024, workingSetBytes: 500 * 1024, rssBytes: 200 * 1024, majorFaults: 0, pageFaults: 0 },
));

const at = (seconds: number, cpuSeconds: number) => ({ timeMs: seconds * 1_000, usage: { cpuNs: cpuSeconds * 1e9, memoryBytes: 0, workingSetBytes: 0, rssBytes: 0, majorFaults: 0, pageFaults: 0 } });

test('half a core is half a core, however often one looks', () => {
  const one = series(at(0, 0));
  assert.equal(one.rate(), undefined);
  for (let second = 1; second <= 100; second++) one.refresh(at(second, second / 2), 15_000);
  assert.equal(one.rate()?.nanoCores, 5e8);
  assert.ok(one.rate()!.windowMs >= 10_000 && one.rate()!.windowMs < 30_000);
  assert.ok(one.points.length < 10);
});

test('a young container is measured since its begin, and points are bounded', () => {
  const one = series(at(0, 0));
  one.add(at(2, 1));
  assert.deepEqual([one.rate()?.nanoCores, one.rate()?.windowMs], [5e8, 2_000]);
  for (let second = 3; second < 100; second++) one.add(at(second, second));
  assert.equal(one.points.length, 20);
});
