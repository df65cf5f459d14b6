/** What is promised of Services and no conformance behaviour asks for (upstream: test/e2e/network/service.go, conntrack.go, networking.go). */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { get } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { CLIENT, serverOf } from '../conformance/network/servers.ts';
import { importTestImage } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { applyTo, ok } from '../fixtures/kubectl-words.ts';
import { PATIENCE } from '../fixtures/patience.ts';

/** Says its name, the port it was asked at and who asked; by UDP what it was sent, too. Told to end it goes on. */
const SERVER = `const os = require('node:os'), dgram = require('node:dgram');
process.on('SIGTERM', () => {});
const base = Number(process.argv[1] ?? 80);
for (const port of [base, base + 1]) {
  require('node:http').createServer((q, r) => r.setHeader('connection', 'close').end([os.hostname(), port, q.socket.remoteAddress.replace('::ffff:', '')].join(' '))).listen(port);
  const s = dgram.createSocket('udp4'); s.on('message', (m, from) => s.send([os.hostname(), port, from.address, m].join(' '), from.port, from.address)); s.bind(port);
}`;
/** One socket that goes on asking until an answer has the words. */
const ASKS_ON = `const [, host, port, words, text] = process.argv; const s = require('node:dgram').createSocket('udp4');
s.on('error', () => {}).on('message', (m) => { if (String(m).includes(words)) { console.log(String(m)); process.exit(0); } });
s.bind(0, () => setInterval(() => s.send(text, Number(port), host, () => {}), 100));`;

