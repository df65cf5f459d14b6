import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeOpenapiV2 } from './merge-v2.ts';

const ref = (name: string): object => ({ schema: { $ref: `#/definitions/${name}` } });

test('paths of another server come with the definitions that they need', () => {
  const own = { swagger: '2.0', paths: { '/api/v1/pods': ref('Pod'), '/apis/a/v1/old': {} }, definitions: { Pod: { type: 'object' }, Meta: { type: 'object' }, Status: { a: 1 } } };
  const other = {
    paths: { '/apis/a/v1/things': ref('Thing'), '/apis/a/v1beta1/things': ref('Pod'), '/version/': ref('Info') },
    definitions: { Thing: { properties: { meta: { $ref: '#/definitions/Meta' }, status: { $ref: '#/definitions/Status' } } }, Meta: { type: 'object' }, Status: { a: 2 }, Info: {}, Pod: { other: true } },
  };
  assert.deepEqual(mergeOpenapiV2(own, [{ prefix: '/apis/a/v1', document: other }, { prefix: '/apis/b/v1', document: undefined }, { prefix: '/apis/c/v1', document: 'nonsense' }]), {
    swagger: '2.0',
    paths: { '/api/v1/pods': ref('Pod'), '/apis/a/v1/things': ref('Thing') },
    definitions: {
      Pod: { type: 'object' }, Meta: { type: 'object' }, Status: { a: 1 }, Status_v2: { a: 2 },
      Thing: { properties: { meta: { $ref: '#/definitions/Meta' }, status: { $ref: '#/definitions/Status_v2' } } },
    },
  });
  assert.equal(Object.keys(own.paths).length, 2, 'the argument stays as it is');
});
