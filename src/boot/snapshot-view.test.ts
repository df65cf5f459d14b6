import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { KubeObject } from '../api/meta.ts';
import { changedFields } from './snapshot-view.ts';

const object = (rest: object, metadata: object = {}): KubeObject => ({ apiVersion: 'v1', kind: 'Thing', metadata: { name: 'a', ...metadata }, ...rest }) as KubeObject;

const cases: [string, KubeObject, KubeObject, string[]][] = [
  ['nothing', object({ a: 1 }), object({ a: 1 }), []],
  ['what the server counts', object({ a: 1 }, { resourceVersion: '1', generation: 1 }), object({ a: 1 }, { resourceVersion: '2', generation: 2, managedFields: [{}] }), []],
  ['a field in depth', object({ spec: { template: { spec: { x: 1 } } } }), object({ spec: { template: { spec: { x: 2 } } } }), ['spec.template.spec.x']],
  ['one that came and one that went', object({ spec: { a: 1 } }), object({ spec: { b: 1 } }), ['spec.a', 'spec.b']],
  ['a list in whole', object({ spec: { list: [1, 2] } }), object({ spec: { list: [1, 3] } }), ['spec.list']],
  ['a key that is no word', object({}, { labels: { 'a.b/c': '1' } }), object({}, { labels: { 'a.b/c': '2' } }), ['metadata.labels["a.b/c"]']],
  ['many by their parent', object({ data: Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`k${n}`, 'a'])) }), object({ data: Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`k${n}`, 'b'])) }), ['data']],
];
for (const [what, before, now, fields] of cases) it(`names ${what}`, () => assert.deepEqual(changedFields(before, now), fields));
