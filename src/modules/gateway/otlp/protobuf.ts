/** OTLP in protobuf (opentelemetry-proto: collector.trace.v1, trace.v1, common.v1). Pure. */
import { BYTES, FIXED64, VARINT } from '../../../api/protobuf/plan.ts';
import { Reader } from '../../../api/protobuf/reader.ts';
import { Writer } from '../../../api/protobuf/writer.ts';
import { SCOPE, type Encoding, type PartialSuccess, type Resource } from './encoding.ts';
import { ERROR, SERVER, type Span } from './span.ts';

/** The numbers of fields. */
const RESOURCE_SPANS = 1;
const [RESOURCE, SCOPE_SPANS] = [1, 2];
const [OF_SCOPE, SPANS] = [1, 2];
const NAME_OF_SCOPE = 1;
const ATTRIBUTES_OF_RESOURCE = 1;
const [KEY, VALUE] = [1, 2];
const [STRING_VALUE, INT_VALUE] = [1, 3];
const [TRACE_ID, SPAN_ID, PARENT_SPAN_ID, NAME, KIND, START, END, ATTRIBUTES, STATUS] = [1, 2, 4, 5, 6, 7, 8, 9, 15];
const CODE = 3;
const PARTIAL_SUCCESS = 1;
const [REJECTED, MESSAGE] = [1, 2];

export function protobufEncoding(resource: Resource): Encoding {
  const head = written((writer) => field(writer, RESOURCE, () => attributes(writer, ATTRIBUTES_OF_RESOURCE, resource)));
  const scope = written((writer) => field(writer, OF_SCOPE, () => field(writer, NAME_OF_SCOPE, () => writer.string(SCOPE))));
  return {
    contentType: 'application/x-protobuf',
    span: (span) => written((writer) => field(writer, SPANS, () => write(writer, span))),
    body(spans) {
      const bytes = spans.reduce((sum, each) => sum + each.length, scope.length);
      const place = written((writer) => opening(writer, SCOPE_SPANS, bytes));
      return Buffer.concat([written((writer) => opening(writer, RESOURCE_SPANS, head.length + place.length + bytes)), head, place, scope, ...spans]);
    },
    answer,
  };
}

/** The writer goes from the end to the beginning, so the last field comes first. */
function write(writer: Writer, { traceId, spanId, parentSpanId, name, startNs, endNs, attributes: own, isError }: Span): void {
  if (isError) field(writer, STATUS, () => number(writer, CODE, ERROR));
  attributes(writer, ATTRIBUTES, own);
  time(writer, END, endNs);
  time(writer, START, startNs);
  number(writer, KIND, SERVER);
  field(writer, NAME, () => writer.string(name));
  for (const [at, id] of [[PARENT_SPAN_ID, parentSpanId], [SPAN_ID, spanId], [TRACE_ID, traceId]] as const) if (id !== '') field(writer, at, () => writer.bytes(Buffer.from(id, 'hex')));
}

function attributes(writer: Writer, at: number, all: Span['attributes']): void {
  for (const [key, value] of all.toReversed()) {
    field(writer, at, () => {
      field(writer, VALUE, () => (typeof value === 'number' ? number(writer, INT_VALUE, value) : field(writer, STRING_VALUE, () => writer.string(value))));
      field(writer, KEY, () => writer.string(key));
    });
  }
}

function written(into: (writer: Writer) => void): Buffer {
  const writer = new Writer();
  into(writer);
  return writer.finish();
}

function field(writer: Writer, at: number, content: () => void): void {
  const before = writer.length;
  content();
  opening(writer, at, writer.length - before);
}

/** What stands before `bytes` of content. */
function opening(writer: Writer, at: number, bytes: number): void {
  writer.varint(bytes);
  writer.varint(at * 8 + BYTES);
}

function number(writer: Writer, at: number, value: number): void {
  writer.varint(value);
  writer.varint(at * 8 + VARINT);
}

function time(writer: Writer, at: number, ns: bigint): void {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(ns);
  writer.bytes(bytes);
  writer.varint(at * 8 + FIXED64);
}

function answer(body: Buffer): PartialSuccess {
  const said = { rejected: 0, message: '' };
  try {
    eachField(new Reader(body), (at, reader) => {
      if (at !== PARTIAL_SUCCESS * 8 + BYTES) return false;
      eachField(reader.message(), (inner, own) => {
        if (inner === REJECTED * 8 + VARINT) said.rejected = own.varint();
        else if (inner === MESSAGE * 8 + BYTES) said.message = own.string();
        else return false;
        return true;
      });
      return true;
    });
  } catch {} // some other answer: what was read of it counts
  return said;
}

/** `take` gives false for fields that it does not know. */
function eachField(reader: Reader, take: (tag: number, reader: Reader) => boolean): void {
  while (!reader.done) {
    const tag = reader.varint();
    if (!take(tag, reader)) reader.skip(tag & 7);
  }
}
