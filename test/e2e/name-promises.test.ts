/** What is promised of names and no conformance behaviour asks for (upstream: test/e2e/network/dns.go), and how Services refuse (service.go). */
import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { serverOf } from '../conformance/network/servers.ts';
import { importTestImage } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { applyTo } from '../fixtures/kubectl-words.ts';
import { PATIENCE } from '../fixtures/patience.ts';

/** A name server that knows one name. */
const NAME_SERVER = `const s = require('node:dgram').createSocket('udp4');
s.on('message', (m, from) => {
  let at = 12; const labels = []; while (m[at] > 0) { labels.push(m.toString('latin1', at + 1, at + 1 + m[at])); at += 1 + m[at]; }
  const question = m.subarray(12, at + 5); const known = labels.join('.') === 'nowhere.resolv.conf.local' && m.readUInt16BE(at + 1) === 1;
  const head = Buffer.from([m[0], m[1], 0x84 | (m[2] & 1), known ? 0 : 3, 0, 1, 0, known ? 1 : 0, 0, 0, 0, 0]);
  s.send(Buffer.concat([head, question, ...(known ? [Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 192, 0, 2, 7])] : [])]), from.port, from.address);
}).bind(53);`;
const SLEEPS = 'setInterval(() => {}, 1e9)';
const LOOKS_UP = `require('node:dns').promises.lookup(process.argv[1], { family: 4 }).then(({ address }) => console.log(address), (e) => console.log('-' + e.code))`;
/** How a connection, or a datagram, is taken: `yes`, or the code of the error. */
const TRIES = `const [, protocol, host, port] = process.argv; const end = (t) => { console.log(t); process.exit(0); }; setTimeout(() => end('silence'), 5000);
if (protocol === 'tcp') require('node:net').connect(Number(port), host, () => end('yes')).on('error', (e) => end(e.code));
else { const s = require('node:dgram').createSocket('udp4'); s.connect(Number(port), host, () => { s.on('error', (e) => end(e.code)).on('message', () => end('yes')); setInterval(() => s.send('who', (e) => e && end(e.code)), 100); }); }`;