describe('services keep what is promised', { timeout: 300_000 * PATIENCE }, () => {
  let llmos: Instance;
  const kubectl = (...args: string[]): Promise<string> => ok(llmos.kubectl(...args));
  const apply = (...items: object[]): Promise<string> => applyTo(llmos, ...items);
  const field = (path: string, ...what: string[]): Promise<string> => kubectl('get', ...what, '-o', `jsonpath={${path}}`);
  const pod = (name: string, app: string, more: { spec?: object; container?: object; base?: number } = {}): object => ({ apiVersion: 'v1', kind: 'Pod', ...serverOf(name, { labels: { app }, spec: { terminationGracePeriodSeconds: 0, ...more.spec }, container: { command: ['/node/node', '-e', SERVER, String(more.base ?? 80)], ...more.container } }) });
  const service = (name: string, spec: object): object => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: name }, ports: [{ port: 80 }], ...spec } });
  const addressOf = (name: string): Promise<string> => field('.spec.clusterIP', 'service', name);
  const ready = (...names: string[]): Promise<string> => kubectl('wait', ...names.map((name) => `pod/${name}`), '--for=condition=Ready', '--timeout=120s');
  /** Answers to a pod, '' for none. */
  const ask = async (host: string, { port = 80, protocol = 'http', times = 1, from = 'client' }: { port?: number; protocol?: string; times?: number; from?: string } = {}): Promise<string[]> =>
    JSON.parse(await kubectl('exec', from, '--', '/node/node', '-e', CLIENT, protocol, host, String(port), String(times))) as string[];
  const until = (what: string, holds: () => Promise<boolean>): Promise<unknown> => eventually(holds, { what, timeoutMs: 60_000 * PATIENCE });
  const asksOn = (host: string, port: number, words: string, text = 'who'): Promise<string> => kubectl('exec', 'client', '--', '/node/node', '-e', ASKS_ON, host, String(port), words, text);

  before(async () => {
    llmos = await bootInstance({ config: "modules: { network: { healthzBindAddress: '0.0.0.0:10256' } }\n" });
    importTestImage(llmos);
    await apply(pod('client', 'client'), pod('web', 'web'), service('web', {}));
    await ready('client', 'web');
    const host = await addressOf('web');
    await until('the service answers', async () => (await ask(host))[0] !== '');
  });
  after(async () => llmos?.destroy());

  it('the Services of the cluster come back whole, whatever of them is deleted', async () => {
    const whole = async (namespace: string, name: string): Promise<string> => (await Promise.all(['service', 'endpoints', 'endpointslice'].map((kind) => kubectl('get', kind, name, '-n', namespace, '--ignore-not-found', '-o', 'name')))).join('').trim().split('\n').length === 3
      ? field('.subsets[0].addresses[0].ip', 'endpoints', name, '-n', namespace) : '';
    for (const [namespace, name] of [['default', 'kubernetes'], ['kube-system', 'kube-dns']] as const) {
      const before = await whole(namespace, name);
      assert.notEqual(before, '');
      for (const kind of ['service', 'endpoints', 'endpointslice']) {
        await kubectl('delete', kind, name, '-n', namespace, '--ignore-not-found');
        await until(`${name} is whole again`, async () => (await whole(namespace, name)) === before);
      }
    }
    const host = await addressOf('web');
    await until('names resolve', async () => (await ask('web'))[0] === (await ask(host))[0]);
  });

  it('shows its pods who asks, by the cluster IP too, and leads a pod to itself', async () => {
    const host = await addressOf('web');
    const client = await field('.status.podIP', 'pod', 'client');
    assert.deepEqual(await ask(host), [`web 80 ${client}`]);
    assert.deepEqual(await ask(await field('.status.podIP', 'pod', 'web')), [`web 80 ${client}`]);
    assert.match((await ask(host, { from: 'web' }))[0]!, /^web 80 /);
  });

  it('a port of the machine for datagrams leads who goes on sending to the pod that has it now', async () => {
    const held = (name: string): object => pod(name, name, { container: { ports: [{ containerPort: 80, hostPort: 18_053, protocol: 'UDP' }] } });
    const socket = createSocket('udp4').on('error', () => {});
    let answer = '';
    socket.on('message', (message) => void (answer = String(message)));
    const answered = (name: string): Promise<unknown> => until(`${name} answers`, async () => answer.startsWith(`${name} 80 `));
    // The machine itself answers before any pod does.
    const own = createSocket('udp4').on('message', (_message, from) => own.send('machine 80 ', from.port, from.address));
    await new Promise<void>((resolve) => own.bind(18_053, '127.0.0.1', resolve));
    const sending = setInterval(() => socket.send('who', 18_053, '127.0.0.1', () => {}), 50);
    try {
      await answered('machine');
      for (const name of ['first-held', 'second-held']) {
        await apply(held(name));
        await ready(name);
        await answered(name);
        await kubectl('delete', 'pod', name);
      }
    } finally {
      clearInterval(sending);
      for (const each of [socket, own]) each.close();
    }
  });

  it('may be named from a digit on, and keeps its ports when these change their numbers', async () => {
    const ports = (http: number, other: number): object[] => [{ name: 'http', port: http, targetPort: 80 }, { name: 'other', port: other, targetPort: 81 }];
    await apply(service('2nd', { selector: { app: 'web' }, type: 'NodePort', ports: ports(80, 81) }));
    await until('its name leads to the pod', async () => (await ask('2nd'))[0]!.startsWith('web 80 ') && (await ask('2nd', { port: 81 }))[0]!.startsWith('web 81 '));
    const before = await field('.spec.ports[*].nodePort', 'service', '2nd');
    await ok(llmos.kubectlWith(JSON.stringify({ apiVersion: 'v1', kind: 'Service', ...service('2nd', { selector: { app: 'web' }, type: 'NodePort', ports: ports(81, 80) }) }), 'replace', '-f', '-'));
    assert.equal(await field('.spec.ports[*].nodePort', 'service', '2nd'), before);
    await until('the numbers are exchanged', async () => (await ask('2nd'))[0]!.startsWith('web 81 ') && (await ask('2nd', { port: 81 }))[0]!.startsWith('web 80 '));
    await kubectl('delete', 'service', '2nd');
  });

  it('carries datagrams of any size, and keeps a client of them where it was, if it is to', async () => {
    const ports = [{ name: 'datagrams', port: 80, protocol: 'UDP' }];
    await apply(pod('one', 'talk'), pod('two', 'talk'), service('talk', { ports, sessionAffinity: 'ClientIP' }));
    await ready('one', 'two');
    const host = await addressOf('talk');
    await until('it answers', async () => (await ask(host, { protocol: 'udp' }))[0] !== '');
    assert.equal(new Set((await ask(host, { protocol: 'udp', times: 8 })).map((each) => each.split(' ')[0])).size, 1);
    const large = 'x'.repeat(20_000);
    assert.ok((await asksOn(host, 80, large, large)).trimEnd().endsWith(large));
  });

  it('leads who keeps sending datagrams to an endpoint that becomes ready, and to the port that is new', async () => {
    const ports = (targetPort: number): object[] => [{ name: 'datagrams', port: 80, targetPort, protocol: 'UDP' }];
    await apply(service('late', { type: 'NodePort', ports: ports(80) }));
    const host = await addressOf('late');
    const answer = asksOn(host, 80, 'late 80');
    await apply(pod('late', 'late'));
    await answer;
    const port = Number(await field('.spec.ports[0].nodePort', 'service', 'late'));
    const node = await field('.status.addresses[?(@.type=="InternalIP")].address', 'node', 'node1');
    await asksOn(node, port, 'late 80');
    const moved = [asksOn(node, port, 'late 81'), asksOn(host, 80, 'late 81')];
    await apply(service('late', { type: 'NodePort', ports: ports(81) }));
    await Promise.all(moved);
  });

  it('leads who sent datagrams to a port of the machine before there was anything behind it', async () => {
    const fromHere = (port: number, words: string): Promise<string> => new Promise((resolve, reject) => {
      const socket = createSocket('udp4');
      const sending = setInterval(() => socket.send('who', port, '127.0.0.1', () => {}), 100);
      const end = (text: string | undefined): void => {
        clearInterval(sending);
        clearTimeout(patience);
        socket.close();
        if (text === undefined) reject(new Error(`nobody answers at ${port}`));
        else resolve(text);
      };
      const patience = setTimeout(() => end(undefined), 60_000 * PATIENCE);
      socket.on('error', () => {}).on('message', (message) => { if (String(message).includes(words)) end(String(message)); });
    });
    const answers = [fromHere(30_599, 'soon 80'), fromHere(5_399, 'soon 80')];
    await Promise.all([apply(pod('soon', 'soon'), service('soon', { type: 'LoadBalancer', ports: [{ name: 'datagrams', port: 5_399, targetPort: 80, nodePort: 30_599, protocol: 'UDP' }] })), ...answers]);
    await kubectl('delete', 'pod,service', 'soon', '--grace-period=0', '--force');
  });

  it('follows its ports as they come, go and change, and is the same one when it was made again', async () => {
    await apply(pod('ports', 'ports'), service('ports', { ports: [{ name: 'one', port: 80 }] }));
    await ready('ports');
    const host = await addressOf('ports');
    await until('the first one answers', async () => (await ask(host))[0] !== '');
    await apply(service('ports', { ports: [{ name: 'one', port: 80 }, { name: 'two', port: 90, targetPort: 81 }] }));
    await until('the second one answers', async () => (await ask(host, { port: 90 }))[0]!.startsWith('ports 81'));
    assert.match((await ask(host))[0]!, /^ports 80/);
    await apply(service('ports', { ports: [{ name: 'two', port: 90, targetPort: 80 }] }));
    await until('the second one leads elsewhere, the first nowhere', async () => (await ask(host, { port: 90 }))[0]!.startsWith('ports 80') && (await ask(host))[0] === '');
    await kubectl('delete', 'service', 'ports');
    await apply(service('ports', { clusterIP: host }));
    await until('it is back', async () => (await ask(host))[0]!.startsWith('ports 80'));
  });

  it('leads to pods of the network of the node', async () => {
    await apply(pod('host', 'host', { spec: { hostNetwork: true }, base: 4_480, container: { readinessProbe: { tcpSocket: { port: 4_480 }, periodSeconds: 1 } } }), service('host', { ports: [{ name: 'http', port: 80, targetPort: 4_480 }, { name: 'datagrams', port: 80, targetPort: 4_480, protocol: 'UDP' }] }));
    await ready('host');
    const host = await addressOf('host');
    for (const protocol of ['http', 'udp']) await until(`it answers by ${protocol}`, async () => (await ask(host, { protocol }))[0]!.split(' ')[1] === '4480');
  });

  it('leads to what is not ready, and to what ends, only where it says so', async () => {
    const never = { readinessProbe: { exec: { command: ['/node/node', '-e', 'process.exit(1)'] }, periodSeconds: 1 } };
    await apply(pod('early', 'early', { container: never, spec: { terminationGracePeriodSeconds: 120 } }), service('early', { publishNotReadyAddresses: true }), service('strict', { selector: { app: 'early' } }));
    const [open, strict] = [await addressOf('early'), await addressOf('strict')];
    await until('what is not ready answers', async () => (await ask(open))[0]!.startsWith('early 80'));
    assert.deepEqual(await ask(strict), ['']);
    await kubectl('delete', 'pod', 'early', '--wait=false');
    await until('it is ending', async () => (await field('.metadata.deletionTimestamp', 'pod', 'early')) !== '');
    await until('the slices know', async () => (await field('.items[*].endpoints[*].conditions.terminating', 'endpointslices', '-l', 'kubernetes.io/service-name=strict')) === 'true');
    assert.match((await ask(open))[0]!, /^early 80/);
    assert.deepEqual(await ask(strict), ['']);
    await kubectl('delete', 'pod', 'early', '--force', '--grace-period=0');
  });

  it('says how it is where kube-proxy is asked (upstream: Networking should check kube-proxy urls)', async () => {
    const read = (url: string): Promise<string> => new Promise((resolve, reject) => {
      get(url, { agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => resolve(`${response.statusCode} ${text}`));
      }).on('error', reject);
    });
    const node = await field('.status.addresses[?(@.type=="InternalIP")].address', 'node', 'node1');
    assert.match(await read(`http://${node}:10256/healthz`), /^200 \{"lastUpdated":".*","currentTime":".*","nodeEligible":true,"healthy":true,"status":\{"IPv4":\{"lastUpdated":".*","healthy":true\}/);
    assert.equal(await read('http://127.0.0.1:10249/proxyMode'), '200 nftables');
    await until('what pods change is measured from there on', async () => Number(/^kubeproxy_network_programming_duration_seconds_count\{ip_family="IPv4"\} (\d+)$/m.exec(await read('http://127.0.0.1:10249/metrics'))?.[1]) > 0);
    await assert.rejects(read(`http://${node}:10249/metrics`), /ECONNREFUSED/);
    await kubectl('taint', 'node', 'node1', 'ToBeDeletedByClusterAutoscaler=now:PreferNoSchedule');
    await until('nothing more is to be sent to a node that is about to go', async () => (await read(`http://${node}:10256/healthz`)).startsWith('503 '));
    assert.match(await read(`http://${node}:10256/livez`), /^200 /);
    await kubectl('taint', 'node', 'node1', 'ToBeDeletedByClusterAutoscaler-');
    await until('it stays', async () => (await read(`http://${node}:10256/healthz`)).startsWith('200 '));
  });

  it('a load balancer of local endpoints is not well while all of them end, though they still answer', async () => {
    await apply(pod('edge', 'edge', { spec: { terminationGracePeriodSeconds: 120 } }), service('edge', { type: 'LoadBalancer', externalTrafficPolicy: 'Local', allocateLoadBalancerNodePorts: false }));
    await ready('edge');
    const port = Number(await field('.spec.healthCheckNodePort', 'service', 'edge'));
    assert.equal(await field('.spec.ports[0].nodePort', 'service', 'edge'), '');
    const health = (): Promise<[number, string]> => new Promise((resolve, reject) => {
      get(`http://127.0.0.1:${port}/`, { agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => resolve([response.statusCode ?? 0, `${(JSON.parse(text) as { localEndpoints: number }).localEndpoints} ${response.headers['x-load-balancing-endpoint-weight']}`]));
      }).on('error', reject);
    });
    await until('it is well', async () => { assert.deepEqual(await health(), [200, '1 1']); return true; });
    await kubectl('delete', 'pod', 'edge', '--wait=false');
    await until('it is not', async () => { assert.deepEqual(await health(), [503, '0 0']); return true; });
    const balanced = await field('.status.loadBalancer.ingress[0].ip', 'service', 'edge');
    for (const host of [await addressOf('edge'), balanced]) assert.match((await ask(host))[0]!, /^edge 80/);
    await kubectl('delete', 'pod', 'edge', '--force', '--grace-period=0');
    await until('nobody answers', async () => (await ask(balanced))[0] === '');
  });
});
