import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader } from '../protobuf/reader.ts';
import type { JsonObject } from './schemas.ts';
import { openapiV2Protobuf } from './v2-protobuf.ts';

/** The fields of a message in the order in which they stand; those with a length as bytes. */
function fieldsOf(bytes: Buffer): [number, number | Buffer][] {
  const reader = new Reader(bytes);
  const fields: [number, number | Buffer][] = [];
  while (!reader.done) {
    const tag = reader.varint();
    fields.push([tag >> 3, tag % 8 === 0 ? reader.varint() : tag % 8 === 1 ? reader.double() : reader.bytes()]);
  }
  return fields;
}

/** What stands at a path of field numbers, the first of each. */
function at(bytes: Buffer, ...path: number[]): number | Buffer | undefined {
  return path.reduce<number | Buffer | undefined>((value, number) => (Buffer.isBuffer(value) ? fieldsOf(value).find(([each]) => each === number)?.[1] : undefined), bytes);
}

test('a definition with every sort of member, and an operation', () => {
  const schema = {
    description: 'a toad', type: 'object', required: ['warts', 'name'], minimum: 1.5, 'x-kubernetes-list-map-keys': ['name'],
    properties: { warts: { type: 'array', items: { $ref: '#/definitions/Wart' } }, more: { type: 'object', additionalProperties: { type: 'string' } }, any: { additionalProperties: true, default: { a: 1 }, maxLength: 300 } },
  };
  const patch = { operationId: 'p', consumes: ['a', 'b'], parameters: [{ name: 'force', in: 'query', type: 'boolean' } as JsonObject, { name: 'body', in: 'body', schema: { $ref: '#/definitions/Toad' } }], responses: { 200: { description: 'OK', schema: { $ref: '#/definitions/Toad' } } } };
  const bytes = openapiV2Protobuf({ swagger: '2.0', info: { title: 'T', version: 'v1' }, paths: { '/toads/{name}': { parameters: [{ name: 'name', in: 'path', type: 'string' }], patch } }, definitions: { Toad: schema } });
  const text = (...path: number[]): string => String(at(bytes, ...path));
  assert.deepEqual([text(1), text(2, 1), text(9, 1, 1)], ['2.0', 'T', 'Toad']);
  const toad = at(bytes, 9, 1, 2) as Buffer;
  assert.deepEqual(fieldsOf(toad).map(([number, value]) => `${number} ${number === 4 || number === 19 ? value.toString() : ''}`), ['4 a toad', '22 ', '19 warts', '19 name', '9 ', '31 ', '25 ']);
  assert.equal(at(toad, 9), 1.5);
  assert.deepEqual([String(at(toad, 31, 1)), String(at(toad, 31, 2, 2))], ['x-kubernetes-list-map-keys', '["name"]']);
  const [warts, more, any] = fieldsOf(at(toad, 25) as Buffer).map(([, each]) => at(each as Buffer, 2) as Buffer);
  assert.deepEqual([String(at(warts!, 22, 1)), String(at(warts!, 23, 1, 1))], ['array', '#/definitions/Wart']);
  assert.deepEqual([String(at(more!, 21, 1, 22, 1)), at(any!, 21, 2), String(at(any!, 5, 2)), at(any!, 11)], ['string', 1, '{"a":1}', 300]);
  const [force, body] = fieldsOf(at(bytes, 8, 2, 2, 8) as Buffer).filter(([number]) => number === 8).map(([, each]) => each as Buffer);
  assert.deepEqual([String(at(force!, 1, 2, 3, 4)), String(at(body!, 1, 1, 5, 1)), text(8, 2, 2, 9, 1, 2, 4, 4), text(8, 2, 2, 8, 9, 1, 1), text(8, 2, 2, 8, 9, 1, 2, 1, 2, 1, 1)], ['force', '#/definitions/Toad', 'name', '200', '#/definitions/Toad']);
});
