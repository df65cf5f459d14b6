/**
 * Policies as packets see them: a namespace that plays the machine, four that play pods, who try to get through. The file runs itself
 * inside the first namespace, once with rules that see bridged packets and once with pods routed; the machine's own network is not touched.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { Namespace, Pod } from '../../api/generated/core-v1.ts';
import type { NetworkPolicy, NetworkPolicySpec } from '../../api/generated/networking-v1.ts';
import { silentLog } from '../../base/log.ts';
import { run, runAny } from '../../base/sys/run.ts';
import { GATEWAY_PORTS, SERVICE_PORTS, SERVICE_PROXY_GROUP } from '../../sdk/haproxy/ports.ts';
import { createAsker } from '../../sdk/testing/asker.ts';
import { eventually, PATIENCE } from '../../sdk/testing/eventually.ts';
import { memoryCache } from '../../sdk/testing/memory-cache.ts';
import { inNetworkNamespaces } from '../../sdk/testing/network-namespaces.ts';
import { removeTables, startPolicySync, type PolicySync } from './sync.ts';

const INSIDE = process.env.LLMOS_TEST_NAMESPACE;
const MODES = ['seen', 'routed'] as const;
const MODE = process.env.LLMOS_TEST_MODE as (typeof MODES)[number] | undefined;
const SETTINGS = '/proc/sys/net/bridge';
const POSSIBLE = process.getuid?.() === 0 && existsSync('/usr/sbin/nft');
const LETTERS = ['a', 'b', 'c', 'd'] as const;

if (INSIDE === undefined || MODE === undefined) {
  describe('network policies', { concurrency: true }, () => { for (const mode of MODES) {
    const why = !POSSIBLE ? 'needs root and nft' : mode === 'seen' && !existsSync(SETTINGS) ? 'needs br_netfilter' : false;
    test(`policies in namespaces, bridged packets ${mode}`, { skip: why }, async () => {
      const host = `llp${process.pid}${mode[0]}`;
      const names = [host, ...LETTERS.map((letter) => `${host}${letter}`), `${host}o`];
      await inNetworkNamespaces(names, async () => {
        const env = { ...process.env, LLMOS_TEST_NAMESPACE: host, LLMOS_TEST_MODE: mode, NODE_TEST_CONTEXT: undefined };
        const result = await runAny('ip', ['netns', 'exec', host, process.execPath, '--test', '--test-reporter=spec', import.meta.filename], { env, timeoutMs: 300_000 * PATIENCE });
        if (process.env.LLMOS_TEST_VERBOSE) process.stderr.write(result.stdout);
        assert.equal(result.code, 0, `${result.stdout}\n${result.stderr}`);
      });
    });
  } });
} else inside(INSIDE, MODE);

function inside(host: string, mode: 'seen' | 'routed'): void {
  const policies = memoryCache<NetworkPolicy>();
  const pods = memoryCache<Pod>();
  const namespaces = memoryCache<Namespace>();
  const servers: ChildProcess[] = [];
  const stop = new AbortController();
  const address = Object.fromEntries(LETTERS.map((letter, index) => [letter, `10.61.0.${index + 2}`])) as Record<(typeof LETTERS)[number], string>;
  let sync: PolicySync;

  before(async () => {
    await run('ip', ['-batch', '-'], { input: 'link set lo up\nlink add llt0 address 0a:58:0a:3d:00:01 type bridge\naddr add 10.61.0.1/16 dev llt0\nlink set llt0 up\n' });
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    if (existsSync(SETTINGS)) for (const name of readdirSync(SETTINGS).filter((each) => each.startsWith('bridge-nf-call-'))) writeFileSync(`${SETTINGS}/${name}`, '0');
    if (mode === 'seen') await run('ip', ['link', 'set', 'llt0', 'type', 'bridge', 'nf_call_iptables', '1']);
    for (const letter of LETTERS) {
      const pod = `${host}${letter}`;
      await run('ip', ['-batch', '-'], { input: `link add v${letter} type veth peer name eth0 netns ${pod}\nlink set v${letter} master llt0 up\nlink set v${letter} type bridge_slave hairpin on\n` });
      await run('ip', ['-n', pod, '-batch', '-'], { input: `link set lo up\naddr add ${address[letter]}/16 dev eth0\nlink set eth0 up\nroute add default via 10.61.0.1\n` });
      pods.set(podObject(letter, { team: letter === 'd' ? 'other' : 'own' }));
      servers.push(serve(pod, [80, 81, 82]));
    }
    await run('ip', ['-batch', '-'], { input: `link add out0 type veth peer name eth0 netns ${host}o\naddr add 192.0.2.1/24 dev out0\nlink set out0 up\n` });
    await run('ip', ['-n', `${host}o`, '-batch', '-'], { input: 'addr add 192.0.2.2/24 dev eth0\naddr add 192.0.2.130/24 dev eth0\nlink set eth0 up\nlink set lo up\nroute add default via 192.0.2.1\n' });
    servers.push(serve(`${host}o`, [80]), serve(host, [80, GATEWAY_PORTS.first, SERVICE_PORTS.first]));
    await Promise.all(servers.map((server) => once(server.stdout as NodeJS.ReadableStream, 'data')));
    for (const name of ['own', 'other']) namespaces.set({ metadata: { name, labels: { team: name } } });
    sync = await startPolicySync({
      policies, pods, namespaces, nft: 'nft', ip: 'ip', log: silentLog, signal: stop.signal, checkMs: 100,
      facts: { table: 'llt0-policy', bridge: 'llt0', podCidr: '10.61.0.0/16', gatewayIp: '10.61.0.1', seesBridged: mode === 'seen' },
    });
    await sync.idle();
  });
  after(() => {
    for (const server of servers) server.kill('SIGKILL');
    asker.end();
    stop.abort('stop');
  });

  function podObject(letter: (typeof LETTERS)[number], { team }: { team: string }): Pod {
    const ports = [{ name: letter === 'b' ? 'odd' : 'even', containerPort: 81, protocol: 'TCP' }];
    return { metadata: { name: letter, namespace: team === 'other' ? 'other' : 'own', labels: { pod: letter } }, spec: { containers: [{ name: 'c', ports }] }, status: { podIP: address[letter], phase: 'Running' } } as Pod;
  }

  async function hold(...specs: NetworkPolicySpec[]): Promise<void> {
    specs.forEach((spec, index) => policies.set({ metadata: { name: `p${index}`, namespace: 'own' }, spec }));
    for (const { metadata } of policies.list().slice(specs.length)) policies.remove(`own/${metadata.name}`);
    await sync.idle();
  }

  /** Who of the others reaches a port of a pod, by letter: pods, `o` from outside, `m` the machine. */
  async function whoReaches(target: string, port = 80, from = ['a', 'b', 'c', 'd', 'o', 'm']): Promise<string> {
    const reached = await Promise.all(from.map(async (each) => ((await ask(target, port, each === 'm' ? undefined : `${host}${each}`)) === 'up' ? each : '')));
    return reached.join('');
  }

  test('without a policy there is no table, and all get through', async () => {
    assert.equal(await run('nft', ['list', 'tables']), '');
    assert.equal(await whoReaches(address.b), 'abcdom');
  });

  test('default deny of ingress: only the pod itself and its machine', async () => {
    await hold({ podSelector: { matchLabels: { pod: 'b' } }, policyTypes: ['Ingress'] });
    assert.equal(await whoReaches(address.b), 'bm');
    assert.equal(await whoReaches(address.c), 'abcdom');
  });

  test('peers by pod, by namespace, and by address with a hole', async () => {
    await hold({ podSelector: { matchLabels: { pod: 'b' } }, ingress: [{ from: [{ podSelector: { matchLabels: { pod: 'a' } } }] }] });
    assert.equal(await whoReaches(address.b), 'abm');
    await hold({ podSelector: { matchLabels: { pod: 'b' } }, ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'other' } } }] }] });
    assert.equal(await whoReaches(address.b), 'bdm');
    await hold({ podSelector: { matchLabels: { pod: 'b' } }, ingress: [{ from: [{ ipBlock: { cidr: '192.0.2.0/24', except: ['192.0.2.128/25'] } }] }] });
    assert.equal(await whoReaches(address.b), 'bom');
    assert.equal(await ask(address.b, 80, `${host}o`, '192.0.2.130'), 'timeout');
  });

  test('a block may have more holes than a rule of the kernel has room for', async () => {
    const except = [...Array.from({ length: 100 }, (_, index) => `10.62.${index * 2}.0/23`), '192.0.2.128/25'];
    await hold({ podSelector: { matchLabels: { pod: 'b' } }, ingress: [{ from: [{ ipBlock: { cidr: '0.0.0.0/0', except } }] }] }, { podSelector: { matchLabels: { pod: 'c' } }, egress: [{ to: [{ ipBlock: { cidr: '0.0.0.0/0', except: [...except, `${address.b}/32`] } }] }] });
    assert.deepEqual(await Promise.all([whoReaches(address.b), whoReaches(address.a, 80, ['c']), whoReaches('10.61.0.1', GATEWAY_PORTS.first, ['c'])]), ['abdom', 'c', 'c']);
    assert.equal(await ask(address.b, 80, `${host}o`, '192.0.2.130'), 'timeout');
  });

  test('policies add up', async () => {
    const podSelector = { matchLabels: { pod: 'b' } };
    await hold({ podSelector, policyTypes: ['Ingress'] }, { podSelector, ingress: [{ from: [{ podSelector: { matchLabels: { pod: 'a' } } }] }] }, { podSelector, ingress: [{ from: [{ podSelector: { matchLabels: { pod: 'c' } } }] }] });
    assert.equal(await whoReaches(address.b), 'abcm');
  });

  test('ports: one, a range, by name', async () => {
    const podSelector = { matchLabels: { pod: 'b' } };
    await hold({ podSelector, ingress: [{ ports: [{ protocol: 'TCP', port: 80 }] }] });
    assert.deepEqual(await Promise.all([whoReaches(address.b, 80, ['a', 'o']), whoReaches(address.b, 81, ['a', 'o'])]), ['ao', '']);
    await hold({ podSelector, ingress: [{ ports: [{ protocol: 'TCP', port: 81, endPort: 82 }] }] });
    assert.deepEqual(await Promise.all([whoReaches(address.b, 80, ['a']), whoReaches(address.b, 81, ['a']), whoReaches(address.b, 82, ['a'])]), ['', 'a', 'a']);
    await hold({ podSelector: {}, ingress: [{ ports: [{ protocol: 'TCP', port: 'odd' }] }] });
    assert.deepEqual(await Promise.all([whoReaches(address.b, 81, ['a']), whoReaches(address.b, 80, ['a']), whoReaches(address.c, 81, ['a'])]), ['a', '', '']);
    await hold({ podSelector, ingress: [{ ports: [{ protocol: 'UDP', port: 80 }] }] });
    assert.equal(await whoReaches(address.b, 80, ['a']), '');
  });

  test('datagrams are others than connections of the same port', async () => {
    const podSelector = { matchLabels: { pod: 'b' } };
    assert.deepEqual(await Promise.all(['a', 'd', 'o'].map((each) => askByUdp(`${host}${each}`, address.b))), ['up', 'up', 'up']);
    await hold({ podSelector, ingress: [{ from: [{ podSelector: { matchLabels: { pod: 'a' } } }], ports: [{ protocol: 'UDP', port: 80 }] }] });
    assert.deepEqual(await Promise.all(['a', 'd', 'o', 'b'].map((each) => askByUdp(`${host}${each}`, address.b))), ['up', 'timeout', 'timeout', 'up']);
    assert.equal(await whoReaches(address.b, 80), 'bm');
    await hold({ podSelector: { matchLabels: { pod: 'a' } }, policyTypes: ['Egress'], egress: [{ to: [{ podSelector }], ports: [{ protocol: 'UDP', port: 80, endPort: 81 }] }] });
    assert.deepEqual(await Promise.all([askByUdp(`${host}a`, address.b), askByUdp(`${host}a`, address.c), whoReaches(address.b, 80, ['a', 'c'])]), ['up', 'timeout', 'c']);
  });

  // As of a packet that came while rules changed: table.ts.
  test('whom a map leads nowhere, or into a chain without rules, is not let through', async () => {
    const table = ['ip', 'llt0-policy'];
    await hold({ podSelector: { matchLabels: { pod: 'b' } }, policyTypes: ['Ingress'] }, { podSelector: { matchLabels: { pod: 'c' } }, policyTypes: ['Egress'] });
    const isShut = async (): Promise<void> => assert.deepEqual(await Promise.all([whoReaches(address.b), whoReaches(address.a, 80, ['c']), whoReaches('10.61.0.1', GATEWAY_PORTS.first, ['a', 'c'])]), ['bm', '', 'a']);
    await isShut();
    const places = [['ingress', address.b], ['egress', address.c], ['door', address.c]] as const;
    for (const [map, pod] of places) await run('nft', ['flush', 'chain', ...table, `${map}/${pod}`]);
    await isShut();
    for (const [map, pod] of places) await run('nft', ['delete', 'element', ...table, map, '{', pod, '}']);
    await isShut();
    await run('nft', ['delete', 'table', ...table]);
    await eventually(async () => (await run('nft', ['list', 'tables'])).includes('table ip llt0-policy\n'), { what: 'the table is there again' });
  });

  test('egress: nothing but the machine, then pods, then outside; and both ends are asked', async () => {
    const podSelector = { matchLabels: { pod: 'a' } };
    await hold({ podSelector, policyTypes: ['Egress'] });
    assert.deepEqual(await Promise.all([whoReaches(address.b, 80, ['a', 'c']), whoReaches('192.0.2.2', 80, ['a', 'c']), whoReaches('10.61.0.1', 80, ['a']), whoReaches(address.a, 80, ['c'])]), ['c', 'c', 'a', 'c']);
    await hold({ podSelector, egress: [{ to: [{ podSelector: { matchLabels: { pod: 'b' } } }] }], policyTypes: ['Egress'] });
    assert.deepEqual(await Promise.all([whoReaches(address.b, 80, ['a']), whoReaches(address.c, 80, ['a']), whoReaches('192.0.2.2', 80, ['a'])]), ['a', '', '']);
    await hold({ podSelector, egress: [{ to: [{ ipBlock: { cidr: '192.0.2.0/24' } }] }], policyTypes: ['Egress'] });
    assert.deepEqual(await Promise.all([whoReaches(address.b, 80, ['a']), whoReaches('192.0.2.2', 80, ['a'])]), ['', 'a']);
    await hold({ podSelector, egress: [{ ports: [{ protocol: 'TCP', port: 'odd' }] }], policyTypes: ['Egress'] });
    assert.deepEqual(await Promise.all([whoReaches(address.b, 81, ['a']), whoReaches(address.c, 81, ['a']), whoReaches(address.b, 80, ['a'])]), ['a', '', '']);
    await hold({ podSelector, egress: [{}], policyTypes: ['Egress'] }, { podSelector: { matchLabels: { pod: 'b' } }, policyTypes: ['Ingress'] });
    assert.deepEqual(await Promise.all([whoReaches(address.b, 80, ['a']), whoReaches(address.c, 80, ['a'])]), ['', 'a']);
  });

  test('labels of pods and namespaces are followed', async () => {
    await hold({ podSelector: { matchLabels: { pod: 'b' } }, ingress: [{ from: [{ namespaceSelector: { matchLabels: { trusted: 'yes' } } }] }] });
    assert.equal(await whoReaches(address.b, 80, ['d']), '');
    namespaces.set({ metadata: { name: 'other', labels: { trusted: 'yes' } } });
    await sync.idle();
    assert.equal(await whoReaches(address.b, 80, ['d', 'a']), 'd');
    pods.set({ ...podObject('b', { team: 'own' }), metadata: { name: 'b', namespace: 'own', labels: {} } });
    await sync.idle();
    assert.equal(await whoReaches(address.b, 80, ['a']), 'a');
    pods.set(podObject('b', { team: 'own' }));
    namespaces.set({ metadata: { name: 'other', labels: { team: 'other' } } });
    await sync.idle();
  });

  test('a proxy of the machine is no way out for who may not speak; a gateway is as policies name what was asked', async () => {
    const podSelector = { matchLabels: { pod: 'a' } };
    const proxies = (from = ['a', 'c', 'm']): Promise<string[]> => Promise.all([GATEWAY_PORTS.first, SERVICE_PORTS.first].map((port) => whoReaches('10.61.0.1', port, from)));
    await hold({ podSelector: { matchLabels: { pod: 'b' } }, policyTypes: ['Ingress', 'Egress'] });
    assert.deepEqual(await proxies(), ['acm', 'acm']);
    await hold({ podSelector, policyTypes: ['Egress'] });
    assert.deepEqual(await proxies(), ['cm', 'cm']);
    assert.equal(await whoReaches('10.61.0.1', 80, ['a']), 'a', 'what else the machine serves');
    await hold({ podSelector, policyTypes: ['Egress'], egress: [{ to: [{ ipBlock: { cidr: '10.61.0.1/32' } }], ports: [{ port: GATEWAY_PORTS.first }] }] });
    assert.deepEqual(await proxies(), ['acm', 'cm']);
    // By the address of its Service.
    await run('nft', ['-f', '-'], { input: `table ip service {\n chain prerouting {\n type nat hook prerouting priority dstnat; policy accept;\n ip daddr 10.62.0.9 tcp dport 80 dnat ip to 10.61.0.1:${GATEWAY_PORTS.first}\n }\n}\n` });
    assert.equal(await whoReaches('10.62.0.9', 80, ['a', 'c']), 'c');
    await hold({ podSelector, policyTypes: ['Egress'], egress: [{ to: [{ ipBlock: { cidr: '10.62.0.9/32' } }], ports: [{ port: 80 }] }] });
    assert.equal(await whoReaches('10.62.0.9', 80, ['a', 'c']), 'ac');
    assert.deepEqual(await proxies(), ['cm', 'cm']);
    await run('nft', ['delete', 'table', 'ip', 'service']);
    pods.remove('own/a');
    await sync.idle();
    assert.deepEqual(await proxies(), ['cm', 'cm'], 'a pod that is not known yet');
    pods.set(podObject('a', { team: 'own' }));
    await sync.idle();
  });

  test('a proxy of Services does not lead to who may not be reached, the machine and its gateways do', async () => {
    const script = `require('node:net').connect({ host: process.argv[1], port: 80, timeout: 2000 }).on('data', (text) => console.log(String(text))).on('error', (error) => console.log(error.code))`;
    const asProxy = async (target: string): Promise<string> => (await run('setpriv', ['--regid', String(SERVICE_PROXY_GROUP), '--clear-groups', process.execPath, '-e', script, target])).trim();
    await hold({ podSelector: { matchLabels: { pod: 'c' } }, policyTypes: ['Egress'] });
    assert.deepEqual(await Promise.all([asProxy(address.b), asProxy(address.c)]), ['up', 'up']);
    await hold({ podSelector: { matchLabels: { pod: 'b' } }, ingress: [{ from: [{ podSelector: {} }] }] });
    assert.deepEqual(await Promise.all([asProxy(address.b), asProxy(address.c), asProxy('10.61.0.1'), whoReaches(address.b, 80, ['a', 'm'])]), ['ECONNREFUSED', 'up', 'up', 'am']);
    pods.remove('own/c');
    await sync.idle();
    assert.equal(await asProxy(address.c), 'ECONNREFUSED', 'a pod that is not known yet');
    pods.set(podObject('c', { team: 'own' }));
    await sync.idle();
  });

  test('an address that is no known pod yet is held back', async () => {
    await hold({ podSelector: { matchLabels: { pod: 'c' } }, policyTypes: ['Egress'] });
    pods.remove('own/a');
    await sync.idle();
    assert.deepEqual(await Promise.all([whoReaches(address.b, 80, ['a', 'd']), whoReaches(address.a, 80, ['b', 'm'])]), ['d', 'm']);
    pods.set(podObject('a', { team: 'own' }));
    await sync.idle();
    assert.equal(await whoReaches(address.b, 80, ['a']), 'a');
  });

  test('a connection that is there goes on', async () => {
    await hold({ podSelector: { matchLabels: { pod: 'c' } }, policyTypes: ['Egress'] });
    const line = spawn('ip', ['netns', 'exec', `${host}a`, process.execPath, '-e', `const s = require('node:net').connect(82, '${address.b}'); s.pipe(process.stdout); process.stdin.pipe(s)`], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      line.stdin?.write('one');
      assert.equal(String((await once(line.stdout as NodeJS.ReadableStream, 'data'))[0]), 'one');
      await hold({ podSelector: { matchLabels: { pod: 'b' } }, policyTypes: ['Ingress', 'Egress'] });
      assert.equal(await whoReaches(address.b, 80, ['a']), '');
      line.stdin?.write('two');
      assert.equal(String((await once(line.stdout as NodeJS.ReadableStream, 'data'))[0]), 'two');
    } finally {
      line.kill('SIGKILL');
    }
  });

  test('pods do not go round by link-local addresses of IPv6', { skip: mode === 'routed' ? 'needs br_netfilter' : false }, async () => {
    const links = JSON.parse(await run('ip', ['-n', `${host}b`, '-j', '-6', 'addr', 'show', 'dev', 'eth0'])) as { addr_info: { local: string }[] }[];
    const local = links[0]?.addr_info[0]?.local;
    if (local === undefined) return; // a machine without IPv6
    await hold();
    assert.equal(await ask(`${local}%eth0`, 80, `${host}a`), 'up');
    await hold({ podSelector: { matchLabels: { pod: 'b' } }, policyTypes: ['Ingress'] });
    assert.notEqual(await ask(`${local}%eth0`, 80, `${host}a`), 'up');
  });

  test('rules of which somebody emptied the table are there again, and judge', async () => {
    await hold({ podSelector: { matchLabels: { pod: 'b' } }, policyTypes: ['Ingress'] });
    await run('nft', ['flush', 'table', 'ip', 'llt0-policy']);
    await eventually(async () => (await whoReaches(address.b, 80, ['a'])) === '', { what: 'the policy holds again' });
    if (mode === 'seen') return;
    await run('nft', ['delete', 'table', 'bridge', 'llt0-policy']);
    await eventually(async () => (await whoReaches(address.b, 80, ['a'])) === '', { what: 'the policy holds again between pods' });
  });

  test('rules that somebody flushed are there again', async () => {
    await hold({ podSelector: { matchLabels: { pod: 'b' } }, policyTypes: ['Ingress'] });
    await run('nft', ['flush', 'ruleset']);
    await eventually(async () => (await runAny('nft', ['list', 'table', 'ip', 'llt0-policy'])).code === 0, { what: 'the table is there again' });
    assert.equal(await whoReaches(address.b, 80, ['a']), '');
  });

  test('when the last policy goes, so do the tables', async () => {
    await hold();
    assert.equal(await whoReaches(address.b), 'abcdom');
    assert.equal(await run('nft', ['list', 'tables']), '');
    await hold({ podSelector: {} });
    stop.abort('down'); // else it takes who removes them for somebody else, and writes them again
    await sync.settled();
    await removeTables('nft', 'llt0-policy');
    assert.equal(await run('nft', ['list', 'tables']), '');
  });
}

