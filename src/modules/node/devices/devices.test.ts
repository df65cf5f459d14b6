import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Container, Pod } from '../../../api/generated/core-v1.ts';
import { deviceAllocation, wishesOf } from './allocation.ts';
import { AllocateResponse, RegisterRequest, type DeviceGift } from './api.ts';
import { decode, encode } from '../../../sdk/grpc/message.ts';
import type { DevicePlugins } from './plugins.ts';

test('messages there and back', () => {
  const register = { version: 'v1beta1', endpoint: 'x.sock', resourceName: 'a.b/c', options: { preStartRequired: true, preferredAllocation: false } };
  assert.deepEqual(decode(RegisterRequest, encode(RegisterRequest, register)), register);
  const gift = { envs: { A: '1', B: 'ü' }, mounts: [{ containerPath: '/c', hostPath: '/h', readOnly: true }], devices: [], annotations: {}, cdiDevices: [{ name: 'v.com/c=d' }] };
  assert.deepEqual(decode(AllocateResponse, encode(AllocateResponse, { containers: [gift] })), { containers: [gift] });
});
test('unknown fields are passed over, and what is cut off is refused', () => {
  const bytes = encode(RegisterRequest, { endpoint: 'x' });
  assert.equal(decode(RegisterRequest, Buffer.concat([Buffer.from([9 * 8, 7, 10 * 8 + 2, 1, 65]), bytes]))['endpoint'], 'x');
  assert.throws(() => decode(RegisterRequest, bytes.subarray(0, 2)), /unexpected EOF/);
});

const LAMP = 'example.com/lamp';
const container = (name: string, count: number, more: Partial<Container> = {}): Container => ({ name, resources: { limits: { [LAMP]: String(count) } }, ...more });
const pod = (uid: string, containers: Container[], initContainers: Container[] = []): Pod => ({ metadata: { uid }, spec: { containers, initContainers } });

test('who wishes what: init containers first', () => assert.deepEqual(
  wishesOf(pod('p', [container('main', 2)], [container('side', 1, { restartPolicy: 'Always' }), container('first', 3)]), () => true).map(({ container: name, count, isInit }) => [name, count, isInit]),
  [['first', 3, true], ['side', 1, false], ['main', 2, false]],
));

test('devices are given once, those of init containers again to the others, and kept for the next llmos', async () => {
  const pods = mkdtempSync(join(tmpdir(), 'devices-'));
  const asked: string[] = [];
  const gift: DeviceGift = { envs: {}, mounts: [], devices: [], annotations: {}, cdiDevices: [] };
  const plugins = {
    devices: () => new Map([[LAMP, new Map(['1', '2', '3', '4'].map((id) => [id, { healthy: id !== '4' }]))]]), knows: (name: string) => name === LAMP,
    prefer: async (_: string, available: readonly string[], __: readonly string[], count: number) => available.slice(0, count), beforeStart: async () => {},
    isHealthy: (_: string, id: string) => id !== '1',
    allocate: async (_: string, ids: readonly string[]) => { asked.push(ids.join()); return { ...gift, envs: { IDS: ids.join() } }; },
  } as unknown as DevicePlugins;
  try {
    const first = deviceAllocation({ pods, plugins });
    const one = pod('one', [container('main', 1)], [container('first', 2)]);
    await Promise.all([first.allocate(one), assert.rejects(first.allocate(pod('two', [container('main', 2)])), /Allocate failed due to requested number of devices unavailable for example\.com\/lamp\. Requested: 2, Available: 1, which is unexpected/)]);
    await first.allocate(one);
    assert.deepEqual(asked, ['1,2', '1']);
    const next = deviceAllocation({ pods, plugins });
    assert.deepEqual((await next.giftsFor(one, 'main')).map(({ envs }) => envs['IDS']), ['1']);
    assert.deepEqual(next.health('one', container('main', 1)), [{ name: LAMP, resources: [{ resourceID: '1', health: 'Unhealthy' }] }]);
    assert.deepEqual(next.health('one', container('first', 2))?.[0]?.resources?.map(({ resourceID, health }) => `${resourceID} ${health}`), ['1 Unhealthy', '2 Healthy']);
    assert.deepEqual([next.health('one', { name: 'main' }), next.health('two', container('main', 2)), next.has('one'), next.has('two')], [undefined, undefined, true, false]);
    await next.allocate(pod('three', [container('main', 1)]));
    assert.equal(asked.at(-1), '3');
    next.release('one');
    await next.allocate(pod('four', [container('main', 2)]));
    assert.equal(asked.at(-1), '1,2');
  } finally {
    rmSync(pods, { recursive: true });
  }
});
