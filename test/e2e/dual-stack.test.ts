/** Two families of addresses with real pods: addresses, Services, names, policies; and that nothing of it stays on the machine. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { serverOf } from '../conformance/network/servers.ts';
import { importTestImage } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { applyTo, fieldOf, ok } from '../fixtures/kubectl-words.ts';
import { PATIENCE } from '../fixtures/patience.ts';

const SIX = /^fd00:10:/;

describe('dual stack', { timeout: 180_000 * PATIENCE, skip: existsSync('/proc/net/if_inet6') ? false : 'this machine has no IPv6' }, () => {
  let llmos: Instance;
  let before6: string;
  const apply = (...objects: object[]): Promise<string> => applyTo(llmos, ...objects);
  const field = (what: string, path: string): Promise<string[]> => fieldOf(llmos, what, path);
  const service = (name: string, spec: object): object => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80 }], ...spec } });

  before(async () => {
    before6 = machine();
    llmos = await bootInstance({ config: 'network: { ipv6: true }\n' });
    importTestImage(llmos);
    await apply(serverOf('a', { labels: { app: 'web' } }), serverOf('b', { labels: { app: 'web' } }), serverOf('client', { labels: { app: 'client' } }),
      service('dual', { ipFamilyPolicy: 'RequireDualStack', type: 'LoadBalancer' }), service('six', { ipFamilies: ['IPv6'] }), service('plain', {}), service('none', { clusterIP: 'None', ipFamilyPolicy: 'PreferDualStack' }));
    await ok(llmos.kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s'));
  });

  after(async () => {
    await llmos?.destroy();
    assert.equal(machine(), before6, 'the machine is as it was');
  });

  /** What bears addresses, routes and rules of IPv6. */
  function machine(): string {
    const read = (file: string, ...args: string[]): string => execFileSync(file, args, { encoding: 'utf8' });
    return [read('ip', '-6', 'route', 'show', 'table', 'all'), read('ip', '-6', 'addr'), read('nft', 'list', 'ruleset'), read('cat', '/proc/sys/net/ipv6/conf/all/forwarding')].join('\n').replaceAll(/ (?:expires|qlen|state) \S+/g, '');
  }

  /** Who answers, asked from the machine; the code of the error for nobody. */
  const who = (host: string, port = 80): Promise<string> => new Promise((settle) => {
    let text = '';
    const socket = connect({ host, port, timeout: 2_000 }, () => void socket.write('GET / HTTP/1.0\r\n\r\n'));
    socket.on('data', (chunk: Buffer) => (text += chunk.toString())).on('timeout', () => { socket.destroy(); settle('timeout'); });
    socket.on('error', (error: NodeJS.ErrnoException) => settle(error.code ?? 'error')).on('close', () => settle(text.split('\r\n\r\n')[1] ?? ''));
  });
  const from = async (pod: string, host: string, port = 80): Promise<string> => {
    const script = `const s = require('node:net').connect({ host: '${host}', port: ${port}, timeout: 1000 }, () => s.write('GET / HTTP/1.0\\r\\n\\r\\n')); let t = ''; s.on('data', (d) => t += d).on('timeout', () => { s.destroy(); console.log('timeout'); }).on('error', (e) => console.log(e.code)).on('end', () => { console.log(t.split('\\r\\n\\r\\n')[1]); s.destroy(); });`;
    return (await llmos.kubectl('exec', pod, '--', '/node/node', '-e', script)).stdout.trim();
  };

  it('gives pods and the node addresses of both families', async () => {
    for (const pod of ['a', 'client']) {
      const [four, six, more] = await field(`pod ${pod}`, '.status.podIPs[*].ip');
      assert.match(four ?? '', /^10\.244\./);
      assert.match(six ?? '', SIX);
      assert.equal(more, undefined);
      assert.equal((await field(`pod ${pod}`, '.status.hostIPs[*].ip')).length, 2);
      assert.equal(await from('client', six ?? ''), pod);
    }
    assert.deepEqual(await field('node node1', '.spec.podCIDRs[*]'), ['10.244.0.0/16', 'fd00:10:244::/64']);
    assert.equal((await field('node node1', '.status.addresses[?(@.type=="InternalIP")].address')).length, 2);
  });

  it('gives Services the families that they ask for, and slices of each', async () => {
    assert.deepEqual(await field('service dual', '.spec.ipFamilies[*]'), ['IPv4', 'IPv6']);
    assert.match((await field('service six', '.spec.clusterIP'))[0] ?? '', SIX);
    assert.deepEqual([await field('service plain', '.spec.ipFamilyPolicy'), await field('service plain', '.spec.ipFamilies[*]')], [['SingleStack'], ['IPv4']]);
    await eventually(async () => (await field('endpointslices -l kubernetes.io/service-name=dual', '.items[*].addressType')).sort().join() === 'IPv4,IPv6', { what: 'a slice of each family' });
    await eventually(async () => (await field('service dual', '.status.loadBalancer.ingress[*].ip')).length === 2, { what: 'balanced addresses of both' });
  });

  it('answers in turn on the addresses of both families, from the machine and from pods', async () => {
    const addresses = [...(await field('service dual', '.spec.clusterIPs[*]')), ...(await field('service dual', '.status.loadBalancer.ingress[*].ip')), ...(await field('service six', '.spec.clusterIP'))];
    assert.equal(addresses.filter((each) => SIX.test(each)).length, 3);
    for (const address of addresses) {
      await eventually(async () => (await who(address)) !== 'ECONNREFUSED', { what: `${address} answers` });
      const answers = [];
      for (let i = 0; i < 4; i++) answers.push(await who(address));
      assert.deepEqual(answers.sort(), ['a', 'a', 'b', 'b'], address);
      assert.match(await from('client', address), /^[ab]$/, address);
      assert.match(await from('a', address), /^[ab]$/, 'hairpin');
    }
    const [nodePort] = await field('service dual', '.spec.ports[0].nodePort');
    assert.match(await who('fd00:10:244::1', Number(nodePort)), /^[ab]$/);
    assert.match(await who('127.0.0.1', Number(nodePort)), /^[ab]$/);
    assert.equal(await who('::1', Number(nodePort)), 'ECONNREFUSED', 'localhost is 127.0.0.1 then');
    assert.equal(await who('fd00:10:96::ffee'), 'ECONNREFUSED', 'who has no endpoint refuses');
  });

  it('leads ports of the machine to a pod on the addresses of both families', async () => {
    await apply(serverOf('held', { labels: { app: 'held' }, container: { ports: [{ containerPort: 80, hostPort: 18_090 }, { containerPort: 80, hostPort: 18_091, hostIP: '::' }, { containerPort: 80, hostPort: 18_092, hostIP: '10.244.0.1' }] } }));
    await ok(llmos.kubectl('wait', '--for=condition=Ready', 'pod/held', '--timeout=60s'));
    const [four, six] = ['10.244.0.1', 'fd00:10:244::1'];
    assert.deepEqual(await Promise.all([18_090, 18_091, 18_092].flatMap((port) => [who(four, port), who(six, port)])), ['held', 'held', 'ECONNREFUSED', 'held', 'held', 'ECONNREFUSED']);
    for (const pod of ['client', 'held']) assert.deepEqual([await from(pod, four, 18_090), await from(pod, six, 18_090)], ['held', 'held'], pod);
    assert.deepEqual([await who('127.0.0.1', 18_090), await who('::1', 18_090)], ['held', 'ECONNREFUSED']);
    await ok(llmos.kubectl('delete', 'pod', 'held', '--grace-period=0', '--force'));
    await eventually(async () => !execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }).includes('hostports'), { what: 'no table of ports' });
  });

  it('has names for both, forward and backward', async () => {
    const resolver = new Resolver();
    resolver.setServers(['10.244.0.1']);
    const [four = '', six = ''] = await field('service dual', '.spec.clusterIPs[*]');
    assert.deepEqual([await resolver.resolve4('dual.default.svc.cluster.local'), await resolver.resolve6('dual.default.svc.cluster.local')], [[four], [six]]);
    assert.deepEqual(await resolver.reverse(six), ['dual.default.svc.cluster.local']);
    assert.deepEqual((await resolver.resolve6('none.default.svc.cluster.local')).sort(), [...(await field('pod a', '.status.podIPs[1].ip')), ...(await field('pod b', '.status.podIPs[1].ip'))].sort());
    await assert.rejects(resolver.resolve6('plain.default.svc.cluster.local'), { code: 'ENODATA' });
    assert.deepEqual((await resolver.resolveSrv('_http._tcp.dual.default.svc.cluster.local')).map(({ name, port }) => [name, port]), [['dual.default.svc.cluster.local', 80]]);
  });

  it('gives gateways addresses of both families, and leads them to Services of either', async () => {
    const group = 'gateway.networking.k8s.io/v1';
    await apply({ apiVersion: group, kind: 'Gateway', metadata: { name: 'edge' }, spec: { gatewayClassName: 'llmos', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] } },
      { apiVersion: group, kind: 'HTTPRoute', metadata: { name: 'six' }, spec: { parentRefs: [{ name: 'edge' }], rules: [{ backendRefs: [{ name: 'six', port: 80 }] }] } });
    const addresses = await eventually(async () => { const all = await field('gateway edge', '.status.addresses[*].value'); return all.length === 2 && all; }, { what: 'two addresses' });
    assert.deepEqual(addresses.map((each) => each.includes(':')), [false, true]);
    for (const address of addresses) {
      await eventually(async () => /^[ab]$/.test(await who(address)), { what: `${address} leads to the Service` });
      assert.match(await from('client', address), /^[ab]$/, address);
    }
    await ok(llmos.kubectl('delete', 'httproute/six', 'gateway/edge'));
    await eventually(async () => (await field('endpointslices -l gateway.networking.k8s.io/gateway-name=edge', '.items[*].metadata.name')).length === 0, { what: 'the end of its slices' });
  });

  it('adds and gives back the second address as the policy changes', async () => {
    await ok(llmos.kubectl('patch', 'service', 'plain', '-p', '{"spec":{"ipFamilyPolicy":"PreferDualStack"}}'));
    const [, six = ''] = await field('service plain', '.spec.clusterIPs[*]');
    assert.match(six, SIX);
    await eventually(async () => /^[ab]$/.test(await who(six)), { what: 'the new address answers' });
    await ok(llmos.kubectl('patch', 'service', 'plain', '-p', '{"spec":{"ipFamilyPolicy":"SingleStack"}}'));
    assert.equal((await field('service plain', '.spec.clusterIPs[*]')).length, 1);
    await eventually(async () => (await who(six)) === 'ECONNREFUSED', { what: 'it is gone' });
  });

  it('keeps policies over both families', async () => {
    const [, six = ''] = await field('pod a', '.status.podIPs[*].ip');
    const [four = ''] = await field('pod a', '.status.podIP');
    const policy = (spec: object): object => ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'p' }, spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'], ...spec } });
    const seen = async (): Promise<string[]> => [await from('client', four), await from('client', six)];
    assert.deepEqual(await seen(), ['a', 'a']);
    await apply(policy({}));
    await eventually(async () => (await seen()).join() === 'timeout,timeout', { what: 'nobody gets through' });
    const [, own = ''] = await field('pod client', '.status.podIPs[*].ip');
    await apply(policy({ ingress: [{ from: [{ ipBlock: { cidr: `${own}/128` } }] }] }));
    await eventually(async () => (await seen()).join() === 'timeout,a', { what: 'the block of one family' });
    await apply(policy({ ingress: [{ from: [{ ipBlock: { cidr: 'fd00:10:244::/64', except: [`${own}/128`] } }, { ipBlock: { cidr: '10.244.0.0/16' } }] }] }));
    await eventually(async () => (await seen()).join() === 'a,timeout', { what: 'all but one' });
    await apply(policy({ ingress: [{ from: [{ podSelector: { matchLabels: { app: 'client' } } }], ports: [{ port: 80 }] }] }));
    await eventually(async () => (await seen()).join() === 'a,a', { what: 'pods by their labels' });
    await ok(llmos.kubectl('delete', 'networkpolicy', 'p'));
  });

  it('carries least connection on both', async () => {
    await ok(llmos.kubectl('annotate', 'service', 'dual', 'llmos.dev/load-balancing=least-connection'));
    const addresses = await field('service dual', '.spec.clusterIPs[*]');
    await eventually(async () => execFileSync('nft', ['list', 'ruleset'], { encoding: 'utf8' }).includes('dnat to [fd00:10:244::1]:26'), { what: 'the way to the proxy' });
    for (const address of addresses) assert.match(await who(address), /^[ab]$/, address);
    await ok(llmos.kubectl('patch', 'service', 'dual', '-p', '{"spec":{"sessionAffinity":"ClientIP"}}'));
    await eventually(async () => readFileSync(join(llmos.run, 'network/haproxy/haproxy.cfg'), 'utf8').includes('stick on src'), { what: 'the proxy remembers clients' });
    const answersOf = async (address: string): Promise<string[]> => {
      const answers = new Set<string>();
      for (let i = 0; i < 8; i++) answers.add(await who(address));
      return [...answers];
    };
    for (const address of addresses) {
      // The process of before takes connections for a moment after the text of the next one is written.
      await eventually(async () => (await answersOf(address)).length === 1, { what: `one endpoint for a client of ${address}` });
      const answers = await answersOf(address);
      assert.equal(answers.length, 1, `${address}: ${answers.join()}`);
    }
  });
});
