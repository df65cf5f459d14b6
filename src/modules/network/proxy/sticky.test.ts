/** Session affinity of what HAProxy carries: a client stays with its endpoint, whatever else is loaded meanwhile, and when the time of it changes. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Service } from '../../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../../api/generated/discovery-v1.ts';
import { askHaproxy } from '../../../sdk/haproxy/commands.ts';
import { haproxyFiles } from '../../../sdk/haproxy/process.ts';
import { eventually } from '../../../sdk/testing/eventually.ts';
import { HaproxyOnLoopback, hold, net, PORT } from '../testing/haproxy-on-loopback.ts';

const CLIENTS = Array.from({ length: 12 }, (_, index) => net(200 + index));

describe('HAProxy and session affinity', { skip: existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy' }, () => {
  const haproxy = new HaproxyOnLoopback();
  before(() => haproxy.start());
  after(() => haproxy.end());

  const say = (command: string): Promise<string> => askHaproxy(haproxyFiles(join(haproxy.folder, 'haproxy')).socket, command);
  const from = (localAddress: string, port: number): Promise<string> => new Promise((resolve) => {
    request({ host: net(1), port, localAddress, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => resolve(text));
    }).on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error')).end();
  });

  it('keeps clients with their endpoints over reloads', async () => {
    const addresses = await Promise.all([61, 62, 63].map((last) => haproxy.well(last)));
    const stick = async (timeoutSeconds: number): Promise<number> => {
      const service = { metadata: { name: 'sticky', namespace: 'shop', annotations: { 'llmos.dev/load-balancing': 'least-connection' } }, spec: { clusterIP: '10.2.0.9', ports: [{ port: 80, protocol: 'TCP' }], sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds } } } } as unknown as Service;
      const slice = { metadata: { name: 'sticky-1', namespace: 'shop' }, addressType: 'IPv4', endpoints: addresses.map((address) => ({ addresses: [address] })), ports: [{ name: '', port: PORT, protocol: 'TCP' }] } as unknown as EndpointSlice;
      const port = (await haproxy.proxies.want('shop/sticky', service, [slice])).get(80)!.all!;
      await haproxy.proxies.flush();
      return port;
    };
    const port = await stick(600);
    await eventually(async () => (await say('show peers')).includes('resync_timeout=<PAST>'), { what: 'a process that has waited for one before it', timeoutMs: 30_000 });
    const bound = new Map<string, string>();
    for (const client of CLIENTS) bound.set(client, await from(client, port));
    assert.deepEqual([...new Set(bound.values())].sort(), ['61', '62', '63']);
    const changes: [string, () => Promise<unknown>][] = [['another Service', () => haproxy.carry('other', { 'load-balancing': 'least-connection' }, addresses)], ['at once another', () => haproxy.carry('third', { 'load-balancing': 'random-two-choices' }, addresses)], ['another time', () => stick(1_200)]];
    for (const [what, change] of changes) {
      const former = haproxy.proxies.pid();
      await change();
      assert.notEqual(haproxy.proxies.pid(), former, `${what}: a reload`);
      await eventually(async () => (await say('show table shop:sticky:80')).includes(`used:${CLIENTS.length}`), { what: `${what}: the next process knows all clients` });
      // Not in the order of before: who is forgotten would be led in turn to another one.
      for (const client of CLIENTS.toReversed()) assert.equal(await from(client, port), bound.get(client), `${what}: ${client}`);
    }
    await haproxy.proxies.want('shop/sticky', undefined, []);
  });

  it('leads clients away from an endpoint whose weight becomes 0, and leaves the others and what is open', async () => {
    const lasts = [71, 72, 73];
    const addresses = await Promise.all(lasts.map((last) => haproxy.well(last)));
    const weigh = async (weights: readonly number[]): Promise<number> => {
      const service = { metadata: { name: 'heavy', namespace: 'shop', annotations: { 'llmos.dev/load-balancing': 'least-connection' } }, spec: { clusterIP: '10.2.0.9', ports: [{ port: 80, protocol: 'TCP' }], sessionAffinity: 'ClientIP' } } as unknown as Service;
      const slices = addresses.map((address, index) => ({ metadata: { name: `heavy-${index}`, namespace: 'shop', annotations: { 'llmos.dev/weight': String(weights[index]) } }, addressType: 'IPv4', endpoints: [{ addresses: [address] }], ports: [{ name: '', port: PORT, protocol: 'TCP' }] }) as unknown as EndpointSlice);
      const port = (await haproxy.proxies.want('shop/heavy', service, slices)).get(80)!.all!;
      await haproxy.proxies.flush();
      return port;
    };
    const port = await weigh([1, 1, 1]);
    const bound = new Map<string, string>();
    for (const client of CLIENTS) bound.set(client, await from(client, port));
    assert.deepEqual([...new Set(bound.values())].sort(), lasts.map(String));
    const open = hold(port, CLIENTS.find((client) => bound.get(client) === '72')!);
    assert.match(await open.say(), /72$/);
    const { pid } = haproxy.proxies;
    const former = pid();
    await weigh([1, 0, 1]);
    assert.equal(pid(), former, 'by commands alone');
    assert.match(await open.say(), /72$/, 'what is open goes on');
    for (const client of CLIENTS.toReversed()) {
      const now = await from(client, port);
      if (bound.get(client) === '72') assert.match(now, /^7[13]$/, client);
      else assert.equal(now, bound.get(client), client);
      bound.set(client, now);
    }
    await weigh([0, 1, 1]);
    await haproxy.carry('more', { 'load-balancing': 'least-connection' }, addresses);
    assert.notEqual(pid(), former, 'a reload');
    for (const client of CLIENTS) assert.match(await from(client, port), bound.get(client) === '71' ? /^7[23]$/ : /^73$/, `after a reload: ${client}`);
    open.socket.destroy();
    await haproxy.proxies.want('shop/heavy', undefined, []);
  });
});
