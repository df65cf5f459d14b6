/** Protobuf to the JSON form. What Go would leave out of JSON (empty optional fields) is left out. */
import type { Buffer } from 'node:buffer';
import { parseJson as parseExactly } from '../int64.ts';
import type { Json } from '../meta.ts';
import { BYTES, MAX_DEPTH, planOf, wireType, type PlannedField } from './plan.ts';
import { malformed, Reader } from './reader.ts';
import { formatDuration, formatTime } from '../times.ts';

type Fields = Record<string, unknown>;

const JSON_SCHEMA_PROPS = '@io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps';

/** How bytes of a RawExtension become JSON; the envelope's decoder knows nested ones. */
export type RawDecoder = (bytes: Buffer) => unknown;

/** The object of a message whose type is named in full. Throws ApiError BadRequest. */
export function decodeMessage(type: string, bytes: Buffer, decodeRaw: RawDecoder): Fields {
  return readMessage(new Reader(bytes), type, { decodeRaw, depth: 0, made: { messages: 0 } }, {});
}

interface Context { decodeRaw: RawDecoder; depth: number; made: { messages: number } }

/** An empty message takes two bytes of the body and a hundred times as much when read. */
const MAX_MESSAGES = 100_000;

function readMessage(reader: Reader, type: string, context: Context, target: Fields): Fields {
  if (context.depth > MAX_DEPTH) throw malformed(`it is nested more than ${MAX_DEPTH} levels deep`);
  if (++context.made.messages > MAX_MESSAGES) throw malformed(`it holds more than ${MAX_MESSAGES} messages`);
  const { byNumber, fields } = planOf(type);
  const found: Fields = {};
  while (!reader.done) {
    const tag = reader.varint();
    const [number, wire] = [Math.floor(tag / 8), tag % 8];
    const field = byNumber.get(number);
    if (field === undefined) reader.skip(wire);
    else if (field.name === '') readMessage(reader.message(), field.type.slice(1), { ...context, depth: context.depth + 1 }, target);
    else readField(reader, field, wire, context, found);
  }
  for (const field of fields) if (field.name !== '') keep(field, found[field.name], target);
  return target;
}

function readField(reader: Reader, field: PlannedField, wire: number, context: Context, found: Fields): void {
  const code = field.type.slice(1);
  const expected = wireType(field.type);
  if (field.type[0] === '[') {
    const list = (found[field.name] ??= []) as unknown[];
    if (wire === BYTES && expected !== BYTES) {
      for (const packed = reader.message(); !packed.done;) list.push(readValue(packed, code, context));
      return;
    }
    if (wire !== expected) throw malformed(`field ${field.name} has wire type ${wire}`);
    list.push(readValue(reader, code, context));
    return;
  }
  if (wire !== expected) throw malformed(`field ${field.name} has wire type ${wire}`);
  if (field.type[0] === '{') readMapEntry(reader.message(), code, context, (found[field.name] ??= {}) as Fields);
  else found[field.name] = readValue(reader, field.type, context);
}

function readMapEntry(reader: Reader, code: string, context: Context, map: Fields): void {
  let key = '';
  let value: unknown;
  while (!reader.done) {
    const tag = reader.varint();
    if (tag === 1 * 8 + BYTES) key = reader.string();
    else if (tag === 2 * 8 + wireType(code)) value = readValue(reader, code, context);
    else reader.skip(tag % 8);
  }
  // defineProperty: a key such as __proto__ is a plain key.
  Object.defineProperty(map, key, { value: value === undefined ? emptyOf(code) : value, enumerable: true, writable: true, configurable: true });
}

/** Puts a field where Go's JSON has it: required ones always, optional ones unless empty. */
function keep(field: PlannedField, value: unknown, target: Fields): void {
  if (value === undefined || value === null) {
    if (field.required && !field.omitempty && !field.pointer && 'sebil'.includes(field.type[0] ?? '') && value === undefined) target[field.name] = emptyOf(field.type);
    return;
  }
  const optional = field.omitempty && !field.pointer;
  // What stands for any JSON was said if it is there.
  if (optional && isEmpty(value) && !'oJFR'.includes(field.type)) return;
  target[field.name] = value;
}

