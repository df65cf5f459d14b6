import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ContainerPort, Pod } from '../../../api/generated/core-v1.ts';
import { silentLog } from '../../../base/log.ts';
import { run } from '../../../base/sys/run.ts';
import { eventually } from '../../../sdk/testing/eventually.ts';
import { inNetworkNamespaces } from '../../../sdk/testing/network-namespaces.ts';
import { hostPorts, hostPortScript, hostPortsOf, staleFlows, type HostPorts } from './host-ports.ts';

const pod = (ports: ContainerPort[], hostNetwork = false): Pod => ({ metadata: {}, spec: { hostNetwork, containers: [{ name: 'a', ports }] } });

test('which ports of the machine a pod asks for', () => {
  assert.deepEqual(hostPortsOf(pod([{ containerPort: 80 }, { containerPort: 53, hostPort: 5353, protocol: 'UDP', hostIP: '127.0.0.1' }, { containerPort: 90, hostPort: 90, hostIP: '0.0.0.0' }, { containerPort: 91, hostPort: 91, hostIP: '::1' }])), [
    { protocol: 'udp', hostPort: 5353, hostIp: '127.0.0.1', containerPort: 53 }, { protocol: 'tcp', hostPort: 90, hostIp: '0.0.0.0', containerPort: 90 }, { protocol: 'tcp', hostPort: 91, hostIp: '::1', containerPort: 91 },
  ]);
  assert.deepEqual(hostPortsOf(pod([{ containerPort: 80, hostPort: 80 }], true)), []);
});

test('one port leads to the first that asked', () => {
  const mapping = { protocol: 'tcp', hostPort: 80, hostIp: '', containerPort: 8080 } as const;
  const script = hostPortScript('t', [{ ips: ['10.0.0.1'], mappings: [mapping] }, { ips: ['10.0.0.2'], mappings: [mapping, { ...mapping, hostIp: '127.0.0.1' }] }]);
  assert.match(script, /elements = \{ tcp \. 80 : 10\.0\.0\.1 \. 8080 \}/);
  assert.match(script, /elements = \{ 127\.0\.0\.1 \. tcp \. 80 : 10\.0\.0\.2 \. 8080 \}/);
  assert.equal(hostPortScript('t', []), 'add table ip t\ndelete table ip t\n');
});

test('who is led nowhere at first is asked again', { skip: process.getuid?.() === 0 && existsSync('/usr/sbin/nft') ? false : 'needs root and nft' }, async () => {
  const namespace = `lli${process.pid}`;
  await inNetworkNamespaces([namespace], async () => {
    const inside = (...command: string[]): Promise<string> => run('ip', ['netns', 'exec', namespace, ...command]);
    await run('ip', ['-n', namespace, '-batch', '-'], { input: 'link set lo up\naddr add 10.0.0.1/32 dev lo\naddr add 192.0.2.1/32 dev lo\n' });
    await run('ip', ['netns', 'exec', namespace, 'nft', '-f', '-'], { input: hostPortScript('t', [{ ips: ['10.0.0.1'], mappings: [{ protocol: 'tcp', hostPort: 80, hostIp: '', containerPort: 8080 }] }]) });
    await inside('nft', 'insert', 'rule', 'ip', 't', 'ports', 'numgen', 'inc', 'mod', '2', '0', 'return');
    const script = "const net = require('node:net'); const server = net.createServer((socket) => socket.end('here')).listen(8080, () => net.connect(80, '192.0.2.1').on('data', (text) => { process.stdout.write(text); server.close(); }).on('error', (error) => { process.stdout.write(error.code); server.close(); }));";
    for (let i = 0; i < 4; i++) assert.equal(await inside(process.execPath, '-e', script), 'here');
  });
});

test('on a further node answers come back through it', () => {
  const held = [{ ips: ['10.0.0.1'], mappings: [{ protocol: 'tcp', hostPort: 80, hostIp: '', containerPort: 8080 } as const] }];
  assert.match(hostPortScript('t', held, { isFurther: true }), /ct status dnat fib saddr type != local meta l4proto \{ tcp, udp, sctp \} masquerade to :61000-65535\n +ct status dnat masquerade\n/);
  assert.doesNotMatch(hostPortScript('t', held), /ct status/);
});

