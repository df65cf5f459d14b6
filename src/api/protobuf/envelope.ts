/**
 * `application/vnd.kubernetes.protobuf`: four bytes of magic and a runtime.Unknown that names the kind and holds the message
 * (apimachinery runtime/serializer/protobuf).
 */
import { Buffer } from 'node:buffer';
import { ApiError } from '../errors.ts';
import { parseApiVersion, type KubeObject } from '../meta.ts';
import { decodeMessage, parseJson } from './decode.ts';
import { encodeMessage } from './encode.ts';
import { BYTES, protobufType } from './plan.ts';
import { malformed, Reader } from './reader.ts';
import { Writer } from './writer.ts';

export const PROTOBUF_MEDIA_TYPE = 'application/vnd.kubernetes.protobuf';

const MAGIC = Buffer.from('k8s\0', 'latin1');
const WATCH_EVENT = 'io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent';
const MAX_NESTING = 4;

/** True when `bytes` begin as the protobuf envelope does. */
export function isProtobuf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && MAGIC.equals(bytes.subarray(0, 4));
}

/** Whether objects of the kind have a protobuf form. Custom resources have none. */
export function hasProtobuf(kind: { group: string; version: string; kind: string }): boolean {
  return protobufType(kind.group, kind.version, kind.kind) !== undefined;
}

/**
 * The object of an envelope, in JSON form. `as` names its kind where the body does not (some clients leave it out of options).
 * Throws ApiError BadRequest when it is malformed, UnsupportedMediaType when its kind has no protobuf form.
 */
export function decodeProtobuf(bytes: Uint8Array, as?: { apiVersion: string; kind: string }): KubeObject {
  return decodeNested(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), as, 0) as KubeObject;
}

/** The envelope of an object, which must carry apiVersion and kind; undefined when its kind has no protobuf form. */
export function encodeProtobuf(object: { apiVersion?: string; kind?: string }): Buffer | undefined {
  const { apiVersion = '', kind = '' } = object;
  const { group, version } = parseApiVersion(apiVersion);
  const type = protobufType(group, version, kind);
  return type === undefined ? undefined : wrap({ apiVersion, kind }, encodeMessage(type, object));
}

/** One frame of a watch (`;stream=watch`): its length in four bytes and a WatchEvent that holds the object's envelope. */
export function encodeWatchFrame(type: string, objectEnvelope: Uint8Array): Buffer {
  const writer = new Writer();
  writer.bytes(objectEnvelope);
  writer.varint(objectEnvelope.length);
  writer.varint(1 * 8 + BYTES);
  writer.varint(writer.length);
  writer.varint(2 * 8 + BYTES);
  writer.string(type);
  writer.varint(Buffer.byteLength(type));
  writer.varint(1 * 8 + BYTES);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(writer.length);
  writer.bytes(head);
  return writer.finish();
}

/** The reverse of {@link encodeWatchFrame}, without the length. */
export function decodeWatchEvent(frame: Uint8Array): { type: string; object: KubeObject } {
  const event = decodeMessage(WATCH_EVENT, Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength), (raw) => decodeRaw(raw, 0));
  return { type: String(event['type']), object: event['object'] as KubeObject };
}

function wrap(meta: { apiVersion: string; kind: string }, message: Uint8Array): Buffer {
  const writer = new Writer();
  const text = (number: number, value: string): void => {
    const before = writer.length;
    writer.string(value);
    writer.varint(writer.length - before);
    writer.varint(number * 8 + BYTES);
  };
  text(4, '');
  text(3, '');
  writer.bytes(message);
  writer.varint(message.length);
  writer.varint(2 * 8 + BYTES);
  const before = writer.length;
  text(2, meta.kind);
  text(1, meta.apiVersion);
  writer.varint(writer.length - before);
  writer.varint(1 * 8 + BYTES);
  writer.bytes(MAGIC);
  return writer.finish();
}

function decodeNested(bytes: Buffer, as: { apiVersion: string; kind: string } | undefined, nesting: number): unknown {
  if (!isProtobuf(bytes)) throw malformed('it does not begin with the magic bytes k8s\\0');
  const unknown = readUnknown(new Reader(bytes, 4));
  const apiVersion = unknown.apiVersion === '' ? (as?.apiVersion ?? '') : unknown.apiVersion;
  const kind = unknown.kind === '' ? (as?.kind ?? '') : unknown.kind;
  if (unknown.contentType === 'application/json') return parseJson(unknown.raw);
  const { group, version } = parseApiVersion(apiVersion);
  const type = protobufType(group, version, kind);
  if (type === undefined) throw new ApiError('UnsupportedMediaType', `${kind || 'an object'} of ${apiVersion || 'no apiVersion'} has no protobuf form here; send application/json`);
  return { kind, apiVersion, ...decodeMessage(type, unknown.raw, (raw) => decodeRaw(raw, nesting)) };
}

function decodeRaw(raw: Buffer, nesting: number): unknown {
  if (!isProtobuf(raw)) return parseJson(raw);
  if (nesting >= MAX_NESTING) throw malformed(`it holds objects in objects more than ${MAX_NESTING} deep`);
  return decodeNested(raw, undefined, nesting + 1);
}

function readUnknown(reader: Reader): { apiVersion: string; kind: string; raw: Buffer; contentType: string } {
  const found = { apiVersion: '', kind: '', raw: Buffer.alloc(0) as Buffer, contentType: '' };
  while (!reader.done) {
    const tag = reader.varint();
    if (tag === 1 * 8 + BYTES) {
      for (const meta = reader.message(); !meta.done;) {
        const inner = meta.varint();
        if (inner === 1 * 8 + BYTES) found.apiVersion = meta.string();
        else if (inner === 2 * 8 + BYTES) found.kind = meta.string();
        else meta.skip(inner % 8);
      }
    } else if (tag === 2 * 8 + BYTES) found.raw = reader.bytes();
    else if (tag === 4 * 8 + BYTES) found.contentType = reader.string();
    else reader.skip(tag % 8);
  }
  return found;
}
