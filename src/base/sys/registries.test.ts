import assert from 'node:assert/strict';
import { test } from 'node:test';
import { localRegistryAddress, registriesConf, registriesOf } from './registries.ts';

test('registries are checked, and written as skopeo reads them', () => {
  const [one] = registriesOf([{ location: 'docker.io', mirrors: ['mirror.example.com:5000/hub'], insecure: true }]);
  assert.equal(registriesConf([one!]), ['[[registry]]', 'location = "docker.io"', 'insecure = true', '[[registry.mirror]]', 'location = "mirror.example.com:5000/hub"', 'insecure = true', ''].join('\n'));
  assert.deepEqual(registriesOf(undefined), []);
  for (const [wrong, complaint] of [
    ['docker.io', /must be a list/], [[{ location: 'https://a.b' }], /registries\[0\]\.location must be host/], [[{ location: 'a.b', mirror: ['c'] }], /unknown key 'modules\.node\.registries\[0\]\.mirror'/],
    [[{ location: 'a.b', mirrors: 'c' }], /mirrors must be a list/], [[{ location: 'a.b', insecure: 'yes' }], /true or false/], [[{ location: 'a.b', caFile: '/nowhere/ca.pem' }], /there is no file/],
    [[{ location: 'a.b"\ninsecure = true' }], /location must be/],
  ] as const) assert.throws(() => registriesOf(wrong), complaint);
});

test('the registry of this machine has a port that can be one', () => {
  assert.equal(localRegistryAddress({}), '127.0.0.1:5000');
  assert.equal(localRegistryAddress({ enabled: true, port: 5001 }), '127.0.0.1:5001');
  for (const port of ['5000', 0, 65_536, 1.5]) assert.throws(() => localRegistryAddress({ port }), /modules\.registry\.port must be a port/);
});
