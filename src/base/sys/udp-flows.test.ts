import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { runAny } from './run.ts';

const POSSIBLE = process.getuid?.() === 0 && existsSync('/usr/sbin/nft') && existsSync('/usr/bin/perl') && existsSync('/proc/net/if_inet6');

/** In a network namespace of its own: a flow of UDP over IPv6 that was led elsewhere is new after it was forgotten. */
const INSIDE = `
import { createSocket } from 'node:dgram';
import { execFileSync } from 'node:child_process';
import { forgetFlows, forgetFlowsToOthers } from ${JSON.stringify(new URL('udp-flows.ts', import.meta.url).href)};
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
await forgetFlowsToOthers(new Map([['[::1]:5', new Set(['[fd00::7]:53', '[fd00::9]:53'])], ['[::1]:6', new Set(['[fd00::7]:53'])]])); await say(); seen.push(fresh());
await forgetFlowsToOthers(new Map([['[::1]:5', new Set(['[fd00::7]:53', '[fd00::9]:54'])]])); await say(); seen.push(fresh());
const many = Array.from({ length: 20_000 }, (_, index) => \`[fd00::7:\${index.toString(16)}]:53\`);
await forgetFlowsToOthers(new Map([['[::1]:5', new Set([...many, '[fd00::9]:53'])]])); await say(); seen.push(fresh());
await forgetFlowsToOthers(new Map([['[::1]:5', new Set(many)]])); await say(); seen.push(fresh());
console.log(JSON.stringify(seen)); process.exit();`;

test('flows of IPv6 are forgotten, those to one endpoint alone', { skip: POSSIBLE ? false : 'needs root, nft, perl and IPv6' }, async () => {
  const { code, stdout, stderr } = await runAny('unshare', ['--net', process.execPath, '--input-type=module', '-e', INSIDE], { timeoutMs: 30_000 });
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), [1, 1, 2, 2, 3, 3, 4]);
});
