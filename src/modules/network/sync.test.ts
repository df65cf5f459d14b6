/** Rules that the kernel does not take at first. `nft` and `conntrack` are played by scripts. */
import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import type { Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { eventually } from '../../sdk/testing/eventually.ts';
import { memoryCache } from '../../sdk/testing/memory-cache.ts';
import { createProxiedServices } from './proxy/proxied.ts';
import { createRulesHealth } from './rules-progress.ts';
import { startSync } from './sync.ts';
import { service, slice } from './testing/machine.ts';

const ADDRESSES = { podCidr: '10.61.0.0/16', serviceCidr: '10.62.0.0/16', gatewayIp: '10.61.0.1', dnsServiceIp: '10.62.0.10', apiServiceIp: '10.62.0.1', loadBalancerCidr: '10.63.0.0/24', clusterDomain: 'cluster.local' };

/** One that was built without its command line. */
const BARE_NFT = '#!/bin/sh\n[ "$1" = -i ] && exit 1\n';

/** With a folder and a signal of its own, which end with it. */
function inFolder(name: string, work: (folder: string, stop: AbortController) => Promise<void>): void {
  void test(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'llmos-sync-'));
    const stop = new AbortController();
    try {
      await work(folder, stop);
    } finally {
      stop.abort();
      await rm(folder, { recursive: true, force: true });
    }
  });
}

inFolder('flows of UDP to an endpoint that went are forgotten, though its rules were refused at first', async (folder, stop) => {
  const [nft, conntrack, refuses, forgotten] = ['nft', 'conntrack', 'refuses', 'forgotten'].map((name) => join(folder, name)) as [string, string, string, string];
  await writeFile(nft, `${BARE_NFT}cat > /dev/null\nif [ -e ${refuses} ]; then rm ${refuses}; exit 1; fi\n`);
  await writeFile(conntrack, `#!/bin/sh\necho "$@" >> ${forgotten}\n`);
  for (const program of [nft, conntrack]) await chmod(program, 0o755);
  const services = memoryCache<Service>();
  const slices = memoryCache<EndpointSlice>();
  services.set(service('names', { clusterIP: '10.62.0.53', ports: [{ port: 53, protocol: 'UDP' }] }));
  const endpoints = (...addresses: string[]): EndpointSlice => ({ ...slice('names', addresses), ports: [{ name: '', port: 53, protocol: 'UDP' }] });
  slices.set(endpoints('10.61.0.2', '10.61.0.3'));
  const sync = await startSync({ services, slices, nft, conntrack, log: silentLog, signal: stop.signal, events: { event() {} }, facts: { nodeName: 'n1', ...ADDRESSES, table: 'llt0', bridge: 'llt0', seesBridged: true } });
  await writeFile(refuses, '');
  slices.set(endpoints('10.61.0.3'));
  const told = await eventually(async () => (await readFile(forgotten, 'utf8').catch(() => '')) || undefined, { timeoutMs: 10_000, what: 'its flows are forgotten' });
  assert.match(told, /--reply-src 10\.61\.0\.2 --reply-port-src 53/);
  stop.abort();
  await sync.settled();
});

inFolder('what a Service wants is found out again, where that failed', async (folder, stop) => {
  const [nft, rules] = ['nft', 'rules'].map((name) => join(folder, name)) as [string, string];
  await writeFile(nft, `${BARE_NFT}cat >> ${rules}\n`);
  await chmod(nft, 0o755);
  const services = memoryCache<Service>();
  const slices = memoryCache<EndpointSlice>();
  let fails = false;
  const proxies = {
    want: async () => {
      if (!fails) return new Map();
      fails = false;
      throw new Error('no more files may be opened');
    },
    flush: async () => {},
    settle: async () => {},
    metrics: async () => '',
    failure: () => undefined,
    pid: () => undefined,
  };
  const sync = await startSync({ services, slices, proxies, nft, conntrack: '/bin/true', log: silentLog, signal: stop.signal, events: { event() {} }, facts: { nodeName: 'n1', ...ADDRESSES, table: 'llt0', bridge: 'llt0', seesBridged: true } });
  fails = true;
  services.set(service('late', { clusterIP: '10.62.0.54', ports: [{ port: 80 }] }));
  await eventually(async () => (await readFile(rules, 'utf8').catch(() => '')).includes('10.62.0.54'), { timeoutMs: 20_000, what: 'its rules are written' });
  assert.equal(fails, false, 'it had failed before');
  stop.abort();
  await sync.settled();
});

