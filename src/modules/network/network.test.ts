/**
 * The network as packets see it: a namespace that plays the machine, three that play pods, joined by the CNI plugin, with real servers in
 * them. The file runs itself inside the first namespace; the machine's own network is not touched.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { isRunning } from '../../base/sys/is-running.ts';
import { run, runAny } from '../../base/sys/run.ts';
import type { Pod, Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { NetworkPolicy } from '../../api/generated/networking-v1.ts';
import { eventually, PATIENCE } from '../../sdk/testing/eventually.ts';
import { memoryCache } from '../../sdk/testing/memory-cache.ts';
import { inNetworkNamespaces } from '../../sdk/testing/network-namespaces.ts';
import { advice, blockingChains } from './firewalls.ts';
import { bridgeOf, type NetworkFacts } from './links.ts';
import { isRouted, removePodNetwork, setUpPodNetwork } from './pod-network.ts';
import { askHaproxy, rowsOf } from '../../sdk/haproxy/commands.ts';
import { endHaproxy, haproxyFiles } from '../../sdk/haproxy/process.ts';
import { createProxiedServices } from './proxy/proxied.ts';
import { startSync } from './sync.ts';
import { ask, asker, balanced, count, machine, plugIn, serve, service, slice } from './testing/machine.ts';

const INSIDE = process.env.LLMOS_TEST_NAMESPACE;
const PLUGINS = ['/usr/lib/cni', '/opt/cni/bin'].find((folder) => existsSync(join(folder, 'bridge')));
const POSSIBLE = process.getuid?.() === 0 && PLUGINS !== undefined && existsSync('/usr/sbin/nft');

if (INSIDE === undefined) {
  test('the network in namespaces', { skip: POSSIBLE ? false : 'needs root, nft and the CNI plugins' }, async () => {
    const host = `lln${process.pid}`;
    const names = [host, `${host}a`, `${host}b`, `${host}c`, `${host}o`];
    await inNetworkNamespaces(names, async (folder) => {
      const result = await runAny('ip', ['netns', 'exec', host, process.execPath, '--test', '--test-reporter=spec', import.meta.filename], { env: { ...process.env, LLMOS_TEST_NAMESPACE: host, NODE_TEST_CONTEXT: undefined, TMPDIR: folder }, timeoutMs: 300_000 * PATIENCE });
      if (process.env.LLMOS_TEST_VERBOSE) process.stderr.write(result.stdout);
      assert.equal(result.code, 0, `${result.stdout}\n${result.stderr}`);
    });
  });
} else inside(INSIDE);

function inside(host: string): void {
  const pods = ['a', 'b', 'c'].map((letter) => ({ name: `${host}${letter}`, address: '', server: undefined as ChildProcess | undefined }));
  const services = memoryCache<Service>();
  const slices = memoryCache<EndpointSlice>();
  const podObjects = memoryCache<Pod>();
  const networkPolicies = memoryCache<NetworkPolicy>();
  const events: string[] = [];
  const stop = new AbortController();
  const network = { podCidr: '10.61.0.0/16', serviceCidr: '10.62.0.0/16', gatewayIp: '10.61.0.1', dnsServiceIp: '10.62.0.10', apiServiceIp: '10.62.0.1', loadBalancerCidr: '10.63.0.0/24', clusterDomain: 'cluster.local' };
  let facts: NetworkFacts;
  let folder: string;
  let emptyMachine: string;
  let sync: Awaited<ReturnType<typeof startSync>>;

  before(async () => {
    await run('ip', ['link', 'set', 'lo', 'up']);
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '0'); // a new namespace has it from the machine, on which somebody may forward
    folder = await mkdtemp(join(tmpdir(), 'llmos-network-'));
    facts = { instance: 'llt', runFolder: folder, network, cni: { confFolder: join(folder, 'net.d'), binFolders: [PLUGINS as string] }, programs: {} };
    emptyMachine = await machine();
    const { seesBridged } = await setUpPodNetwork(facts);
    for (const pod of pods) {
      pod.address = await plugIn(facts, pod.name, 'ADD');
      pod.server = serve(pod.name);
    }
    await Promise.all(pods.map((pod) => once(pod.server?.stdout as NodeJS.ReadableStream, 'data')));
    sync = await startSync({
      services, slices, pods: podObjects, networkPolicies, nft: 'nft', log: silentLog, signal: stop.signal, checkMs: 100, events: { event: (_about, _type, reason, message) => void events.push(`${reason}: ${message}`) },
      proxies: createProxiedServices({ program: 'haproxy', folder: join(folder, 'haproxy'), gatewayIp: network.gatewayIp, nodeName: 'n1', log: silentLog, signal: stop.signal }),
      facts: { nodeName: 'n1', ...network, table: bridgeOf(facts), bridge: bridgeOf(facts), seesBridged },
    });
  });
  after(async () => {
    for (const pod of pods) pod.server?.kill('SIGKILL');
    asker.end();
    await endHaproxy(join(folder, 'haproxy'));
    await removePodNetwork(facts);
    await rm(folder, { recursive: true, force: true });
  });

  test('pods have addresses of the range, and reach each other', async () => {
    assert.deepEqual(pods.map((pod) => pod.address), ['10.61.0.2', '10.61.0.3', '10.61.0.4']);
    assert.equal(await ask(`${pods[1]?.address}:80`, pods[0]?.name), pods[1]?.name);
  });

  test('a cluster IP answers in turn, from the machine and from pods', async () => {
    services.set(service('web', { clusterIP: '10.62.0.20' }));
    slices.set(slice('web', pods.map((pod) => pod.address)));
    await sync.idle();
    const fromMachine = [];
    for (let i = 0; i < 30; i++) fromMachine.push(await ask('10.62.0.20:80'));
    assert.deepEqual(count(fromMachine), Object.fromEntries(pods.map((pod) => [pod.name, 10])));
    for (let i = 0; i < 3; i++) assert.equal(fromMachine[i], fromMachine[i + 3]);
    const fromPod = [];
    for (let i = 0; i < 9; i++) fromPod.push(await ask('10.62.0.20:80', pods[0]?.name));
    assert.deepEqual(count(fromPod), Object.fromEntries(pods.map((pod) => [pod.name, 3])));
  });

  test('a changed endpoint is used at once', async () => {
    slices.set(slice('web', pods.slice(0, 1).map((pod) => pod.address)));
    await sync.idle();
    for (let i = 0; i < 4; i++) assert.equal(await ask('10.62.0.20:80'), pods[0]?.name);
  });

  test('a pod reaches itself by its service', async () => {
    assert.equal(await ask('10.62.0.20:80', pods[0]?.name), pods[0]?.name);
  });

  test('without endpoints, and for unknown addresses of the range, the connection is refused', async () => {
    slices.remove('default/web-1');
    await sync.idle();
    for (const address of ['10.62.0.20:80', '10.62.0.77:80', '10.63.0.9:80']) {
      assert.equal(await ask(address), 'ECONNREFUSED', address);
      assert.equal(await ask(address, pods[0]?.name), 'ECONNREFUSED', `${address} from a pod`);
    }
    slices.set(slice('web', pods.map((pod) => pod.address)));
  });

  test('a packet of a known connection passes no rule but those that have to see each', async () => {
    const { nftables } = JSON.parse(await run('nft', ['-j', 'list', 'table', 'ip', bridgeOf(facts)])) as { nftables: { chain?: { name: string; type?: string; hook?: string }; rule?: { chain: string } }[] };
    // Those of nat are for first packets.
    const passed = nftables.flatMap(({ chain }) => (chain?.hook === undefined || chain.type === 'nat' ? [] : [`${chain.hook} ${chain.name}: ${nftables.filter(({ rule }) => rule?.chain === chain.name).length}`]));
    assert.deepEqual(passed.sort(), ['forward strays: 1', 'output patience: 1', 'prerouting guard: 2']);
  });

  test('a node port answers on the addresses of the machine', async () => {
    services.set(service('web', { type: 'NodePort', clusterIP: '10.62.0.20', ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }] }));
    await sync.idle();
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await ask('127.0.0.1:30080'), await ask('10.61.0.1:30080'), await ask('10.61.0.1:30080', pods[2]?.name));
    assert.deepEqual(count(answers), Object.fromEntries(pods.map((pod) => [pod.name, 3])));
  });

  test('a load balancer answers on its address and on 127.0.0.1', async () => {
    services.set(balanced('lb', '10.62.0.21', 8081, '10.63.0.1'));
    slices.set(slice('lb', pods.map((pod) => pod.address)));
    await sync.idle();
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await ask('127.0.0.1:8081'), await ask('10.63.0.1:8081'), await ask('10.63.0.1:8081', pods[0]?.name));
    assert.deepEqual(count(answers), Object.fromEntries(pods.map((pod) => [pod.name, 3])));
  });

  test('pods leave the machine under its address, and who comes from outside keeps his own', async () => {
    const outside = `${host}o`;
    await run('ip', ['-batch', '-'], { input: `link add out0 type veth peer name eth0 netns ${outside}\naddr add 192.0.2.1/24 dev out0\nlink set out0 up\n` });
    await run('ip', ['-n', outside, '-batch', '-'], { input: 'addr add 192.0.2.2/24 dev eth0\nlink set eth0 up\nlink set lo up\n' });
    const far = serve(outside, 'q.socket.remoteAddress');
    await once(far.stdout as NodeJS.ReadableStream, 'data');
    const near = serve(String(pods[0]?.name), 'q.socket.remoteAddress', 81);
    await once(near.stdout as NodeJS.ReadableStream, 'data');
    services.set(service('seen', { type: 'NodePort', clusterIP: '10.62.0.30', ports: [{ port: 81, protocol: 'TCP', nodePort: 30081 }] }));
    slices.set(slice('seen', [String(pods[0]?.address)], 81));
    await sync.idle();
    try {
      assert.match(await ask('192.0.2.2:80', pods[0]?.name), /192\.0\.2\.1$/);
      assert.match(await ask('192.0.2.1:30081', outside), /192\.0\.2\.2$/);
      assert.equal(await ask('10.61.0.1:7443', outside), 'ENETUNREACH');
    } finally {
      far.kill('SIGKILL');
      near.kill('SIGKILL');
      services.remove('default/seen');
      slices.remove('default/seen-1');
      await run('ip', ['link', 'del', 'out0']);
      await sync.idle();
    }
  });

  test('pods do not reach what listens on 127.0.0.1', async () => {
    const secret = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nsecret')).listen(7777, '127.0.0.1');
    await once(secret, 'listening');
    await run('ip', ['netns', 'exec', String(pods[0]?.name), 'sh', '-c', 'ip link set lo down; ip addr flush dev lo; ip route add 127.0.0.0/8 via 10.61.0.1; echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet']);
    try {
      assert.notEqual(await ask('127.0.0.1:7777', pods[0]?.name), 'secret');
    } finally {
      await run('ip', ['netns', 'exec', String(pods[0]?.name), 'sh', '-c', 'ip route del 127.0.0.0/8; ip link set lo up']);
      secret.close();
    }
  });

  test('a port that a program of the machine has is left to it, and said so', async () => {
    const program = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nmine')).listen(8082, '0.0.0.0');
    await once(program, 'listening');
    services.set(balanced('taken', '10.62.0.22', 8082, '10.63.0.2'));
    slices.set(slice('taken', pods.map((pod) => pod.address)));
    await sync.idle();
    assert.equal(await ask('127.0.0.1:8082'), 'mine');
    assert.ok((await ask('10.63.0.2:8082')).startsWith(host));
    assert.match(events.join('\n'), /PortInUse: 127\.0\.0\.1:8082\/tcp is not used for this service: another program of this machine uses it/);
    program.close();
  });

  test('session affinity keeps a client with its endpoint', async () => {
    services.set(service('sticky', { clusterIP: '10.62.0.23', sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }));
    slices.set(slice('sticky', pods.map((pod) => pod.address)));
    await sync.idle();
    for (const from of [undefined, pods[0]?.name, pods[1]?.name]) {
      const answers = [];
      for (let i = 0; i < 6; i++) answers.push(await ask('10.62.0.23:80', from));
      assert.equal(new Set(answers).size, 1, `${from} was answered by ${answers.join()}`);
    }
  });

  test('session affinity ends with its time', async () => {
    services.set(service('brief', { clusterIP: '10.62.0.26', sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } } }));
    slices.set(slice('brief', pods.map((pod) => pod.address)));
    await sync.idle();
    const later = new Set<string>();
    for (let i = 0; i < 3; i++) later.add(await new Promise((resolve) => setTimeout(() => resolve(ask('10.62.0.26:80')), 1_400)));
    assert.ok(later.size > 1, [...later].join());
    services.remove('default/brief');
  });

  test('source ranges let through who lies in them, whatever else they say', async () => {
    const [inside, outside] = [pods[0], pods[1]];
    const ranged = (...ranges: string[]): Service => {
      const one = balanced('ranged', '10.62.0.27', 8083, '10.63.0.7');
      return { ...one, spec: { ...one.spec, loadBalancerSourceRanges: ranges } };
    };
    services.set(ranged(`${inside?.address}/32`));
    slices.set(slice('ranged', [String(pods[2]?.address)]));
    await sync.idle();
    assert.equal(await ask('10.63.0.7:8083', inside?.name), pods[2]?.name);
    assert.equal(await ask('10.63.0.7:8083', outside?.name), 'timeout');
    assert.equal(await ask('10.62.0.27:8083', outside?.name), pods[2]?.name, 'the cluster IP asks nobody where he comes from');
    services.set(ranged('0.0.0.0/0', '10.0.0.0/8', `${inside?.address}/32`));
    await sync.idle();
    assert.equal(await ask('10.63.0.7:8083', outside?.name), pods[2]?.name, 'ranges within ranges');
    const annotated = ranged();
    services.set({ ...annotated, metadata: { ...annotated.metadata, annotations: { 'service.beta.kubernetes.io/load-balancer-source-ranges': `192.0.2.0/24, ${inside?.address}/32` } } });
    await sync.idle();
    assert.equal(await ask('10.63.0.7:8083', inside?.name), pods[2]?.name);
    assert.equal(await ask('10.63.0.7:8083', outside?.name), 'timeout', 'by the annotation, too');
    services.remove('default/ranged');
  });

  test('who comes from outside keeps to endpoints here, where the Service says so; pods reach all', async () => {
    const far = `${host}o`;
    await run('ip', ['-batch', '-'], { input: `link add out1 type veth peer name eth1 netns ${far}\naddr add 198.51.100.1/24 dev out1\nlink set out1 up\n` });
    await run('ip', ['-n', far, '-batch', '-'], { input: 'addr add 198.51.100.2/24 dev eth1\nlink set eth1 up\nlink set lo up\nroute add 10.63.0.0/24 via 198.51.100.1\n' });
    try {
      const elsewhere = slice('near', pods.map((pod) => pod.address));
      services.set({ ...balanced('near', '10.62.0.28', 8084, '10.63.0.8'), spec: { type: 'LoadBalancer', clusterIP: '10.62.0.28', clusterIPs: ['10.62.0.28'], externalTrafficPolicy: 'Local', ports: [{ port: 8084, protocol: 'TCP' }] } });
      slices.set({ ...elsewhere, endpoints: elsewhere.endpoints?.map((each, index) => ({ ...each, nodeName: index === 0 ? 'n1' : 'n2' })) });
      await sync.idle();
      for (let i = 0; i < 4; i++) assert.equal(await ask('10.63.0.8:8084', far), pods[0]?.name, 'from outside only the one here');
      const within = new Set<string>();
      for (let i = 0; i < 6; i++) within.add(await ask('10.63.0.8:8084', pods[1]?.name));
      assert.equal(within.size, 3, 'from a pod all of them');
      slices.set({ ...elsewhere, endpoints: elsewhere.endpoints?.map((each) => ({ ...each, nodeName: 'n2' })) });
      await sync.idle();
      assert.equal(await ask('10.63.0.8:8084', far), 'timeout', 'none here: nothing for who comes from outside');
    } finally {
      services.remove('default/near');
      await sync.idle();
      await run('ip', ['link', 'del', 'out1']);
    }
  });

  test('one that terminates serves as long as no other is ready', async () => {
    const ending = slice('ending', pods.slice(0, 2).map((pod) => pod.address));
    services.set(service('ending', { clusterIP: '10.62.0.29' }));
    const [first, second] = ending.endpoints ?? [];
    const terminating = { ready: false, serving: true, terminating: true };
    slices.set({ ...ending, endpoints: [{ ...first!, conditions: terminating }, { ...second!, conditions: { ready: false, serving: false, terminating: true } }] });
    await sync.idle();
    for (let i = 0; i < 3; i++) assert.equal(await ask('10.62.0.29:80'), pods[0]?.name);
    slices.set({ ...ending, endpoints: [{ ...first!, conditions: terminating }, second!] });
    await sync.idle();
    for (let i = 0; i < 3; i++) assert.equal(await ask('10.62.0.29:80'), pods[1]?.name);
    services.remove('default/ending');
  });

  test('weights are the kernel’s turns, and a new weight counts at once', async () => {
    const weighted = { ...service('weighted', { clusterIP: '10.62.0.31' }), metadata: { name: 'weighted', namespace: 'default', annotations: { 'llmos.dev/load-balancing': 'weighted' } } };
    const endpoints = slice('weighted', pods.slice(0, 2).map((pod) => pod.address));
    slices.set({ ...endpoints, endpoints: endpoints.endpoints?.map((each, index) => ({ ...each, targetRef: { kind: 'Pod', name: `w${index}` } })) });
    const weigh = (index: number, weight: string): void => podObjects.set({ metadata: { name: `w${index}`, namespace: 'default', annotations: { 'llmos.dev/weight': weight } }, status: { podIP: pods[index]!.address } });
    weigh(0, '3');
    services.set(weighted);
    const turns = async (): Promise<Record<string, number>> => {
      await sync.idle();
      const answers = [];
      for (let i = 0; i < 8; i++) answers.push(await ask('10.62.0.31:80'));
      return count(answers);
    };
    assert.deepEqual(await turns(), { [pods[0]!.name]: 6, [pods[1]!.name]: 2 });
    weigh(1, '3');
    assert.deepEqual(await turns(), { [pods[0]!.name]: 4, [pods[1]!.name]: 4 });
    weigh(0, '0');
    assert.deepEqual(await turns(), { [pods[1]!.name]: 8 });
    services.remove('default/weighted');
  });

  test('no request fails while endpoints change a hundred times a second', async () => {
    services.set(service('busy', { clusterIP: '10.62.0.32' }));
    slices.set(slice('busy', pods.map((pod) => pod.address)));
    await sync.idle();
    let going = true;
    const failed: string[] = [];
    let answered = 0;
    const client = async (): Promise<void> => {
      while (going) {
        const answer = await ask('10.62.0.32:80');
        if (answer.startsWith(host)) answered++;
        else failed.push(answer);
      }
    };
    const clients = [client(), client(), client(), client()];
    let changes = 0;
    for (const began = performance.now(); performance.now() - began < 1_500; changes++) {
      slices.set(slice('busy', pods.filter((_, index) => index === 0 || (changes + index) % 3 > 0).map((pod) => pod.address)));
      await new Promise((resolve) => setTimeout(resolve, 8));
    }
    slices.set(slice('busy', [String(pods[2]?.address)]));
    await sync.idle();
    for (let i = 0; i < 10; i++) assert.equal(await ask('10.62.0.32:80'), pods[2]?.name, 'nothing new goes to one that left');
    going = false;
    await Promise.all(clients);
    assert.deepEqual(failed, []);
    assert.ok(changes > 10 && answered > 5, `${changes} changes, ${answered} answers`);
    services.remove('default/busy');
    slices.remove('default/busy-1');
    await sync.idle();
  });

  test('a client of UDP is not led to an endpoint that is gone', { skip: existsSync('/usr/bin/perl') ? false : 'needs perl' }, async () => {
    const script = "const s = require('node:dgram').createSocket('udp4'); s.on('message', (m, from) => s.send(process.argv[1], from.port, from.address)); s.bind(53, () => console.log('up'))";
    const servers = pods.slice(0, 2).map((pod) => spawn('ip', ['netns', 'exec', pod.name, process.execPath, '-e', script, pod.name], { stdio: ['ignore', 'pipe', 'inherit'] }));
    const client = createSocket('udp4');
    try {
      await Promise.all(servers.map((server) => once(server.stdout as NodeJS.ReadableStream, 'data')));
      const udp: Pick<EndpointSlice, 'ports'> = { ports: [{ name: '', port: 53, protocol: 'UDP' }] };
      const at = (index: number): EndpointSlice => ({ ...slice('flow', [String(pods[index]?.address)]), ...udp });
      services.set(service('flow', { clusterIP: '10.62.0.25', ports: [{ port: 53, protocol: 'UDP' }] }));
      const say = async (): Promise<string> => {
        client.send('who', 53, '10.62.0.25');
        return String(((await once(client, 'message', { signal: AbortSignal.timeout(3_000) })) as [Buffer])[0]);
      };
      for (const index of [0, 1, 0]) {
        slices.set(at(index));
        await sync.idle();
        assert.equal(await say(), pods[index]?.name);
      }
    } finally {
      client.close();
      for (const server of servers) server.kill('SIGKILL');
      services.remove('default/flow');
      slices.remove('default/flow-1');
      await sync.idle();
    }
  });

  test('least connection: who is busy is spared, by a proxy that is there only while it is wanted', { skip: existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy' }, async () => {
    const pidFile = join(folder, 'haproxy', 'haproxy.pid');
    assert.equal(existsSync(pidFile), false);
    const least = { ...service('least', { clusterIP: '10.62.0.24' }), metadata: { name: 'least', namespace: 'default', annotations: { 'llmos.dev/load-balancing': 'least-connection' } } };
    services.set(least);
    slices.set(slice('least', pods.slice(0, 2).map((pod) => pod.address)));
    await sync.idle();
    // One connection that stays open makes its pod the busier one: all others go to the other pod.
    const busy = connect({ host: '10.62.0.24', port: 80 }).unref();
    await once(busy, 'connect');
    // HAProxy counts a connection a moment longer than its client has it.
    const isAlone = async (): Promise<boolean> => rowsOf(await askHaproxy(haproxyFiles(join(folder, 'haproxy')).socket, 'show stat')).filter((read) => /^s\d/.test(read('svname'))).reduce((sum, read) => sum + Number(read('scur')), 0) === 1;
    const answers = [];
    for (let i = 0; i < 6; i++) {
      await eventually(isAlone, { what: 'the busy connection alone' });
      answers.push(await ask('10.62.0.24:80', i % 2 === 0 ? pods[2]?.name : undefined));
    }
    assert.equal(new Set(answers).size, 1, answers.join());
    busy.destroy();
    const pid = (await readFile(pidFile, 'utf8')).trim();
    slices.set(slice('least', [String(pods[2]?.address)]));
    await sync.idle();
    assert.equal(await ask('10.62.0.24:80'), pods[2]?.name);
    assert.equal((await readFile(pidFile, 'utf8')).trim(), pid, 'an endpoint changed without a reload');
    process.kill(Number(pid), 'SIGKILL');
    await eventually(async () => (await ask('10.62.0.24:80')) === pods[2]?.name, { what: 'a killed proxy is started again' });
    services.set(service('least', { clusterIP: '10.62.0.24' }));
    await sync.idle();
    assert.equal(existsSync(pidFile), false);
    assert.equal(await ask('10.62.0.24:80'), pods[2]?.name);
    services.remove('default/least');
    slices.remove('default/least-1');
    await sync.idle();
  });

  test('what policies have to judge goes past the proxy, and no request fails when it changes', { skip: existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy' }, async () => {
    const configuration = haproxyFiles(join(folder, 'haproxy')).configuration;
    const isCarried = async (name: string): Promise<boolean> => existsSync(configuration) && (await readFile(configuration, 'utf8')).includes(`listen default:${name}:80\n`);
    const near = serve(String(pods[0]?.name), 'q.socket.remoteAddress', 81);
    await once(near.stdout as NodeJS.ReadableStream, 'data');
    const least = (name: string, clusterIP: string): Service => ({ ...service(name, { clusterIP }), metadata: { name, namespace: 'default', annotations: { 'llmos.dev/load-balancing': 'least-connection' } } });
    const isolate = (index: number, type: 'Ingress' | 'Egress'): void => networkPolicies.set({ metadata: { name: type, namespace: 'default' }, spec: { podSelector: { matchLabels: { pod: String(index) } }, policyTypes: [type] } });
    const client = async (index: number): Promise<string> => (await ask('10.62.0.33:80', pods[index]?.name)).replace('::ffff:', '');
    pods.forEach(({ address }, index) => podObjects.set({ metadata: { name: `p${index}`, namespace: 'default', labels: { pod: String(index) } }, status: { podIP: address } } as Pod));
    services.set(least('seen', '10.62.0.33'));
    services.set(least('other', '10.62.0.34'));
    slices.set(slice('seen', [String(pods[0]?.address)], 81));
    slices.set(slice('other', [String(pods[1]?.address)]));
    await sync.idle();
    assert.deepEqual([await client(1), await client(2)], [network.gatewayIp, network.gatewayIp], 'by the proxy');
    isolate(1, 'Egress');
    await sync.idle();
    assert.deepEqual([await client(1), await client(2)], [pods[1]?.address, network.gatewayIp], 'who is isolated for egress goes past it');
    let going = true;
    const answers: string[] = [];
    const asking = (async () => { while (going) answers.push(await client(2)); })();
    for (let times = 0; times < 4; times += 1) {
      isolate(0, 'Ingress');
      await sync.idle();
      assert.deepEqual([await client(2), await isCarried('seen'), await isCarried('other')], [pods[2]?.address, false, true], 'all go past it, where an endpoint is isolated for ingress');
      networkPolicies.remove('default/Ingress');
      await sync.idle();
      assert.deepEqual([await client(2), await isCarried('seen')], [network.gatewayIp, true]);
    }
    going = false;
    await asking;
    services.remove('default/other');
    slices.remove('default/other-1');
    await sync.idle();
    const open = connect({ host: '10.62.0.33', port: 80 });
    await once(open, 'connect');
    await eventually(async () => rowsOf(await askHaproxy(haproxyFiles(join(folder, 'haproxy')).socket, 'show stat')).some((read) => read('svname') === 's0' && Number(read('scur')) === 1), { what: 'the proxy has led it on' });
    const pid = Number(await readFile(haproxyFiles(join(folder, 'haproxy')).pid, 'utf8'));
    isolate(0, 'Ingress');
    await sync.idle();
    assert.deepEqual([await client(2), existsSync(configuration)], [pods[2]?.address, false]);
    open.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    assert.match(String((await once(open, 'data'))[0]), new RegExp(`${network.gatewayIp}\\b`), 'what is open goes on, though nothing else is carried');
    await once(open, 'close');
    await eventually(async () => !isRunning(pid), { what: 'the proxy ends with it' });
    networkPolicies.remove('default/Ingress');
    assert.deepEqual(answers.filter((each) => each !== network.gatewayIp && each !== pods[2]?.address), []);
    assert.ok(events.some((each) => each.startsWith('SharedByKernel')) && events.some((each) => each.startsWith('SharedByProxy')), events.join());
    networkPolicies.remove('default/Egress');
    services.remove('default/seen');
    slices.remove('default/seen-1');
    await sync.idle();
    assert.equal(existsSync(configuration), false);
    assert.doesNotMatch(await run('nft', ['list', 'set', 'ip', 'llt0', 'confined']), /elements/);
    near.kill('SIGKILL');
    pods.forEach((_, index) => podObjects.remove(`default/p${index}`));
  });

  test('a table that somebody flushed is there again', async () => {
    await run('nft', ['flush', 'ruleset']);
    await eventually(async () => (await ask('10.62.0.20:80')).startsWith(host), { what: 'the rules are there again' });
  });

  test('pods join a bridge again that somebody deleted', async () => {
    services.set(service('web', { clusterIP: '10.62.0.20' }));
    slices.set(slice('web', pods.map((pod) => pod.address)));
    await sync.idle();
    assert.ok(isRouted(facts));
    await run('ip', ['link', 'del', bridgeOf(facts)]);
    assert.ok(!isRouted(facts));
    await setUpPodNetwork(facts);
    // The note of what was before went with the old bridge; the tests below look whether it is kept to.
    await run('ip', ['link', 'set', 'dev', bridgeOf(facts), 'alias', `llmos/${facts.instance}/forward=0`]);
    assert.ok(isRouted(facts));
    assert.ok((await ask('10.62.0.20:80')).startsWith(host));
    assert.equal(await ask(`${pods[1]?.address}:80`, pods[0]?.name), pods[1]?.name);
  });

  test('a packet that belongs to no connection does not end one', async () => {
    const [server, client] = [String(pods[0]?.name), String(pods[1]?.name)];
    services.set(service('strays', { clusterIP: '10.62.0.40' }));
    slices.set(slice('strays', [String(pods[0]?.address)]));
    await sync.idle();
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
    await sync.idle();
  });

  test('foreign rules stay, and a second instance does not disturb the first', async () => {
    await run('nft', ['-f', '-'], { input: 'table ip foreign {\n chain c {\n ip daddr 192.0.2.1 drop\n }\n}\n' });
    const other: NetworkFacts = { ...facts, instance: 'llu', runFolder: join(folder, 'u'), cni: { ...facts.cni, confFolder: join(folder, 'u', 'net.d') }, network: { ...network, podCidr: '10.71.0.0/16', gatewayIp: '10.71.0.1', serviceCidr: '10.72.0.0/16', loadBalancerCidr: '10.73.0.0/24' } };
    const between = await machine();
    await setUpPodNetwork(other);
    await assert.rejects(setUpPodNetwork({ ...other, instance: 'llv' }), /overlaps/);
    assert.ok((await ask('10.62.0.20:80')).startsWith(host));
    await removePodNetwork(other);
    await rm(join(folder, 'u'), { recursive: true, force: true });
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

  test('a restart takes over, a stop leaves the rules, a removal leaves nothing', async () => {
    stop.abort('stop');
    await sync.settled();
    assert.ok((await ask('10.62.0.20:80')).startsWith(host));
    const bound = [await ask('10.62.0.23:80'), await ask('10.62.0.23:80', pods[1]?.name)];
    await setUpPodNetwork(facts);
    const again = new AbortController();
    const second = await startSync({ services, slices, nft: 'nft', log: silentLog, signal: again.signal, events: { event() {} }, facts: { nodeName: 'n1', ...network, table: bridgeOf(facts), bridge: bridgeOf(facts), seesBridged: true } });
    assert.ok((await ask('10.62.0.20:80')).startsWith(host));
    assert.deepEqual([await ask('10.62.0.23:80'), await ask('10.62.0.23:80', pods[1]?.name)], bound);
    again.abort('down');
    await second.settled();
    for (const pod of pods) pod.server?.kill('SIGKILL');
    await removePodNetwork(facts);
    assert.equal(await machine(), emptyMachine);
    await removePodNetwork(facts);
  });
}