/** Says `up` to who connects, and on port 82 what it is told. */
function serve(pod: string, ports: readonly number[]): ChildProcess {
  const script = `for (const p of ${JSON.stringify(ports)}) require('node:net').createServer((s) => { s.on('error', () => {}); if (p === 82) s.on('data', (d) => s.write(String(d) === 'who' ? 'up' : d)); else s.end('up'); }).listen(p); const u = require('node:dgram').createSocket('udp4'); u.on('message', (_, from) => u.send('up', from.port, from.address)).bind(80, () => console.log('up')); process.stdin.resume().on('end', () => process.exit())`;
  return spawn('ip', ['netns', 'exec', pod, process.execPath, '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
}

/** What port 80 of the address says to a datagram from a pod, or `timeout`; one that is lost is sent again. */
async function askByUdp(from: string, host: string): Promise<string> {
  const script = `const s = require('node:dgram').createSocket('udp4'); let n = 0; const send = () => (n++ === 10 ? say('timeout') : s.send('who', 80, '${host}')); const say = (text) => { console.log(text); process.exit(); }; s.on('message', (text) => say(String(text))).on('error', () => {}); s.bind(0, () => { send(); setInterval(send, 80); });`;
  return (await run('ip', ['netns', 'exec', from, process.execPath, '-e', script])).trim();
}

/** What the address says, or the code of the error, or `timeout` after 500 ms; asked from a pod, or from the machine itself. */
async function ask(host: string, port: number, from?: string, localAddress?: string): Promise<string> {
  return from === undefined ? request(host, port, localAddress, connect) : asker.ask(from, host, port, localAddress);
}

/** A process that had no turn for a while sees its timer before the answer that is there: then it asks again. */
function request(host: string, port: number, localAddress: string | undefined, open: typeof connect): Promise<string> {
  const LIMIT_MS = 500;
  const LATE_MS = 600;
  const once = (): Promise<string> => new Promise((resolve) => {
    const fromMs = performance.now();
    const finish = (text: string): void => { socket.destroy(); resolve(text); };
    const socket = open({ host, port, localAddress, timeout: LIMIT_MS }, () => { socket.setTimeout(60_000); if (port === 82) socket.write('who'); });
    socket.on('data', (chunk) => finish(String(chunk)));
    socket.on('timeout', () => finish(performance.now() - fromMs > LATE_MS && socket.connecting ? 'late' : 'timeout'));
    socket.on('error', (error) => finish((error as NodeJS.ErrnoException).code ?? 'error'));
  });
  const insist = async (times: number): Promise<string> => {
    const said = await once();
    return said === 'late' ? (times === 0 ? 'timeout' : insist(times - 1)) : said;
  };
  return insist(20);
}

const asker = createAsker(request);