function isEmpty(value: unknown): boolean {
  return value === '' || value === 0 || value === false || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
}

function emptyOf(code: string): unknown {
  switch (code[0]) {
    case 's': case 'e': case 'y': return '';
    case 'b': return false;
    case 'i': case 'l': case 'd': return 0;
    case '[': case 'w': return [];
    case 'q': return '0';
    case 'o': return 0;
    case 'u': return '0s';
    case '@': case '{': return {};
    default: return null;
  }
}

function readValue(reader: Reader, code: string, context: Context): unknown {
  switch (code[0]) {
    case 's': case 'e': return reader.string();
    case 'b': return reader.varint() !== 0;
    case 'i': return reader.varint();
    case 'l': return reader.int64();
    case 'd': return reader.double();
    case 'y': return reader.bytes().toString('base64');
    case '@': return readMessage(reader.message(), code.slice(1), { ...context, depth: context.depth + 1 }, {});
    default: return readSpecial(partsOf(reader.message(), code, context), code, context);
  }
}

/** The few fields of a type with a form of its own, by number. */
function partsOf(reader: Reader, code: string, context: Context): Map<number, unknown[]> {
  const parts = new Map<number, unknown[]>();
  const codes = PARTS[code[0] ?? ''] ?? {};
  while (!reader.done) {
    const tag = reader.varint();
    const [number, wire] = [Math.floor(tag / 8), tag % 8];
    const part = codes[number];
    if (part === undefined || wireType(part) !== wire) {
      reader.skip(wire);
      continue;
    }
    const value = part === 'raw' ? reader.bytes() : readValue(reader, part, { ...context, depth: context.depth + 1 });
    const known = parts.get(number);
    if (known === undefined) parts.set(number, [value]);
    else known.push(value);
  }
  return parts;
}

const PARTS: Record<string, Record<number, string>> = {
  w: { 1: 's' }, q: { 1: 's' }, o: { 1: 'l', 2: 'i', 3: 's' }, t: { 1: 'l', 2: 'i' }, m: { 1: 'l', 2: 'i' }, u: { 1: 'l' }, F: { 1: 'raw' }, R: { 1: 'raw' }, J: { 1: 'raw' },
  B: { 1: 'b', 2: JSON_SCHEMA_PROPS }, A: { 1: JSON_SCHEMA_PROPS, 2: JSON_SCHEMA_PROPS }, S: { 1: JSON_SCHEMA_PROPS, 2: 's' },
};

function readSpecial(parts: Map<number, unknown[]>, code: string, context: Context): unknown {
  const last = (number: number): unknown => parts.get(number)?.at(-1);
  switch (code[0]) {
    case 'w': return parts.get(1) ?? [];
    case 'q': return last(1) ?? '0';
    case 'o': return last(1) === 1 ? (last(3) ?? '') : (last(2) ?? 0);
    case 't': case 'm': return parts.size === 0 ? null : formatTime({ seconds: Number(last(1) ?? 0), nanos: (last(2) as number | undefined) ?? 0 }, code === 't' ? 0 : 6);
    case 'u': return formatDuration(Number(last(1) ?? 0));
    case 'F': case 'J': return last(1) === undefined ? null : parseJson(last(1) as Buffer);
    case 'R': return last(1) === undefined ? null : context.decodeRaw(last(1) as Buffer);
    case 'B': return last(2) ?? last(1) ?? false;
    case 'A': case 'S': return last(1) ?? parts.get(2) ?? [];
    default: return null;
  }
}

export function parseJson(bytes: Buffer): Json {
  try {
    return parseExactly(bytes.toString('utf8')) as Json;
  } catch {
    throw malformed('it holds a part that is no JSON');
  }
}