describe('names keep what is promised', { timeout: 300_000 * PATIENCE }, () => {
  let llmos: Instance;
  const kubectl = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await llmos.kubectl(...args);
    assert.equal(code, 0, stderr);
    return stdout.trim();
  };
  const apply = (...items: object[]): Promise<string> => applyTo(llmos, ...items);
  const field = (path: string, ...what: string[]): Promise<string> => kubectl('get', ...what, '-o', `jsonpath={${path}}`);
  const pod = (name: string, spec: object = {}, script = SLEEPS): object => ({ apiVersion: 'v1', kind: 'Pod', ...serverOf(name, { labels: { app: name }, spec: { terminationGracePeriodSeconds: 0, ...spec }, container: { command: ['/node/node', '-e', script], readinessProbe: undefined } }) });
  const service = (name: string, spec: object): object => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: name }, ports: [{ name: 'http', port: 80 }], ...spec } });
  const ready = (...names: string[]): Promise<string> => kubectl('wait', ...names.map((name) => `pod/${name}`), '--for=condition=Ready', '--timeout=120s');
  const node = (from: string, script: string, ...args: string[]): Promise<string> => kubectl('exec', from, '--', '/node/node', '-e', script, ...args);
  const until = (what: string, holds: () => Promise<boolean>): Promise<unknown> => eventually(holds, { what, timeoutMs: 60_000 * PATIENCE });

  before(async () => {
    llmos = await bootInstance();
    importTestImage(llmos);
  });
  after(async () => llmos?.destroy());

  it('whatever the search list: long, with an underscore, with the root', async () => {
    const long = Array.from({ length: 6 }, (_, index) => `${String(index + 1).padStart(38, '0')}.k8s.io`);
    await apply(pod('long', { dnsConfig: { searches: long, options: [{ name: 'ndots', value: '5' }] } }), pod('odd', { dnsConfig: { searches: ['.', '_sip._tcp.abc_d.example.com'] } }));
    await ready('long', 'odd');
    assert.deepEqual((await kubectl('exec', 'long', '--', 'cat', '/etc/resolv.conf')).match(/^search (.*)$/m)?.[1]?.split(' ').slice(-6), long);
    assert.match(await kubectl('exec', 'odd', '--', 'cat', '/etc/resolv.conf'), /^search .* \. _sip\._tcp\.abc_d\.example\.com$/m);
    const address = await field('.spec.clusterIP', 'service', 'kubernetes');
    for (const from of ['long', 'odd']) for (const name of ['kubernetes.default', 'kubernetes.default.svc']) assert.equal(await node(from, LOOKS_UP, name), address, `${from} ${name}`);
  });

  it('in the network of the node by the cluster, where the pod says so; its hostname is the node’s', async () => {
    await apply(service('plain', {}), pod('host', { hostNetwork: true, hostname: 'other', dnsPolicy: 'ClusterFirstWithHostNet' }), pod('node-names', { hostNetwork: true }));
    await ready('host', 'node-names');
    const address = await field('.spec.clusterIP', 'service', 'plain');
    for (const name of ['plain', 'plain.default', 'plain.default.svc']) assert.equal(await node('host', LOOKS_UP, name), address, name);
    assert.equal(await kubectl('exec', 'host', '--', 'hostname'), hostname());
    assert.doesNotMatch(await kubectl('exec', 'node-names', '--', 'cat', '/etc/resolv.conf'), /svc\.cluster\.local/);
  });

  it('by a name server of the pod’s own', async () => {
    await apply(pod('names', {}, NAME_SERVER));
    await ready('names');
    await apply(pod('own', { dnsPolicy: 'None', dnsConfig: { nameservers: [await field('.status.podIP', 'pod', 'names')], searches: ['resolv.conf.local'], options: [{ name: 'ndots', value: '2' }] } }));
    await ready('own');
    assert.match(await kubectl('exec', 'own', '--', 'cat', '/etc/resolv.conf'), /ndots:2/);
    await until('the name is known', async () => (await node('own', LOOKS_UP, 'nowhere')) === '192.0.2.7');
    assert.match(await node('own', LOOKS_UP, 'kubernetes.default.svc'), /^-ENOTFOUND|^-EAI_AGAIN/);
  });

  it('a Service without endpoints refuses at once, by every way, also when its pod was evicted', async () => {
    await apply(pod('client'), service('empty', { type: 'NodePort', ports: [{ name: 'http', port: 80 }, { name: 'datagrams', port: 80, protocol: 'UDP' }] }));
    await apply(pod('evicted', {}, `require('node:http').createServer((q, r) => r.end()).listen(80)`), service('evicted', {}));
    await ready('client', 'evicted');
    const [empty, evicted] = await Promise.all(['empty', 'evicted'].map((name) => field('.spec.clusterIP', 'service', name)));
    const machine = await field('.status.addresses[?(@.type=="InternalIP")].address', 'node', 'node1');
    const [tcp, udp] = (await field('.spec.ports[*].nodePort', 'service', 'empty')).split(' ');
    for (const [protocol, host, port] of [['tcp', empty, '80'], ['udp', empty, '80'], ['tcp', machine, tcp], ['udp', machine, udp]] as const) await until(`${protocol} ${host}:${port} is refused`, async () => (await node('client', TRIES, protocol, host!, port!)) === 'ECONNREFUSED');
    await until('the pod answers', async () => (await node('client', TRIES, 'tcp', evicted!, '80')) === 'yes');
    await kubectl('patch', 'pod', 'evicted', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status: { phase: 'Failed', reason: 'Evicted' } }));
    await until('the evicted one is asked no more', async () => (await node('client', TRIES, 'tcp', evicted!, '80')) === 'ECONNREFUSED');
  });

  it('ports of the node and of its health check come and go with externalTrafficPolicy and the type', async () => {
    const health = (): Promise<string> => field('.spec.healthCheckNodePort', 'service', 'turned');
    await apply(service('turned', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }));
    const [port, check] = [await field('.spec.ports[0].nodePort', 'service', 'turned'), await health()];
    assert.ok(Number(port) >= 30_000 && Number(check) >= 30_000 && port !== check);
    await kubectl('patch', 'service', 'turned', '-p', JSON.stringify({ spec: { externalTrafficPolicy: 'Cluster' } }));
    assert.deepEqual([await field('.spec.ports[0].nodePort', 'service', 'turned'), await health()], [port, '']);
    await kubectl('patch', 'service', 'turned', '-p', JSON.stringify({ spec: { externalTrafficPolicy: 'Local', healthCheckNodePort: Number(check) } }));
    assert.equal(await health(), check);
    await kubectl('patch', 'service', 'turned', '-p', JSON.stringify({ spec: { type: 'ClusterIP', externalTrafficPolicy: null, healthCheckNodePort: null, ports: [{ port: 80, nodePort: null }] } }));
    assert.equal(await field('.spec.ports[0].nodePort', 'service', 'turned'), '');
    // Both are free again.
    await apply(service('heir', { type: 'NodePort', ports: [{ name: 'one', port: 80, nodePort: Number(port) }, { name: 'two', port: 81, nodePort: Number(check) }] }));
    const taken = await llmos.kubectlWith(JSON.stringify(service('late', { type: 'NodePort', ports: [{ port: 80, nodePort: Number(port) }] })), 'create', '-f', '-');
    assert.match(taken.stderr, /provided port is already allocated/);
    const outside = await llmos.kubectlWith(JSON.stringify(service('late', { type: 'NodePort', ports: [{ port: 80, nodePort: 29_999 }] })), 'create', '-f', '-');
    assert.match(outside.stderr, /provided port is not in the valid range\. The range of valid ports is 30000-32767/);
  });
});
