/** What else happens on the machine: rules flushed, the bridge deleted, stray packets, foreign rules, a second instance, a restart and the end. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { silentLog } from '../../base/log.ts';
import { run } from '../../base/sys/run.ts';
import { eventually } from '../../sdk/testing/eventually.ts';
import { memoryCache } from '../../sdk/testing/memory-cache.ts';
import { advice, blockingChains } from './firewalls.ts';
import { bridgeOf, type NetworkFacts } from './links.ts';
import { isRouted, removePodNetwork, setUpPodNetwork } from './pod-network.ts';
import { startSync, type Sync } from './sync.ts';
import { ask, balanced, machine, service, slice } from './testing/machine.ts';
import { inPlayedNetwork } from './testing/played-network.ts';

inPlayedNetwork(import.meta.filename, 'the network and what else happens on the machine, in namespaces', (played) => {
  const { host, pods, services, slices, network, stop } = played;

  test('services of each sort answer at first', async () => {
    services.set(service('web', { clusterIP: '10.62.0.20' }));
    services.set(service('sticky', { clusterIP: '10.62.0.23', sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }));
    services.set(balanced('lb', '10.62.0.21', 8081, '10.63.0.1'));
    for (const { metadata } of services.list()) slices.set(slice(metadata.name ?? '', pods.map((pod) => pod.address)));
    await played.sync.idle();
    for (const address of ['10.62.0.20:80', '10.62.0.23:80', '10.63.0.1:8081', '127.0.0.1:8081']) assert.ok((await ask(address)).startsWith(host), address);
  });

  test('a table that somebody flushed is there again, with the patience that the machine has by then', async () => {
    writeFileSync('/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established', '777');
    await run('nft', ['flush', 'ruleset']);
    await eventually(async () => (await ask('10.62.0.20:80')).startsWith(host), { what: 'the rules are there again' });
    await eventually(async () => /established : (?:777|12m57s),/.test(await run('nft', ['list', 'ct', 'timeout', 'ip', 'llt0', 'half-closed'])), { what: 'how long connections last' });
  });

  test('so are rules that somebody emptied the table of, or deleted one of', async () => {
    await run('nft', ['flush', 'table', 'ip', 'llt0']);
    await eventually(async () => (await ask('10.62.0.20:80')).startsWith(host), { what: 'the rules are there again' });
    const [, handle = ''] = /jump dispatch # handle (\d+)/.exec(await run('nft', ['-a', 'list', 'chain', 'ip', 'llt0', 'output'])) ?? [];
    await run('nft', ['delete', 'rule', 'ip', 'llt0', 'output', 'handle', handle]);
    await eventually(async () => (await ask('10.62.0.20:80')).startsWith(host), { what: 'the rule is there again' });
  });

  test('pods join a bridge again that somebody deleted', async () => {
    services.set(service('web', { clusterIP: '10.62.0.20' }));
    slices.set(slice('web', pods.map((pod) => pod.address)));
    await played.sync.idle();
    assert.ok(isRouted(played.facts));
    await run('ip', ['link', 'del', bridgeOf(played.facts)]);
    assert.ok(!isRouted(played.facts));
    await setUpPodNetwork(played.facts);
    // The note of what was before went with the old bridge; the tests below look whether it is kept to.
    await run('ip', ['link', 'set', 'dev', bridgeOf(played.facts), 'alias', `llmos/${played.facts.instance}/forward=0`]);
    assert.ok(isRouted(played.facts));
    assert.ok((await ask('10.62.0.20:80')).startsWith(host));
    assert.equal(await ask(`${pods[1]?.address}:80`, pods[0]?.name), pods[1]?.name);
  });

  test('a packet that belongs to no connection does not end one', async () => {
    const [server, client] = [String(pods[0]?.name), String(pods[1]?.name)];
    services.set(service('strays', { clusterIP: '10.62.0.40' }));
    slices.set(slice('strays', [String(pods[0]?.address)]));
    await played.sync.idle();
    // Some of these are beyond the window, wherever the sequence began.
    for (const sequence of [0x10000000, 0x50000000, 0x90000000, 0xd0000000]) {
      await run('ip', ['netns', 'exec', server, 'nft', '-f', '-'], { input: `table ip mangle {\n chain output {\n type filter hook output priority 0; policy accept;\n tcp sport 80 tcp flags & psh == psh tcp sequence set ${sequence}\n }\n}\n` });
      const answer = ask('10.62.0.40:80', client);
      await new Promise((resolve) => setTimeout(resolve, 300));
      await run('ip', ['netns', 'exec', server, 'nft', 'delete', 'table', 'ip', 'mangle']);
      assert.equal(await answer, server);
    }
    services.remove('default/strays');
    slices.remove('default/strays-1');
    await played.sync.idle();
  });

  test('foreign rules stay, and a second instance does not disturb the first', async () => {
    await run('nft', ['-f', '-'], { input: 'table ip foreign {\n chain c {\n ip daddr 192.0.2.1 drop\n }\n}\n' });
    const other: NetworkFacts = { ...played.facts, instance: 'llu', runFolder: join(played.folder, 'u'), cni: { ...played.facts.cni, confFolder: join(played.folder, 'u', 'net.d') }, network: { ...network, podCidr: '10.71.0.0/16', gatewayIp: '10.71.0.1', serviceCidr: '10.72.0.0/16', loadBalancerCidr: '10.73.0.0/24' } };
    const between = await machine();
    await setUpPodNetwork(other);
    await assert.rejects(setUpPodNetwork({ ...other, instance: 'llv' }), /overlaps/);
    assert.ok((await ask('10.62.0.20:80')).startsWith(host));
    await removePodNetwork(other);
    await rm(join(played.folder, 'u'), { recursive: true, force: true });
    assert.equal(await machine(), between);
    await run('nft', ['delete', 'table', 'ip', 'foreign']);
    await run('nft', ['-f', '-'], { input: 'table inet firewall {\n chain passing {\n type filter hook forward priority 0; policy drop;\n }\n chain coming {\n type filter hook input priority 0; policy accept;\n }\n}\n' });
    const [blocking, ...others] = await blockingChains('nft', 'llt0');
    assert.deepEqual([blocking?.name, others], ['passing', []]);
    const [, ...commands] = advice(blocking!, 'llt0').split(/(?=nft insert)/);
    for (const command of commands) await run('nft', command.replace(/^nft /, '').replace(/; $/, '').replaceAll('"', '').split(' '));
    assert.deepEqual(await blockingChains('nft', 'llt0'), []);
    await run('nft', ['delete', 'table', 'inet', 'firewall']);
    assert.ok((await ask('10.62.0.20:80', pods[1]?.name)).startsWith(host));
  });

  test('a client of UDP is not led to an endpoint that went while llmos did not run', { skip: existsSync('/usr/bin/perl') ? false : 'needs perl' }, async () => {
    const script = "const s = require('node:dgram').createSocket('udp4'); s.on('message', (m, from) => s.send(process.argv[1], from.port, from.address)); s.bind(53, () => console.log('up'))";
    const servers = pods.slice(0, 2).map((pod) => spawn('ip', ['netns', 'exec', pod.name, process.execPath, '-e', script, pod.name], { stdio: ['ignore', 'pipe', 'inherit'] }));
    const client = createSocket('udp4');
    const again = new AbortController();
    let second: Sync | undefined;
    const at = (index: number): EndpointSlice => ({ ...slice('earlier', [String(pods[index]?.address)]), ports: [{ name: '', port: 53, protocol: 'UDP' }] });
    const say = async (): Promise<string> => {
      client.send('who', 53, '10.64.0.5');
      return String(((await once(client, 'message', { signal: AbortSignal.timeout(3_000) })) as [Buffer])[0]);
    };
    const [earlier, later] = [memoryCache<Service>(), memoryCache<EndpointSlice>()];
    const start = (signal: AbortSignal): Promise<Sync> => startSync({ services: earlier, slices: later, nft: 'nft', log: silentLog, signal, events: { event() {} }, facts: { nodeName: 'n1', ...network, serviceCidr: '10.64.0.0/24', table: 'llt1', bridge: bridgeOf(played.facts), seesBridged: true } });
    await run('ip', ['route', 'add', '10.64.0.0/24', 'dev', bridgeOf(played.facts)]);
    try {
      await Promise.all(servers.map((server) => once(server.stdout as NodeJS.ReadableStream, 'data')));
      earlier.set(service('earlier', { clusterIP: '10.64.0.5', ports: [{ port: 53, protocol: 'UDP' }] }));
      later.set(at(0));
      const first = new AbortController();
      const before = await start(first.signal);
      assert.equal(await say(), pods[0]?.name);
      first.abort('stop');
      await before.settled();
      later.set(at(1));
      second = await start(again.signal);
      await eventually(async () => (await say()) === pods[1]?.name, { what: 'the endpoint that is there' });
    } finally {
      again.abort('stop');
      client.close();
      for (const server of servers) server.kill('SIGKILL');
      await second?.settled();
      await run('nft', ['delete', 'table', 'ip', 'llt1']);
      await run('ip', ['route', 'del', '10.64.0.0/24', 'dev', bridgeOf(played.facts)]);
    }
  });

  test('a restart takes over, a stop leaves the rules, a removal leaves nothing', async () => {
    stop.abort('stop');
    await played.sync.settled();
    assert.ok((await ask('10.62.0.20:80')).startsWith(host));
    const bound = [await ask('10.62.0.23:80'), await ask('10.62.0.23:80', pods[1]?.name)];
    await setUpPodNetwork(played.facts);
    const again = new AbortController();
    const second = await startSync({ services, slices, nft: 'nft', log: silentLog, signal: again.signal, events: { event() {} }, facts: { nodeName: 'n1', ...network, table: bridgeOf(played.facts), bridge: bridgeOf(played.facts), seesBridged: true } });
    assert.ok((await ask('10.62.0.20:80')).startsWith(host));
    // Not in the order of before: who is forgotten would be led in turn to another one.
    assert.deepEqual([await ask('10.62.0.23:80', pods[1]?.name), await ask('10.62.0.23:80')], bound.toReversed());
    again.abort('down');
    await second.settled();
    for (const pod of pods) pod.server?.kill('SIGKILL');
    await removePodNetwork(played.facts);
    assert.equal(await machine(), played.empty);
    await removePodNetwork(played.facts);
  });
});
