import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { flowTableTeller, readFlowTable } from './flow-table.ts';

test('what the kernel says of its table of connections', () => {
  const proc = mkdtempSync(join(tmpdir(), 'llmos-flows-'));
  try {
    assert.equal(readFlowTable(proc), undefined);
    for (const folder of ['sys/net/netfilter', 'net/stat']) mkdirSync(join(proc, folder), { recursive: true });
    writeFileSync(join(proc, 'sys/net/netfilter/nf_conntrack_count'), '12\n');
    writeFileSync(join(proc, 'sys/net/netfilter/nf_conntrack_max'), '262144\n');
    writeFileSync(join(proc, 'net/stat/nf_conntrack'), 'entries  clashres found new insert insert_failed drop early_drop\n0000000c  00000001 00000002 00000000 00000000 00000007 0000000a 00000009\n0000000c  00000000 00000000 00000000 00000000 00000000 00000010 00000000\n');
    assert.deepEqual(readFlowTable(proc), { flows: 12, room: 262_144, dropped: 26 });
  } finally {
    rmSync(proc, { recursive: true, force: true });
  }
});

test('a table that is nearly full is told of, and one that was full, each once until it is emptier', () => {
  const tell = flowTableTeller();
  const look = (flows: number, dropped = 5): string | undefined => tell({ flows, room: 100, dropped })?.split(' (')[0];
  assert.equal(look(50), undefined, 'what was dropped before it was looked at is past');
  assert.equal(look(89), undefined);
  assert.match(look(90)!, /^the kernel follows 90 connections and has room for 100; beyond that new ones are dropped: give it more$/);
  assert.equal(look(95), undefined);
  assert.match(tell({ flows: 100, room: 100, dropped: 12 })!, /^the kernel follows as many connections as it has room for \(100\) and dropped 7 packets of new ones: .*: sysctl -w net\.netfilter\.nf_conntrack_max=200$/);
  assert.equal(look(100, 40), undefined);
  assert.equal(look(85, 40), undefined);
  assert.equal(look(95, 40), undefined, 'it was not emptier');
  assert.equal(look(79, 40), undefined);
  assert.notEqual(look(95, 40), undefined, 'again');
});
