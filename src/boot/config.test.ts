import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressAt, contains, parseCidr } from './cidr.ts';
import { checkConfig, foldersOf } from './config.ts';

const folders = foldersOf({}, {});

test('folders: flags win over environment, environment over defaults', () => {
  assert.deepEqual(foldersOf({ state: '/a' }, { LLMOS_STATE: '/b', LLMOS_RUN: '/c' }), { state: '/a', run: '/c', config: '/etc/llmos/config.yaml' });
});

test('an empty document gives the defaults', () => {
  const config = checkConfig({}, folders);
  assert.equal(config.instance, 'llmos');
  assert.deepEqual(config.apiServer, { host: '127.0.0.1', port: 6443, maxConnections: 10_000, maxConnectionsPerAddress: 5_000, maxRequestsInFlight: 1_000, maxWatches: 10_000 });
});

for (const [document, message] of [
  [{ apiSever: {} }, /unknown key 'apiSever'; known here: instance, nodeName, nodes, apiServer/],
  [{ apiServer: { prot: 1 } }, /unknown key 'apiServer.prot'/],
  [{ apiServer: { port: 70_000 } }, /apiServer.port must be a port from 1 to 65535, not 70000/],
  [{ nodes: 2, modules: { node: { cpuManagerPolicy: 'static' } } }, /cpuManagerPolicy static needs a machine that is one node, not 2/],
  [{ modules: { node: { cpuManagerPolicy: 'static', kubeReserved: { memory: '1Gi' } } } }, /cpuManagerPolicy static needs a cpu for the system: set modules.node.reservedSystemCPUs/],
  [{ nodes: 0 }, /nodes must be a whole number from 1 to 16, not 0/],
  [{ instance: 'Too-Long-Name' }, /instance must be 1 to 8 lower-case letters and digits/],
  [{ network: { podCidr: '10.0.0.0' } }, /network.podCidr must be an IPv4 range/],
  [{ network: { podCidr: '10.96.0.0/12' } }, /overlap/],
  [{ store: { keepSeconds: 0 } }, /store.keepSeconds must be a number of seconds from 1 to 86400, not 0/],
  [{ log: { level: 'loud' } }, /log.level must be one of debug, info, warn, error/],
  [{ modules: ['node'] }, /modules must be a mapping/],
  [[], /the document must be a mapping/],
] as const) {
  test(`refused: ${JSON.stringify(document)}`, () => assert.throws(() => checkConfig(document, folders), message));
}

test('ranges', () => {
  assert.equal(parseCidr('10.96.3.0/33'), undefined);
  assert.equal(parseCidr('300.1.1.0/24'), undefined);
  const range = parseCidr('10.96.3.7/16');
  assert.ok(range !== undefined);
  assert.equal(addressAt(range, 1), '10.96.0.1');
  assert.equal(addressAt(range, 256), '10.96.1.0');
  assert.equal(contains(range, range.base + 65_535), true);
  assert.equal(contains(range, range.base + 65_536), false);
});
