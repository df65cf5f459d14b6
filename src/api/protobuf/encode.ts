/**
 * JSON form to protobuf, byte for byte as upstream's generated code writes it: fields by number, values that are no pointers always there,
 * maps sorted by key.
 */
import { Buffer } from 'node:buffer';
import { ApiError } from '../errors.ts';
import { isNumeric } from '../int64.ts';
import { formatQuantity } from '../quantity.ts';
import { BYTES, MAX_DEPTH, planOf, VARINT, wireType, type PlannedField } from './plan.ts';
import { parseDuration, parseTime } from '../times.ts';
import { Writer } from './writer.ts';

type Fields = Record<string, unknown>;

const NOTHING: Fields = Object.freeze({});
const JSON_SCHEMA_PROPS = '@io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps';

/** The message of `object`, whose type is named in full. */
export function encodeMessage(type: string, object: object): Buffer {
  const writer = new Writer();
  writeMessage(writer, type, object as Fields, 0);
  return writer.finish();
}

function writeMessage(writer: Writer, type: string, object: Fields, depth: number): void {
  if (depth > MAX_DEPTH) throw new ApiError('BadRequest', `the object is nested more than ${MAX_DEPTH} levels deep`);
  const { fields } = planOf(type);
  for (let index = fields.length - 1; index >= 0; index -= 1) {
    const field = fields[index];
    if (field !== undefined) writeField(writer, field, field.name === '' ? object : object[field.name], depth);
  }
}

function writeField(writer: Writer, field: PlannedField, value: unknown, depth: number): void {
  const absent = value === undefined || value === null;
  const kind = field.type[0];
  if (kind === '[') return absent ? undefined : writeList(writer, field.type.slice(1), field.tag, value as unknown[], depth);
  if (kind === '{') return absent ? undefined : writeMap(writer, field, value as Fields, depth);
  if (absent && (field.pointer || kind === 'y' || kind === 'w')) return;
  writeValue(writer, field.type, value, depth);
  writer.varint(field.tag);
}

function writeList(writer: Writer, code: string, tag: number, list: readonly unknown[], depth: number): void {
  for (let index = list.length - 1; index >= 0; index -= 1) {
    writeValue(writer, code, list[index], depth);
    writer.varint(tag);
  }
}

function writeMap(writer: Writer, field: PlannedField, map: Fields, depth: number): void {
  const code = field.type.slice(1);
  for (const key of Object.keys(map).sort(byBytes).reverse()) {
    const before = writer.length;
    writeValue(writer, code, map[key], depth);
    writer.varint(2 * 8 + wireType(code));
    writeText(writer, key);
    writer.varint(1 * 8 + BYTES);
    writer.varint(writer.length - before);
    writer.varint(field.tag);
  }
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** The value without its tag; messages and texts with their length. */
function writeValue(writer: Writer, code: string, value: unknown, depth: number): void {
  switch (code[0]) {
    case 's': case 'e': return writeText(writer, typeof value === 'string' ? value : '');
    case 'b': return writer.varint(value === true ? 1 : 0);
    case 'i': case 'l': return writer.varint(isNumeric(value) ? value : 0);
    case 'd': return writer.double(isNumeric(value) ? Number(value) : 0);
    case 'y': return writeBytes(writer, Buffer.from(typeof value === 'string' ? value : '', 'base64'));
    default: {
      const before = writer.length;
      writeBody(writer, code, value, depth + 1);
      writer.varint(writer.length - before);
    }
  }
}

function writeText(writer: Writer, text: string): void {
  const before = writer.length;
  writer.string(text);
  writer.varint(writer.length - before);
}

function writeBytes(writer: Writer, bytes: Uint8Array): void {
  writer.bytes(bytes);
  writer.varint(bytes.length);
}

function tagged(writer: Writer, number: number, code: string, value: unknown, depth = 0): void {
  writeValue(writer, code, value, depth);
  writer.varint(number * 8 + wireType(code));
}

/** The body of a message: a struct's, or that of a type with a form of its own. Fields in reverse order of number. */
function writeBody(writer: Writer, code: string, value: unknown, depth: number): void {
  switch (code[0]) {
    case '@': return writeMessage(writer, code.slice(1), isFields(value) ? value : NOTHING, depth);
    case 'w': return writeList(writer, code.slice(2), 1 * 8 + wireType(code.slice(2)), Array.isArray(value) ? value : [], depth);
    case 'q': return tagged(writer, 1, 's', value === undefined || value === null ? '0' : formatQuantity(value as string));
    case 'o': {
      const isText = typeof value === 'string';
      tagged(writer, 3, 's', isText ? value : '');
      tagged(writer, 2, 'i', isText ? 0 : value);
      return tagged(writer, 1, 'l', isText ? 1 : 0);
    }
    case 't': case 'm': {
      const time = typeof value === 'string' ? parseTime(value) : undefined;
      if (time === undefined) return;
      tagged(writer, 2, 'i', code === 't' ? 0 : time.nanos);
      return tagged(writer, 1, 'l', time.seconds);
    }
    case 'u': return tagged(writer, 1, 'l', parseDuration(typeof value === 'string' ? value : ''));
    case 'F': case 'R': case 'J':
      if (value === undefined || (value === null && code !== 'J')) return;
      writeBytes(writer, Buffer.from(JSON.stringify(value)));
      return writer.varint(1 * 8 + BYTES);
    case 'B':
      if (isFields(value)) tagged(writer, 2, JSON_SCHEMA_PROPS, value, depth);
      writer.varint(value === false ? 0 : 1);
      return writer.varint(1 * 8 + VARINT);
    case 'A': case 'S': {
      if (Array.isArray(value)) return writeList(writer, code === 'A' ? JSON_SCHEMA_PROPS : 's', 2 * 8 + BYTES, value, depth);
      return isFields(value) ? tagged(writer, 1, JSON_SCHEMA_PROPS, value, depth) : undefined;
    }
    default: throw new ApiError('InternalError', `no protobuf form is known for the type code ${code}`);
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
