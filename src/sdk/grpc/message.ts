/** Small protobuf messages by a table of their fields; a map is a repeated entry of key 1 and value 2 (both strings). */
import { Reader } from '../../api/protobuf/reader.ts';
import { Writer } from '../../api/protobuf/writer.ts';

export interface Field {
  number: number;
  type: 'string' | 'bool' | 'int' | 'double' | 'map' | MessageType;
  repeated?: boolean;
}
export type MessageType = Readonly<{ [name: string]: Field }>;
export type Message = { [name: string]: unknown };

const [VARINT, FIXED64, BYTES] = [0, 1, 2];
const wireOf = ({ type }: Field): number => (type === 'bool' || type === 'int' ? VARINT : type === 'double' ? FIXED64 : BYTES);

/** Every field of the table is there: '' , 0, false, [] or {} where the bytes say nothing. Throws ApiError BadRequest on what is malformed. */
export function decode(type: MessageType, bytes: Buffer | Reader): Message {
  const reader = bytes instanceof Reader ? bytes : new Reader(bytes);
  const message: Message = Object.fromEntries(Object.entries(type).map(([name, field]) => [name, emptyOf(field)]));
  const byNumber = new Map(Object.entries(type).map(([name, field]) => [field.number, { name, field }]));
  while (!reader.done) {
    const tag = reader.varint();
    const known = byNumber.get(tag >>> 3);
    const wire = tag & 7;
    if (known === undefined || wire !== wireOf(known.field)) {
      reader.skip(wire);
      continue;
    }
    const { name, field } = known;
    if (field.type === 'map') {
      const { key, value } = decode(ENTRY, reader.message()) as { key: string; value: string };
      (message[name] as Record<string, string>)[key] = value;
    } else if (field.repeated === true) (message[name] as unknown[]).push(valueOf(field, reader));
    else message[name] = valueOf(field, reader);
  }
  return message;
}

const ENTRY: MessageType = { key: { number: 1, type: 'string' }, value: { number: 2, type: 'string' } };

function emptyOf({ type, repeated }: Field): unknown {
  if (repeated === true) return [];
  if (typeof type === 'object') return undefined;
  return { string: '', bool: false, int: 0, double: 0, map: {} }[type];
}

function valueOf({ type }: Field, reader: Reader): unknown {
  if (type === 'string') return reader.string();
  if (type === 'int') return reader.varint();
  if (type === 'double') return reader.double();
  if (type === 'bool') return reader.varint() !== 0;
  return decode(type as MessageType, reader.message());
}

/** Fields that are undefined or empty are left out. */
export function encode(type: MessageType, message: Message): Buffer {
  const writer = new Writer();
  write(writer, type, message);
  return writer.finish();
}

/** Writers go from the end to the beginning. */
function write(writer: Writer, type: MessageType, message: Message): void {
  for (const [name, field] of Object.entries(type).toReversed()) {
    const value = message[name];
    if (field.type === 'map') for (const [key, each] of Object.entries((value ?? {}) as Record<string, string>).toReversed()) writeOne(writer, { number: field.number, type: ENTRY }, { key, value: each });
    else if (field.repeated === true) for (const each of ((value ?? []) as unknown[]).toReversed()) writeOne(writer, field, each);
    else if (value !== undefined && value !== '' && value !== 0 && value !== false) writeOne(writer, field, value);
  }
}

function writeOne(writer: Writer, { number, type }: Field, value: unknown): void {
  if (type === 'int' || type === 'bool') {
    writer.varint(Number(value));
    writer.varint(number * 8 + VARINT);
    return;
  }
  if (type === 'double') {
    writer.double(Number(value));
    writer.varint(number * 8 + FIXED64);
    return;
  }
  const before = writer.length;
  if (type === 'string') writer.string(String(value));
  else write(writer, type as MessageType, value as Message);
  writer.varint(writer.length - before);
  writer.varint(number * 8 + BYTES);
}
