/** How a value of JSON is written as a message of gnostic's (openapiv2/OpenAPIv2.proto, openapiv3/OpenAPIv3.proto): what both versions have in common. */
import { isJsonObject } from '../json.ts';
import type { Json } from '../meta.ts';
import { Writer } from '../protobuf/writer.ts';
import type { JsonObject } from './schemas.ts';

/** Writes a value with its tag. Writers go from the end to the beginning. */
export type Write = (writer: Writer, value: Json) => void;
/** How the members of an object are written; `x-` names those of extensions. */
export type Message = Readonly<Record<string, Write>>;

const VARINT = 0;
const DOUBLE = 1;
const BYTES = 2;

export const text = (number: number): Write => (writer, value) => sized(writer, number, () => writer.string(String(value)));
export const double = (number: number): Write => (writer, value) => {
  writer.double(Number(value));
  writer.varint(number * 8 + DOUBLE);
};
export const integer = (number: number): Write => (writer, value) => {
  writer.varint(Number(value));
  writer.varint(number * 8 + VARINT);
};
/** JSON is YAML too. */
export const any = (number: number): Write => (writer, value) => sized(writer, number, () => text(2)(writer, JSON.stringify(value)));
export const each = (write: Write): Write => (writer, value) => {
  for (const item of (Array.isArray(value) ? value : [value]).toReversed()) write(writer, item);
};
export const wrapped = (number: number, inner: Write): Write => (writer, value) => sized(writer, number, () => inner(writer, value));
export const message = (number: number, fields: () => Message): Write => (writer, value) => sized(writer, number, () => writeFields(writer, value, fields()));
const entry = (number: number, name: string, write: Write): Write => (writer, value) => sized(writer, number, () => {
  write(writer, value);
  text(1)(writer, name);
});
/** What it writes is a pair of a name and a value. */
export const extension = (number: number): Write => (writer, pair) => {
  const [name, value] = pair as [string, Json];
  entry(number, name, any(2))(writer, value);
};
/** A map: a message of a name and a value for every member. */
export const map = (number: number, value: Write): Write => (writer, members) => {
  for (const [name, member] of Object.entries(members as JsonObject).toReversed()) entry(number, name, value)(writer, member);
};

/** The bytes of a document. Members that `fields` has no place for are left out. */
export function written(document: JsonObject, fields: Message): Buffer {
  const writer = new Writer();
  writeFields(writer, document, fields);
  return writer.finish();
}

function writeFields(writer: Writer, value: Json, fields: Message): void {
  if (!isJsonObject(value)) return;
  for (const [name, member] of Object.entries(value).toReversed()) {
    if (name.startsWith('x-')) {
      fields['x-']?.(writer, [name, member]);
    } else fields[name]?.(writer, member);
  }
}

export function sized(writer: Writer, number: number, write: () => void): void {
  const before = writer.length;
  write();
  writer.varint(writer.length - before);
  writer.varint(number * 8 + BYTES);
}
