import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { halfClosedLast } from './half-closed.ts';

const FACTS = { table: 't', bridge: 'b' };

test('all but the half-closed ones last as long as the machine says, and those an hour at least', () => {
  const settings = mkdtempSync(join(tmpdir(), 'llmos-settings-'));
  try {
    const policy = (): string | undefined => /policy = \{ (.*?) \}/.exec(halfClosedLast(FACTS, settings))?.[1];
    assert.equal(policy(), 'close_wait : 3600');
    for (const [name, text] of [['established', '7200\n'], ['close_wait', '60\n'], ['max_retrans', '300\n'], ['unacknowledged', '200\n'], ['time_wait', 'soon\n']] as const) writeFileSync(join(settings, `nf_conntrack_tcp_timeout_${name}`), text);
    assert.equal(policy(), 'established : 7200, close_wait : 3600, retrans : 300, unack : 200');
    writeFileSync(join(settings, 'nf_conntrack_tcp_timeout_close_wait'), '7200\n');
    assert.match(policy() ?? '', /close_wait : 7200/);
  } finally {
    rmSync(settings, { recursive: true, force: true });
  }
});

test('connections of pods have it, and those to a proxy, of either family', () => {
  const rules = (gatewayIp?: string): string[] => halfClosedLast({ ...FACTS, family: 'ip6', ...(gatewayIp === undefined ? {} : { gatewayIp }) }).split('\n').filter((line) => line.startsWith('add rule')).map((line) => line.replace(/^add rule ip6 t (\S+) (.*) ct timeout set "half-closed"$/, '$1: $2'));
  const ofPods = ['half-closed: iifname "b" meta l4proto tcp', 'half-closed: oifname "b" meta l4proto tcp'];
  assert.deepEqual(rules(), ofPods);
  assert.deepEqual(rules('fd00::1'), [...ofPods, ...['half-closed', 'half-closed/arriving'].map((chain) => `${chain}: ip6 daddr fd00::1 tcp dport 23000-28999`)]);
});