test('a port leads to the address of each family; of one family, or of one address, to that', () => {
  const port = { protocol: 'tcp', hostPort: 80, hostIp: '', containerPort: 8080 } as const;
  const held = [{ ips: ['10.0.0.1', 'fd00::1'], mappings: [port, { ...port, hostPort: 81, hostIp: '::' }, { ...port, hostPort: 82, hostIp: '0.0.0.0' }, { ...port, hostPort: 83, hostIp: '2001:db8::1' }, { ...port, hostPort: 84, hostIp: '192.0.2.1' }] }];
  const elements = (family: 'ip' | 'ip6'): string[] => [...hostPortScript('t', held, { family }).matchAll(/map \w+ .* elements = \{ (.*?) \}/g)].map(([, each]) => each!);
  assert.deepEqual(elements('ip'), ['tcp . 80 : 10.0.0.1 . 8080, tcp . 82 : 10.0.0.1 . 8080', '192.0.2.1 . tcp . 84 : 10.0.0.1 . 8080']);
  assert.deepEqual(elements('ip6'), ['tcp . 80 : fd00::1 . 8080, tcp . 81 : fd00::1 . 8080', '2001:db8::1 . tcp . 83 : fd00::1 . 8080']);
  assert.equal(hostPortScript('t', [{ ips: ['10.0.0.1'], mappings: [port] }], { family: 'ip6' }), 'add table ip6 t\ndelete table ip6 t\n');
  const udp = { ...port, protocol: 'udp' } as const;
  assert.deepEqual(staleFlows([], [{ ips: ['10.0.0.1', 'fd00::1'], mappings: [udp, { ...udp, hostPort: 81, hostIp: '::' }] }], ['127.0.0.1', '2001:db8::1']), ['127.0.0.1:80', '[2001:db8::1]:80', '[2001:db8::1]:81']);
  assert.deepEqual(staleFlows([{ ips: ['10.0.0.1', 'fd00::1'], mappings: [udp] }], [], []), ['10.0.0.1:8080', '[fd00::1]:8080']);
});

test('flows of UDP that the rules would lead elsewhere now', () => {
  const udp = { protocol: 'udp', hostPort: 53, hostIp: '', containerPort: 5353 } as const;
  const [first, second] = [{ ips: ['10.0.0.1'], mappings: [udp, { ...udp, protocol: 'tcp' as const }] }, { ips: ['10.0.0.2'], mappings: [udp] }];
  const own = ['127.0.0.1', '192.0.2.1'];
  assert.deepEqual(staleFlows([], [first], own), ['127.0.0.1:53', '192.0.2.1:53'], 'the machine itself may have answered');
  assert.deepEqual(staleFlows([first], [second], own), ['10.0.0.1:5353']);
  assert.deepEqual(staleFlows([first], [], own), ['10.0.0.1:5353']);
  assert.deepEqual(staleFlows([], [{ ips: ['10.0.0.3'], mappings: [{ ...udp, hostIp: '192.0.2.1' }] }], own), ['192.0.2.1:53']);
  assert.deepEqual(staleFlows([first, second], [first, second], own), []);
});

test('what somebody else takes away is written again', { skip: process.getuid?.() === 0 && existsSync('/usr/sbin/nft') ? false : 'needs root and nft' }, async () => {
  const namespace = `llh${process.pid}`;
  await inNetworkNamespaces([namespace], async (folder) => {
    const nft = join(folder, 'nft');
    writeFileSync(nft, `#!/bin/sh\nexec ip netns exec ${namespace} /usr/sbin/nft "$@"\n`, { mode: 0o755 });
    const make = (): HostPorts => hostPorts({ instance: 'llt', file: join(folder, 'ports.json'), nft, families: ['ip'], log: silentLog, forget: async () => {} });
    const isThere = async (): Promise<boolean> => (await run(nft, ['list', 'ruleset'])).includes('10.0.0.1 . 8080') && (await run(nft, ['list', 'chain', 'ip', 'llt0_hostports', 'prerouting'])).includes('jump ports');
    const first = make();
    const stop = new AbortController();
    first.keep(stop.signal, { everyMs: 50 });
    await first.open('u1', ['10.0.0.1'], [{ protocol: 'tcp', hostPort: 80, hostIp: '', containerPort: 8080 }]);
    for (const harm of ['flush ruleset', 'flush table ip llt0_hostports']) {
      await run(nft, harm.split(' '));
      await eventually(isThere, { what: `the ports after ${harm}` });
    }
    stop.abort();
    await run(nft, ['flush', 'ruleset']);
    const again = new AbortController();
    const second = make();
    second.keep(again.signal);
    await eventually(isThere, { what: 'the next one looks at once' });
    again.abort();
    await second.drain();
    assert.equal(await run(nft, ['list', 'ruleset']), '');
  });
});
