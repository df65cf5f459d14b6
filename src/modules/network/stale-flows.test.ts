import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { runAny } from '../../base/sys/run.ts';
import type { Fragment } from './fragment.ts';
import { udpTargetsGone, udpWaysNew } from './stale-flows.ts';

const serving = (...udpServing: string[]): Fragment => ({ chains: new Map(), sets: new Map(), elements: new Map(), loopback: [], udpServing: new Set(udpServing) });

test('only endpoints of UDP that serve no longer are gone', () => {
  const both = serving('10.0.0.2:53', '[fd00::2]:53');
  assert.deepEqual(udpTargetsGone(both, serving('[fd00::2]:53')), ['10.0.0.2:53']);
  assert.deepEqual(udpTargetsGone(both, undefined), ['10.0.0.2:53', '[fd00::2]:53']);
  assert.deepEqual(udpTargetsGone(serving('10.0.0.2:53'), both), []);
  assert.deepEqual(udpTargetsGone(serving('10.0.0.2:53'), serving('10.0.0.2:54')), ['10.0.0.2:53'], 'the same pod by another port');
  assert.deepEqual(udpTargetsGone(undefined, both), []);
});

test('ways of UDP that the rules have now, where flows may have begun before', () => {
  const ways = (elements: Record<string, string[]>): Fragment => ({ ...serving(), elements: new Map(Object.entries(elements).map(([name, keys]) => [name, new Map(keys.map((key) => [key, 'goto c']))])) as Fragment['elements'] });
  const facts = { ownAddresses: () => ['127.0.0.1', '192.0.2.1'], isRefused: (address: string) => address.startsWith('10.2.') };
  const whole = ways({ services: ['10.2.0.9 . udp . 53', '203.0.113.7 . udp . 53', '127.0.0.1 . udp . 53', '203.0.113.7 . tcp . 53'], nodeports: ['udp . 30053', 'tcp . 30054'] });
  assert.deepEqual(udpWaysNew(undefined, whole, facts), ['203.0.113.7:53', '127.0.0.1:53', '127.0.0.1:30053', '192.0.2.1:30053']);
  assert.deepEqual(udpWaysNew(ways({ refused: ['203.0.113.7 . udp . 53'], refusedports: ['udp . 30053'] }), whole, facts), ['127.0.0.1:53'], 'what was refused never began');
  assert.deepEqual(udpWaysNew(undefined, ways({ refused: ['203.0.113.7 . udp . 53'], refusedports: ['udp . 30053'] }), facts), ['203.0.113.7:53', '127.0.0.1:30053', '192.0.2.1:30053'], 'what began before is to be refused');
  assert.deepEqual(udpWaysNew(whole, whole, facts), []);
  assert.deepEqual(udpWaysNew(whole, undefined, facts), []);
  assert.deepEqual(udpWaysNew(undefined, ways({ services: ['2001:db8::7 . udp . 53'] }), facts), ['[2001:db8::7]:53']);
});

const POSSIBLE = process.getuid?.() === 0 && existsSync('/usr/sbin/nft') && existsSync('/usr/bin/perl') && existsSync('/proc/net/if_inet6');

/** In a network namespace of its own: a flow of UDP over IPv6 that was led elsewhere is new after it was forgotten. */
const INSIDE = `
import { createSocket } from 'node:dgram';
import { execFileSync } from 'node:child_process';
import { forgetFlows } from ${JSON.stringify(new URL('stale-flows.ts', import.meta.url).href)};
const run = (file, ...args) => execFileSync(file, args, { encoding: 'utf8' });
run('ip', 'link', 'set', 'lo', 'up'); run('ip', '-6', 'addr', 'add', 'fd00::9/128', 'dev', 'lo');
execFileSync('nft', ['-f', '-'], { input: 'table ip6 t {\\n chain o { type nat hook output priority -100; udp dport 5 dnat ip6 to [fd00::9]:53; }\\n chain f { type filter hook output priority 0; ct state new counter; }\\n}\\n' });
const server = createSocket('udp6'); server.on('message', (m, from) => server.send('x', from.port, from.address));
await new Promise((resolve) => server.bind(53, 'fd00::9', resolve));
const client = createSocket('udp6');
const say = () => new Promise((resolve) => { client.once('message', resolve); client.send('q', 5, '::1'); });
const fresh = () => Number(/packets (\\d+)/.exec(run('nft', 'list', 'table', 'ip6', 't'))[1]);
const seen = [];
await say(); await say(); seen.push(fresh());
await forgetFlows(['[fd00::8]:53']); await say(); seen.push(fresh());
await forgetFlows(['[fd00::9]:53']); await say(); seen.push(fresh());
console.log(JSON.stringify(seen)); process.exit();`;

test('flows of IPv6 are forgotten, those to one endpoint alone', { skip: POSSIBLE ? false : 'needs root, nft, perl and IPv6' }, async () => {
  const { code, stdout, stderr } = await runAny('unshare', ['--net', process.execPath, '--input-type=module', '-e', INSIDE], { timeoutMs: 30_000 });
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), [1, 1, 2]);
});
