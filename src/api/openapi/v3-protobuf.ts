/** A document of version 3 as protobuf (gnostic openapiv3/OpenAPIv3.proto), for clients in Go that would rather read that. Written from the same value as the JSON. */
import { isJsonObject } from '../json.ts';
import type { Json } from '../meta.ts';
import { any, double, each, extension, integer, map, message, sized, text, wrapped, written, type Message, type Write } from './gnostic.ts';
import type { JsonObject } from './schemas.ts';

const REFERENCE: Message = { $ref: text(1), summary: text(2), description: text(3) };
const isReference = (value: Json): boolean => isJsonObject(value) && '$ref' in value;
/** SchemaOrReference, ParameterOrReference and the like: the thing itself, or where it stands. */
const orReference = (number: number, fields: () => Message): Write => (writer, value) => sized(writer, number, () => (isReference(value) ? message(2, () => REFERENCE) : message(1, fields))(writer, value));
const schema = (number: number): Write => orReference(number, () => SCHEMA);

/** DefaultType has no place for objects and lists: of those it says nothing, as gnostic's own parser. */
const defaultOf = (number: number): Write => (writer, value) => sized(writer, number, () => {
  if (typeof value === 'number') double(1)(writer, value);
  else if (typeof value === 'boolean') integer(2)(writer, value);
  else if (typeof value === 'string') text(3)(writer, value);
});

const SCHEMA: Message = {
  nullable: integer(1), readOnly: integer(3), writeOnly: integer(4), example: any(7), deprecated: integer(8), title: text(9), multipleOf: double(10),
  maximum: double(11), exclusiveMaximum: integer(12), minimum: double(13), exclusiveMinimum: integer(14), maxLength: integer(15), minLength: integer(16), pattern: text(17), maxItems: integer(18),
  minItems: integer(19), uniqueItems: integer(20), maxProperties: integer(21), minProperties: integer(22), required: each(text(23)), enum: each(any(24)), type: text(25),
  allOf: each(schema(26)), oneOf: each(schema(27)), anyOf: each(schema(28)), not: message(29, () => SCHEMA), items: wrapped(30, each(schema(1))), properties: wrapped(31, map(1, schema(2))),
  additionalProperties: (writer, value) => sized(writer, 32, () => (isJsonObject(value) ? schema(1) : integer(2))(writer, value)),
  default: defaultOf(33), description: text(34), format: text(35), 'x-': extension(36),
};
const MEDIA_TYPE: Message = { schema: schema(1), 'x-': extension(5) };
const content = (number: number): Write => wrapped(number, map(1, message(2, () => MEDIA_TYPE)));
const PARAMETER: Message = { name: text(1), in: text(2), description: text(3), required: integer(4), deprecated: integer(5), schema: schema(10), 'x-': extension(14) };
const BODY: Message = { description: text(1), content: content(2), required: integer(3), 'x-': extension(4) };
const RESPONSE: Message = { description: text(1), content: content(3), 'x-': extension(5) };
const response = (number: number): Write => orReference(number, () => RESPONSE);
/** Responses: what answers otherwise has a place of its own. */
const responses = (number: number): Write => (writer, value) => sized(writer, number, () => {
  const { default: otherwise, ...byCode } = value as JsonObject;
  map(2, response(2))(writer, byCode);
  if (otherwise !== undefined) response(1)(writer, otherwise);
});
const OPERATION: Message = {
  tags: each(text(1)), summary: text(2), description: text(3), operationId: text(5), parameters: each(orReference(6, () => PARAMETER)), requestBody: orReference(7, () => BODY),
  responses: responses(8), deprecated: integer(10), 'x-': extension(13),
};
const operation = (number: number): Write => message(number, () => OPERATION);
const PATH_ITEM: Message = {
  $ref: text(1), summary: text(2), description: text(3), get: operation(4), put: operation(5), post: operation(6), delete: operation(7), options: operation(8), head: operation(9), patch: operation(10),
  trace: operation(11), parameters: each(orReference(13, () => PARAMETER)), 'x-': extension(14),
};
const INFO: Message = { title: text(1), description: text(2), termsOfService: text(3), version: text(6), 'x-': extension(7) };
const DOCUMENT: Message = {
  openapi: text(1), info: message(2, () => INFO), paths: wrapped(4, map(1, message(2, () => PATH_ITEM))), components: message(5, () => ({ schemas: wrapped(1, map(1, schema(2))) })), 'x-': extension(9),
};

/** `document` is what openapiV3 gives, or another server. Members that the format has no place for are left out. */
export function openapiV3Protobuf(document: JsonObject): Buffer {
  return written(document, DOCUMENT);
}
