import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader } from '../protobuf/reader.ts';
import { openapiV3Protobuf } from './v3-protobuf.ts';

type Field = [number, number | Buffer];

/** The fields of a message in the order in which they stand; those with a length as bytes. */
function fieldsOf(bytes: Buffer): Field[] {
  const reader = new Reader(bytes);
  const fields: Field[] = [];
  while (!reader.done) {
    const tag = reader.varint();
    fields.push([tag >> 3, tag % 8 === 0 ? reader.varint() : tag % 8 === 1 ? reader.double() : reader.bytes()]);
  }
  return fields;
}

/** All that stands at a path of field numbers. */
function at(bytes: Buffer, ...path: number[]): (number | Buffer)[] {
  let found: (number | Buffer)[] = [bytes];
  for (const number of path) found = found.flatMap((value) => (Buffer.isBuffer(value) ? fieldsOf(value).filter(([each]) => each === number).map(([, each]) => each) : []));
  return found;
}

const texts = (bytes: Buffer, ...path: number[]): string[] => at(bytes, ...path).map(String);

test('schemas: references, defaults, items, and what extends them', () => {
  const Toad = {
    description: 'a toad', type: 'object', required: ['warts', 'name'], minimum: 1.5, 'x-kubernetes-list-map-keys': ['name'],
    properties: {
      warts: { type: 'array', items: { $ref: '#/components/schemas/Wart' }, default: {} }, more: { additionalProperties: { type: 'string' }, default: 'none' }, any: { additionalProperties: true, default: false },
      one: { allOf: [{ $ref: '#/components/schemas/Wart' }], default: 3, enum: ['a', 1] },
    },
  };
  const bytes = openapiV3Protobuf({ openapi: '3.0.0', info: { title: 'T', version: 'v1' }, components: { schemas: { Toad, Same: { $ref: '#/components/schemas/Toad' } } } });
  assert.deepEqual([texts(bytes, 1), texts(bytes, 2, 1), texts(bytes, 2, 6), texts(bytes, 5, 1, 1, 1)], [['3.0.0'], ['T'], ['v1'], ['Toad', 'Same']]);
  assert.deepEqual(texts(bytes, 5, 1, 1, 2, 2, 1), ['#/components/schemas/Toad'], 'Same is a reference');
  const toad = at(bytes, 5, 1, 1, 2, 1)[0] as Buffer;
  assert.deepEqual([texts(toad, 34), texts(toad, 25), texts(toad, 23), at(toad, 13), texts(toad, 36, 1), texts(toad, 36, 2, 2)], [['a toad'], ['object'], ['warts', 'name'], [1.5], ['x-kubernetes-list-map-keys'], ['["name"]']]);
  assert.deepEqual(texts(toad, 31, 1, 1), ['warts', 'more', 'any', 'one']);
  const [warts, more, any, one] = at(toad, 31, 1, 2, 1) as Buffer[];
  assert.deepEqual([texts(warts!, 30, 1, 2, 1), texts(warts!, 33)], [['#/components/schemas/Wart'], ['']], 'an object has no place in a default');
  assert.deepEqual([texts(more!, 32, 1, 1, 25), texts(more!, 33, 3)], [['string'], ['none']]);
  assert.deepEqual([at(any!, 32, 2), at(any!, 33, 2)], [[1], [0]]);
  assert.deepEqual([texts(one!, 26, 2, 1), at(one!, 33, 1), texts(one!, 24, 2)], [['#/components/schemas/Wart'], [3], ['"a"', '1']]);
});

test('operations: parameters, bodies, answers by code and otherwise', () => {
  const content = { 'application/json': { schema: { $ref: '#/components/schemas/Toad' } } };
  const patch = {
    tags: ['t'], operationId: 'p', 'x-kubernetes-action': 'patch', parameters: [{ name: 'force', in: 'query', required: false, schema: { type: 'boolean' } }], requestBody: { content },
    responses: { 200: { description: 'OK', content }, default: { description: 'else' } },
  };
  const bytes = openapiV3Protobuf({ openapi: '3.0.0', info: { title: 'T', version: 'v1' }, paths: { '/toads/{name}': { parameters: [{ name: 'name', in: 'path' }], patch } } });
  assert.deepEqual([texts(bytes, 4, 1, 1), texts(bytes, 4, 1, 2, 13, 1, 1)], [['/toads/{name}'], ['name']]);
  const operation = at(bytes, 4, 1, 2, 10)[0] as Buffer;
  assert.deepEqual([texts(operation, 1), texts(operation, 5), texts(operation, 13, 1)], [['t'], ['p'], ['x-kubernetes-action']]);
  assert.deepEqual([texts(operation, 6, 1, 1), at(operation, 6, 1, 4), texts(operation, 6, 1, 10, 1, 25)], [['force'], [0], ['boolean']]);
  assert.deepEqual([texts(operation, 7, 1, 2, 1, 1), texts(operation, 7, 1, 2, 1, 2, 1, 2, 1)], [['application/json'], ['#/components/schemas/Toad']]);
  assert.deepEqual([texts(operation, 8, 2, 1), texts(operation, 8, 2, 2, 1, 1), texts(operation, 8, 2, 2, 1, 3, 1, 1), texts(operation, 8, 1, 1, 1)], [['200'], ['OK'], ['application/json'], ['else']]);
});
