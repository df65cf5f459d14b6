import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capabilitiesOfMask, containerCapabilities, DEFAULT_CAPABILITIES } from './capabilities.ts';

const available = capabilitiesOfMask((1n << 41n) - 1n);
const root = { available, root: true };

test('the default set', () => assert.deepEqual(containerCapabilities(undefined, root).effective, DEFAULT_CAPABILITIES));
test('drop ALL, add one', () => assert.deepEqual(containerCapabilities({ capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } }, root).bounding, ['CAP_NET_BIND_SERVICE']));
test('privileged has all of the machine', () => assert.equal(containerCapabilities({ privileged: true }, root).bounding.length, 41));
test('add ALL drop one', () => assert.equal(containerCapabilities({ capabilities: { add: ['ALL'], drop: ['SYS_ADMIN'] } }, root).bounding.length, 40));
test('what the machine lacks is left out', () => {
  const without = available.filter((name) => name !== 'CAP_SYS_RESOURCE');
  assert.ok(!containerCapabilities({ privileged: true }, { available: without, root: true }).bounding.includes('CAP_SYS_RESOURCE'));
});
test('not root: bounding only', () => assert.deepEqual(containerCapabilities(undefined, { available, root: false }).effective, []));
