import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../meta.ts';
import { strategicMergePatch } from './strategic.ts';
import { testSchema } from './test-schema.ts';

function pod(spec: Json): Json {
  return { spec: { template: { spec } } };
}

const a = { name: 'a', image: 'a:1' };
const b = { name: 'b', image: 'b:1' };
const c = { name: 'c', image: 'c:1' };

const cases: [string, Json, Json, Json][] = [
  ['merges by key', pod({ containers: [a, b] }), pod({ containers: [{ name: 'b', image: 'b:2' }] }), pod({ containers: [a, { name: 'b', image: 'b:2' }] })],
  // kubectl set image sends the order of all containers with the one that changes.
  ['keeps the order given', pod({ containers: [a, b] }), pod({ '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }], containers: [{ name: 'a', image: 'a:2' }] }), pod({ containers: [b, { name: 'a', image: 'a:2' }] })],
  ['puts a new element in front, as upstream does', pod({ containers: [a] }), pod({ containers: [b] }), pod({ containers: [b, a] })],
  ['server-only elements stay in place', pod({ containers: [a, b, c] }), pod({ '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }] }), pod({ containers: [b, c, a] })],
  ['puts a new element where a deleted one made room', pod({ containers: [a, b, c] }), pod({ '$setElementOrder/containers': [{ name: 'b' }, { name: 'd' }], containers: [{ name: 'd', image: 'd:1' }, { name: 'a', $patch: 'delete' }] }), pod({ containers: [b, c, { name: 'd', image: 'd:1' }] })],
  ['orders what it does not change', pod({ containers: [a, b, c] }), pod({ '$setElementOrder/containers': [{ name: 'c' }, { name: 'b' }, { name: 'a' }] }), pod({ containers: [c, b, a] })],
  ['replaces a list and keeps its own order', pod({ containers: [a, b] }), pod({ '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }], containers: [{ $patch: 'replace' }, c, a] }), pod({ containers: [c, a] })],
  ['deletes by key', pod({ containers: [a, b] }), pod({ containers: [{ name: 'a', $patch: 'delete' }] }), pod({ containers: [b] })],
  ['replaces a list', pod({ containers: [a, b] }), pod({ containers: [c, { $patch: 'replace' }] }), pod({ containers: [c] })],
  ['replaces a map', { spec: { replicas: 1, paused: true } }, { spec: { $patch: 'replace', replicas: 2 } }, { spec: { replicas: 2 } }],
  ['empties a map', { spec: { replicas: 1 } }, { spec: { $patch: 'delete' } }, { spec: {} }],
  ['replaces atomic lists', pod({ tolerations: [{ key: 'x' }] }), pod({ tolerations: [{ key: 'y' }] }), pod({ tolerations: [{ key: 'y' }] })],
  ['removes with null', { spec: { replicas: 1, paused: true } }, { spec: { replicas: null, nothing: null } }, { spec: { paused: true } }],
  ['merges sets', { metadata: { finalizers: ['a', 'b'] } }, { metadata: { finalizers: ['b', 'c'] } }, { metadata: { finalizers: ['a', 'b', 'c'] } }],
  ['deletes from sets', { metadata: { finalizers: ['a', 'b'] } }, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } }, { metadata: { finalizers: ['b'] } }],
  ['deletes from and orders sets', { metadata: { finalizers: ['a', 'b', 'd'] } }, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'], '$setElementOrder/finalizers': ['c', 'b'], finalizers: ['c'] } }, { metadata: { finalizers: ['c', 'b', 'd'] } }],
  ['retains only the keys named', { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } }, { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } }, { spec: { strategy: { type: 'Recreate' } } }],
  ['retains keys within a list', pod({ volumes: [{ name: 'v', emptyDir: {} }] }), pod({ volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/x' } }] }), pod({ volumes: [{ name: 'v', hostPath: { path: '/x' } }] })],
  ['adds what is absent, without nulls', {}, { metadata: { labels: { a: 'b', c: null } } }, { metadata: { labels: { a: 'b' } } }],
  ['nested lists', pod({ containers: [{ ...a, env: [{ name: 'X', value: '1' }] }] }), pod({ containers: [{ name: 'a', env: [{ name: 'Y', value: '2' }, { name: 'X', value: '3' }] }] }), pod({ containers: [{ ...a, env: [{ name: 'Y', value: '2' }, { name: 'X', value: '3' }] }] })],
];

for (const [name, original, patch, expected] of cases) {
  test(`strategic merge patch ${name}`, () => {
    const frozen = JSON.stringify([original, patch]);
    assert.deepEqual(strategicMergePatch(original, patch, testSchema), expected);
    assert.equal(JSON.stringify([original, patch]), frozen);
  });
}

const refusals: [string, Json, RegExp, number][] = [
  ['an element without its key', pod({ containers: [{ image: 'x' }] }), /^map: map\[image:x\] does not contain declared merge key: name$/, 500],
  ['an unknown directive', { spec: { $patch: 'explode' } }, /^unknown patch type: explode in map: map\[\$patch:explode\]$/, 500],
  ['a directive that is documented and nowhere taken', { spec: { $patch: 'merge', replicas: 2 } }, /unknown patch type: merge/, 500],
  ['an order of no list', pod({ '$setElementOrder/containers': [{ name: 'a' }], containers: null }), /invalid patch format of setElementOrder list/, 400],
  ['retained keys that leave out what it sets', { spec: { strategy: { $retainKeys: ['type'], rollingUpdate: {} } } }, /patch content doesn't match retainKeys list/, 422],
  ['retained keys that are no list', { spec: { strategy: { $retainKeys: 'type' } } }, /invalid patch format of retainKeys/, 400],
  ['an order that the list does not follow', pod({ '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }], containers: [a, b] }), /doesn't match \$setElementOrder/, 500],
];

for (const [name, patch, message, code] of refusals) {
  test(`strategic merge patch refuses ${name}`, () => {
    const original = { spec: { strategy: { type: 'x' }, template: { spec: { containers: [a, b] } } } };
    assert.throws(() => strategicMergePatch(original, patch, testSchema), { code, message });
  });
}