inFolder('ports that a Local policy leads nowhere are told in the metrics, where there are endpoints elsewhere (upstream: TestNoEndpointsMetric)', async (folder, stop) => {
  const nft = join(folder, 'nft');
  await writeFile(nft, `${BARE_NFT}cat > /dev/null\n`);
  await chmod(nft, 0o755);
  const [services, slices, health] = [memoryCache<Service>(), memoryCache<EndpointSlice>(), createRulesHealth()];
  const sync = await startSync({ services, slices, nft, progress: health.of('ip'), log: silentLog, signal: stop.signal, events: { event() {} }, facts: { nodeName: 'n1', ...ADDRESSES, table: 'llt0', bridge: 'llt0', seesBridged: true } });
  const counted = async (): Promise<string> => {
    await sync.idle();
    return ['internal', 'external'].map((policy) => new RegExp(`^kubeproxy_sync_proxy_rules_no_local_endpoints_total\\{ip_family="IPv4",traffic_policy="${policy}"\\} (\\d+)$`, 'm').exec(health.metrics())?.[1]).join(' ');
  };
  const on = (...nodes: string[]): EndpointSlice => ({ ...slice('local', []), endpoints: nodes.map((nodeName, index) => ({ addresses: [`10.61.0.${index + 2}`], nodeName })) });
  const CASES: [object, EndpointSlice, string][] = [
    [{ internalTrafficPolicy: 'Local' }, on('n1', 'n2'), '0 0'], [{ type: 'NodePort', externalTrafficPolicy: 'Local' }, on('n1', 'n2'), '0 0'],
    [{ internalTrafficPolicy: 'Local' }, on('n2', 'n3'), '1 0'], [{ type: 'NodePort', externalTrafficPolicy: 'Local' }, on('n2', 'n3'), '0 1'],
    [{ type: 'NodePort', internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local' }, on('n2', 'n3'), '1 1'],
    [{ type: 'NodePort', internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local' }, on(), '0 0'],
  ];
  for (const [spec, endpoints, expected] of CASES) {
    services.set(service('local', { clusterIP: '10.62.0.55', ...spec }));
    slices.set(endpoints);
    assert.equal(await counted(), expected, JSON.stringify([spec, endpoints.endpoints]));
  }
  slices.set(on('n2'));
  assert.equal(await counted(), '1 1');
  services.remove('default/local');
  assert.equal(await counted(), '0 0');
  stop.abort();
  await sync.settled();
});

inFolder('a Service that asks for HAProxy where there is none is shared by the kernel, and told so', async (folder, stop) => {
  const [nft, rules] = ['nft', 'rules'].map((name) => join(folder, name)) as [string, string];
  await writeFile(nft, `${BARE_NFT}cat >> ${rules}\n`);
  await chmod(nft, 0o755);
  const [services, slices, told] = [memoryCache<Service>(), memoryCache<EndpointSlice>(), [] as string[]];
  const proxies = createProxiedServices({ program: join(folder, 'haproxy'), folder: join(folder, 'run'), gatewayIp: '127.0.0.1', nodeName: 'n1', log: silentLog, signal: stop.signal });
  const sync = await startSync({ services, slices, proxies, nft, log: silentLog, signal: stop.signal, events: { event: (about, _type, reason, message) => void told.push(`${about.metadata.name} ${reason} ${message}`) }, facts: { nodeName: 'n1', ...ADDRESSES, table: 'llt0', bridge: 'llt0', seesBridged: true } });
  const least = service('least', { clusterIP: '10.62.0.56' });
  services.set(service('plain', { clusterIP: '10.62.0.57' }));
  services.set({ ...least, metadata: { ...least.metadata, annotations: { 'llmos.dev/load-balancing': 'least-connection' } } });
  for (const name of ['plain', 'least']) slices.set(slice(name, ['10.61.0.2']));
  await sync.idle();
  assert.match(await readFile(rules, 'utf8'), /add rule ip llt0 svc\/default\/least\/tcp\/80 meta l4proto tcp dnat ip to 10\.61\.0\.2:80/);
  slices.set(slice('least', ['10.61.0.2', '10.61.0.3']));
  await sync.idle();
  assert.equal(told.length, 1, told.join('\n'));
  assert.match(proxies.failure('default/least') ?? '', /haproxy/);
  assert.match(told[0]!, /^least SharedByKernel HAProxy cannot be had: as long as it is so, .*: .*haproxy/);
  stop.abort();
  await sync.settled();
});
