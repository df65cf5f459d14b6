/** OTLP in JSON: ids in hexadecimal digits, enumerations as numbers, 64 bits as texts (OTLP specification, JSON Protobuf Encoding). Pure. */
import { SCOPE, type Encoding, type Resource } from './encoding.ts';
import { ERROR, SERVER } from './span.ts';

const attributeOf = ([key, value]: readonly [string, string | number]): object => ({ key, value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value } });

export function jsonEncoding(resource: Resource): Encoding {
  const [before = '', after = ''] = JSON.stringify({ resourceSpans: [{ resource: { attributes: resource.map(attributeOf) }, scopeSpans: [{ scope: { name: SCOPE }, spans: [0] }] }] }).split('[0]');
  return {
    contentType: 'application/json',
    span: ({ traceId, spanId, parentSpanId, name, startNs, endNs, attributes, isError }) => Buffer.from(JSON.stringify({
      traceId, spanId, ...(parentSpanId === '' ? {} : { parentSpanId }), name, kind: SERVER, startTimeUnixNano: String(startNs), endTimeUnixNano: String(endNs), attributes: attributes.map(attributeOf), status: isError ? { code: ERROR } : {},
    })),
    body: (spans) => Buffer.concat([Buffer.from(`${before}[`), ...spans.flatMap((each, index) => (index === 0 ? [each] : [Buffer.from(','), each])), Buffer.from(`]${after}`)]),
    answer(body) {
      try {
        const { rejectedSpans = 0, errorMessage = '' } = (JSON.parse(body.toString()) as { partialSuccess?: { rejectedSpans?: string | number; errorMessage?: string } }).partialSuccess ?? {};
        return { rejected: Number(rejectedSpans) || 0, message: String(errorMessage) };
      } catch {
        return { rejected: 0, message: '' };
      }
    },
  };
}
