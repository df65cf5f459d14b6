/** A collector of OpenTelemetry as far as spans need one: it reads both encodings of OTLP/HTTP, by its own reading of the wire, and answers as it is told to. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedSpan {
  traceId: string; spanId: string; parentSpanId: string; name: string; kind: number; startNs: bigint; endNs: bigint;
  attributes: Record<string, string | number>;
  /** Of the status; 0 where it says none. */
  code: number;
}

export interface Batch { contentType: string; resource: Record<string, string | number>; scope: string; spans: ReceivedSpan[] }

type Field = readonly [number: number, value: bigint | Buffer];

function fieldsOf(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++);
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    if ((tag & 7) === 0) fields.push([tag >> 3, varint()]);
    else if ((tag & 7) === 1) {
      fields.push([tag >> 3, bytes.readBigUInt64LE(at)]);
      at += 8;
    } else if ((tag & 7) === 2) {
      const length = Number(varint());
      if (at + length > bytes.length) throw new Error('cut off');
      fields.push([tag >> 3, bytes.subarray(at, at + length)]);
      at += length;
    } else throw new Error(`wire type ${tag & 7}`);
  }
  return fields;
}

const all = (fields: readonly Field[], number: number): Buffer[] => fields.flatMap(([at, value]) => (at === number && typeof value !== 'bigint' ? [value] : []));
const one = (fields: readonly Field[], number: number): Buffer => all(fields, number)[0] ?? Buffer.alloc(0);
const integer = (fields: readonly Field[], number: number): bigint => fields.flatMap(([at, value]) => (at === number && typeof value === 'bigint' ? [value] : []))[0] ?? 0n;

function attributesIn(fields: readonly Field[], number: number): Record<string, string | number> {
  return Object.fromEntries(all(fields, number).map(fieldsOf).map((each) => {
    const value = fieldsOf(one(each, 2));
    return [one(each, 1).toString(), value.some(([at]) => at === 3) ? Number(integer(value, 3)) : one(value, 1).toString()];
  }));
}

function binary(body: Buffer): Omit<Batch, 'contentType'> {
  const resourceSpans = fieldsOf(one(fieldsOf(body), 1));
  const scopeSpans = fieldsOf(one(resourceSpans, 2));
  return {
    resource: attributesIn(fieldsOf(one(resourceSpans, 1)), 1), scope: one(fieldsOf(one(scopeSpans, 1)), 1).toString(),
    spans: all(scopeSpans, 2).map(fieldsOf).map((span) => ({
      traceId: one(span, 1).toString('hex'), spanId: one(span, 2).toString('hex'), parentSpanId: one(span, 4).toString('hex'), name: one(span, 5).toString(), kind: Number(integer(span, 6)),
      startNs: integer(span, 7), endNs: integer(span, 8), attributes: attributesIn(span, 9), code: Number(integer(fieldsOf(one(span, 15)), 3)),
    })),
  };
}

interface JsonAttribute { key: string; value: { stringValue?: string; intValue?: string } }
interface JsonSpan { traceId: string; spanId: string; parentSpanId?: string; name: string; kind: number; startTimeUnixNano: string; endTimeUnixNano: string; attributes: JsonAttribute[]; status: { code?: number } }

function json(body: Buffer): Omit<Batch, 'contentType'> {
  const plain = (attributes: readonly JsonAttribute[]): Batch['resource'] => Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]));
  const { resourceSpans } = JSON.parse(body.toString()) as { resourceSpans: { resource: { attributes: JsonAttribute[] }; scopeSpans: { scope: { name: string }; spans: JsonSpan[] }[] }[] };
  const [{ resource, scopeSpans: [{ scope, spans }] }] = resourceSpans as [{ resource: { attributes: JsonAttribute[] }; scopeSpans: [{ scope: { name: string }; spans: JsonSpan[] }] }];
  return {
    resource: plain(resource.attributes), scope: scope.name,
    spans: spans.map(({ startTimeUnixNano, endTimeUnixNano, attributes, status, parentSpanId = '', ...rest }) => ({ ...rest, parentSpanId, startNs: BigInt(startTimeUnixNano), endNs: BigInt(endTimeUnixNano), attributes: plain(attributes), code: status.code ?? 0 })),
  };
}

export interface Collector {
  readonly endpoint: string;
  /** What came, whatever was answered. */
  readonly batches: Batch[];
  /** What it answers from now on; by default that all is well. */
  answer(how: (response: ServerResponse, batch: Batch) => void): void;
  close(): Promise<void>;
}

/** `port`: a free one by default. */
export async function startCollector(port = 0): Promise<Collector> {
  const batches: Batch[] = [];
  let how: (response: ServerResponse, batch: Batch) => void = (response) => void response.end();
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      const contentType = incoming.headers['content-type'] ?? '';
      if (incoming.method !== 'POST' || incoming.url !== '/v1/traces') return void response.writeHead(404).end();
      const batch = { contentType, ...(contentType === 'application/x-protobuf' ? binary : json)(Buffer.concat(chunks)) };
      batches.push(batch);
      response.setHeader('content-type', contentType);
      how(response, batch);
    });
  });
  await new Promise<void>((settle) => server.listen(port, '127.0.0.1', settle));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, batches,
    answer: (next) => void (how = next),
    async close() {
      server.closeAllConnections();
      await new Promise((settle) => server.close(settle));
    },
  };
}
