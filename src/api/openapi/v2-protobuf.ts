/**
 * The document of version 2 as protobuf (gnostic openapiv2/OpenAPIv2.proto), which kubectl asks for: its definitions for `explain` and patches,
 * its operations to learn which query parameters and patch types a kind takes. Written from the same value that the JSON is written from.
 */
import { isJsonObject } from '../json.ts';
import { any, double, each, extension, integer, map, message, sized, text, wrapped, written, type Message, type Write } from './gnostic.ts';
import type { JsonObject } from './schemas.ts';

const SCHEMA: Message = {
  $ref: text(1), format: text(2), title: text(3), description: text(4), default: any(5), multipleOf: double(6), maximum: double(7), exclusiveMaximum: integer(8),
  minimum: double(9), exclusiveMinimum: integer(10), maxLength: integer(11), minLength: integer(12), pattern: text(13), maxItems: integer(14), minItems: integer(15),
  uniqueItems: integer(16), maxProperties: integer(17), minProperties: integer(18), required: each(text(19)), enum: each(any(20)),
  additionalProperties: (writer, value) => sized(writer, 21, () => (isJsonObject(value) ? message(1, () => SCHEMA) : integer(2))(writer, value)),
  type: wrapped(22, each(text(1))), items: wrapped(23, message(1, () => SCHEMA)), properties: wrapped(25, map(1, message(2, () => SCHEMA))), 'x-': extension(31),
};
const QUERY: Message = { required: integer(1), in: text(2), description: text(3), name: text(4), type: text(6), format: text(7), uniqueItems: integer(20) };
const PATH: Message = { required: integer(1), in: text(2), description: text(3), name: text(4), type: text(5), format: text(6), uniqueItems: integer(19) };
const BODY: Message = { description: text(1), name: text(2), in: text(3), required: integer(4), schema: message(5, () => SCHEMA) };
/** ParametersItem.parameter, Parameter.body_parameter or .non_body_parameter, and of those the one of its place. */
const parameter = (number: number): Write => wrapped(number, wrapped(1, (writer, value) => {
  const place = (value as JsonObject)['in'];
  if (place === 'body') return message(1, () => BODY)(writer, value);
  return wrapped(2, place === 'path' ? message(4, () => PATH) : message(3, () => QUERY))(writer, value);
}));
const RESPONSE: Message = { description: text(1), schema: wrapped(2, message(1, () => SCHEMA)) };
const OPERATION: Message = {
  tags: each(text(1)), description: text(3), operationId: text(5), produces: each(text(6)), consumes: each(text(7)), parameters: each(parameter(8)),
  responses: wrapped(9, map(1, wrapped(2, message(1, () => RESPONSE)))), 'x-': extension(13),
};
const operation = (number: number): Write => message(number, () => OPERATION);
const PATH_ITEM: Message = { get: operation(2), put: operation(3), post: operation(4), delete: operation(5), options: operation(6), head: operation(7), patch: operation(8), parameters: each(parameter(9)) };
const INFO: Message = { title: text(1), version: text(2) };
const DOCUMENT: Message = {
  swagger: text(1), info: message(2, () => INFO), paths: wrapped(8, map(2, message(2, () => PATH_ITEM))), definitions: wrapped(9, map(1, message(2, () => SCHEMA))),
};

/** `document` is what openapiV2 gives. Members that the format has no place for are left out. */
export function openapiV2Protobuf(document: JsonObject): Buffer {
  return written(document, DOCUMENT);
}
