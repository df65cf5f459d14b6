import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { test } from 'node:test';
import type { Node } from '../../api/generated/core-v1.ts';
import type { Log } from '../../base/log.ts';
import { realClock } from '../../base/clock.ts';
import { eventually } from '../../sdk/testing/eventually.ts';
import { portSettings, serveKubeProxyPorts } from './kube-proxy-ports.ts';
import { createRulesHealth } from './rules-progress.ts';

async function taken(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

test('kube-proxy’s words say where', () => {
  assert.deepEqual(portSettings({}), { healthz: { host: '127.0.0.1', port: 10256 }, metrics: { host: '127.0.0.1', port: 10249 } });
  assert.deepEqual(portSettings({ healthzBindAddress: '[::]:10256' }).healthz, { host: '::', port: 10256 });
  assert.deepEqual(portSettings({ healthzBindAddress: '', metricsBindAddress: '[::1]:9' }), { healthz: undefined, metrics: { host: '::1', port: 9 } });
  for (const wrong of ['10256', '0.0.0.0', '0.0.0.0:0', '0.0.0.0:70000', 'localhost:1', '[127.0.0.1]:1', '::1:1', 7]) assert.throws(() => portSettings({ healthzBindAddress: wrong }), /modules\.network\.healthzBindAddress must be an address with a port/, String(wrong));
});

test('it is well as long as the rules keep up and the node is to stay; a port that somebody has is waited for', async () => {
  const [first, second] = [await taken(), await taken()];
  second.server.close();
  await once(second.server, 'close');
  const stop = new AbortController();
  const warnings: string[] = [];
  const log = { warn: (text: string) => void warnings.push(text) } as unknown as Log;
  let nowMs = 1_700_000_000_000;
  const health = createRulesHealth(() => nowMs);
  const [rules, six] = [health.of('ip'), health.of('ip6')];
  let node: Node | undefined;
  let wake = (): void => {};
  const clock = { nowMs: () => nowMs, sleep: (ms: number, signal?: AbortSignal) => Promise.race([realClock.sleep(ms, signal), new Promise<void>((resolve) => (wake = resolve))]) };
  const settings = { healthz: { host: '127.0.0.1', port: first.port }, metrics: { host: '127.0.0.1', port: second.port } };
  const served = serveKubeProxyPorts({ settings, health, node: () => node, clock, log, signal: stop.signal });
  const ask = async (port: number, path: string, method = 'GET'): Promise<[number, string]> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers: { connection: 'close' } });
    return [answer.status, await answer.text()];
  };
  try {
    await eventually(async () => warnings.length === 1, { what: 'it says that the port is taken' });
    assert.match(warnings[0] ?? '', new RegExp(`^nobody is answered at port ${first.port}, .*EADDRINUSE`));
    first.server.close();
    await once(first.server, 'close');
    wake();
    const healthz = await eventually(() => ask(first.port, '/healthz').catch(() => undefined), { what: 'it answers' });
    assert.deepEqual(healthz, [200, '{"lastUpdated":"2023-11-14T22:13:20.000Z","currentTime":"2023-11-14T22:13:20.000Z","nodeEligible":true,"healthy":true}']);
    node = { metadata: { name: 'n1' }, spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] } } as Node;
    assert.equal((await ask(first.port, '/healthz'))[0], 503);
    assert.deepEqual(await ask(first.port, '/livez'), [200, '{"lastUpdated":"2023-11-14T22:13:20.000Z","currentTime":"2023-11-14T22:13:20.000Z","healthy":true}'], 'the proxy itself is well');
    node = { metadata: { name: 'n1', deletionTimestamp: '2026-01-01T00:00:00Z' } };
    assert.deepEqual(JSON.parse((await ask(first.port, '/healthz'))[1]), { lastUpdated: '0001-01-01T00:00:00Z', currentTime: '2023-11-14T22:13:20.000Z', nodeEligible: false, healthy: true }, 'no rules were written yet');
    node = undefined;
    rules.begin()(true);
    six.begin()(true);
    rules.queued('endpoint');
    nowMs += 60_000;
    const status = { IPv4: { lastUpdated: '2023-11-14T22:13:20.000Z', healthy: false }, IPv6: { lastUpdated: '2023-11-14T22:13:20.000Z', healthy: true } };
    for (const path of ['/healthz', '/livez']) {
      const [code, body] = await ask(first.port, path);
      assert.deepEqual([code, JSON.parse(body)], [503, { lastUpdated: '2023-11-14T22:13:20.000Z', currentTime: '2023-11-14T22:14:20.000Z', ...(path === '/livez' ? {} : { nodeEligible: true }), healthy: false, status }]);
    }
    rules.begin()(true);
    assert.equal((await ask(first.port, '/healthz?verbose'))[0], 200);
    assert.deepEqual([await ask(first.port, '/metrics'), await ask(first.port, '/healthz', 'POST')], [[404, '404 page not found\n'], [405, 'Method Not Allowed\n']]);
    assert.deepEqual([await ask(second.port, '/healthz'), await ask(second.port, '/proxyMode')], [[200, 'ok'], [200, 'nftables']]);
    const [, metrics] = await ask(second.port, '/metrics');
    assert.match(metrics, /^kubeproxy_proxy_healthz_total\{code="503"\} 3$/m);
    assert.match(metrics, /^kubeproxy_sync_proxy_rules_endpoint_changes_total\{ip_family="IPv4"\} 1$/m);
  } finally {
    stop.abort();
    await served;
  }
  await assert.rejects(ask(first.port, '/healthz'));
});
