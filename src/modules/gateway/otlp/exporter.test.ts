/** Spans for collectors that are well, away, slow, busy, choosy. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog, type Log } from '../../../base/log.ts';
import { eventually } from '../../../sdk/testing/eventually.ts';
import type { Access } from '../access.ts';
import { startCollector, type Collector, type ReceivedSpan } from '../testing/collector.ts';
import { createSpanExporter, type ExporterInput, type SpanExporter } from './exporter.ts';
import { otlpSettings, type Protocol } from './settings.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const idOf = (index: number): string => index.toString(16).padStart(16, '0');
const END_MS = 1_700_000_000_123.456;

function access(index: number, more: Partial<Access> = {}): Access {
  return {
    kind: 'HTTPRoute', namespace: 'shop', name: 'web', service: 'shop/api', gateway: 'shop/edge:80', protocol: 'HTTP', status: 200, durationMs: 12, responseMs: 10, bytesOut: 1, bytesIn: 1, method: 'GET', ended: '--',
    client: '10.0.0.1', endpoint: '10.244.0.5:80', traceparent: `00-${TRACE}-${idOf(index)}-01`, parentSpanId: '', host: 'shop.example', path: `/${index}`, ...more,
  };
}

interface World { collector: Collector; spans: SpanExporter; told: string[]; arrived(): number[]; metric(name: string): number }

function exporterTest(what: string, protocol: Protocol, use: (world: World) => Promise<void>, more: Partial<ExporterInput> = {}): void {
  test(`${what} (${protocol})`, async () => {
    const collector = await startCollector();
    const told: string[] = [];
    const log: Log = { ...silentLog, warn: (text) => void told.push(text), info: (text) => void told.push(text) };
    const spans = createSpanExporter(otlpSettings({ otlp: { endpoint: `${collector.endpoint}/`, protocol, headers: { authorization: 'Bearer x' } } })!, { nodeName: 'n1', log, sendMs: 20, ...more });
    const arrived = (): number[] => collector.batches.flatMap((batch) => batch.spans.map(({ spanId }) => Number.parseInt(spanId, 16)));
    const metric = (name: string): number => Number(spans.metrics().split('\n').find((line) => line.startsWith(`${name} `))?.slice(name.length));
    try {
      await use({ collector, spans, told, arrived, metric });
    } finally {
      await spans.close();
      await collector.close().catch(() => {});
    }
  });
}

for (const protocol of ['http/json', 'http/protobuf'] as const) {
  exporterTest('a span tells of its request; one that is not sampled is none', protocol, async ({ collector, spans, told }) => {
    spans.take(access(1, { parentSpanId: idOf(9), status: 503, path: '/ä?b="c"' }), END_MS);
    spans.take(access(2, { kind: '', name: '', namespace: '', service: '', path: 'x'.repeat(9_000) }), END_MS);
    for (const traceparent of [`00-${TRACE}-${idOf(3)}-00`, `00-${TRACE}-${idOf(3)}-02`, '', 'nonsense']) spans.take(access(3, { traceparent }), END_MS);
    const received = await eventually(async () => collector.batches.length > 0 && collector.batches.flatMap((batch) => batch.spans).length === 2 && collector.batches, { what: 'both spans' });
    const { contentType, resource, scope } = received[0]!;
    assert.deepEqual([contentType, resource, scope], [{ 'http/json': 'application/json', 'http/protobuf': 'application/x-protobuf' }[protocol], { 'service.name': 'llmos-gateway', 'host.name': 'n1' }, 'llmos.dev/gateway']);
    const [first, second] = received.flatMap((batch) => batch.spans) as [ReceivedSpan, ReceivedSpan];
    assert.deepEqual(first, {
      traceId: TRACE, spanId: idOf(1), parentSpanId: idOf(9), name: 'GET shop/web', kind: 2, startNs: 1_700_000_000_111_456_000n, endNs: 1_700_000_000_123_456_000n, code: 2,
      attributes: { 'http.request.method': 'GET', 'url.path': '/ä?b="c"', 'server.address': 'shop.example', 'client.address': '10.0.0.1', 'http.response.status_code': 503, 'network.peer.address': '10.244.0.5:80', 'k8s.namespace.name': 'shop', 'llmos.route': 'HTTPRoute/web', 'llmos.service': 'shop/api', 'llmos.gateway': 'shop/edge:80' },
    });
    assert.deepEqual([second.name, second.parentSpanId, second.code, String(second.attributes['url.path']).length], ['GET', '', 0, 2_048]);
    assert.deepEqual(told, []);
  });

  exporterTest('what a busy collector does not take now is sent again, once each, and no sooner than it says', protocol, async ({ collector, spans, told, arrived, metric }) => {
    const asked: number[] = [];
    collector.answer((response) => {
      asked.push(performance.now());
      if (asked.length === 1) response.writeHead(503, { 'retry-after': '1' }).end();
      else if (asked.length === 2) response.writeHead(429).end();
      else if (asked.length === 3) response.destroy();
      else response.end();
    });
    for (let index = 1; index <= 50; index++) spans.take(access(index), END_MS);
    await eventually(async () => metric('llmos_gateway_spans_total{outcome="sent"}') === 50, { what: 'all of them' });
    assert.ok(asked[1]! - asked[0]! >= 1_000, String(asked[1]! - asked[0]!));
    assert.deepEqual(collector.batches.slice(-1)[0]!.spans.map(({ spanId }) => spanId), Array.from({ length: 50 }, (_, index) => idOf(index + 1)));
    assert.equal(arrived().length, 4 * 50);
    assert.deepEqual([metric('llmos_gateway_spans_total{outcome="dropped"}'), metric('llmos_gateway_spans_waiting'), told], [0, 0, ['spans of requests wait, as the collector answers 503', 'spans of requests wait, as the collector answers 429', 'spans of requests wait, as the collector cannot be reached', 'spans of requests are sent again']]);
  });

  exporterTest('what a collector refuses is not sent again: all of it, or a part', protocol, async ({ collector, spans, told, metric }) => {
    collector.answer((response) => void response.writeHead(400).end());
    for (let index = 1; index <= 3; index++) spans.take(access(index), END_MS);
    await eventually(async () => metric('llmos_gateway_spans_total{outcome="dropped"}') === 3, { what: 'they are dropped' });
    const partly = { 'http/json': '{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too many"}}', 'http/protobuf': Buffer.from([0x0a, 0x0c, 0x08, 2, 0x12, 8, ...Buffer.from('too many')]) }[protocol];
    collector.answer((response) => void response.end(partly));
    for (let index = 4; index <= 8; index++) spans.take(access(index), END_MS);
    await eventually(async () => metric('llmos_gateway_spans_total{outcome="sent"}') === 3, { what: 'three of five are taken' });
    assert.deepEqual([metric('llmos_gateway_spans_total{outcome="dropped"}'), collector.batches.length, told], [5, 2, ['the collector does not take spans of requests, which are dropped']]);
  });
}

exporterTest('while a collector hangs, or is away, no more waits than there is room for, and one question is open', 'http/protobuf', async ({ collector, spans, told, arrived, metric }) => {
  let [open, most] = [0, 0];
  const hanging: (() => void)[] = [];
  collector.answer((response) => {
    most = Math.max(most, ++open);
    response.on('close', () => void open--);
    hanging.push(() => response.end());
  });
  for (let index = 1; index <= 10_000; index++) spans.take(access(index), END_MS);
  const kept = metric('llmos_gateway_spans_waiting');
  assert.ok(kept > 100 && kept < 1_000, `${kept} of some 340 bytes in 128 KiB`);
  assert.equal(metric('llmos_gateway_spans_total{outcome="dropped"}'), 10_000 - kept);
  await eventually(async () => open === 1, { what: 'it is asked' });
  const { length } = collector.batches;
  let looks = 0;
  await eventually(async () => ++looks > 10, { what: 'some more turns' });
  assert.deepEqual([most, length, told], [1, 1, []]);
  collector.answer((response) => void response.end());
  hanging.forEach((each) => each());
  await eventually(async () => metric('llmos_gateway_spans_waiting') === 0, { what: 'all that waited is taken' });
  assert.deepEqual(arrived(), Array.from({ length: kept }, (_, index) => index + 1), 'the first of them, in their order, each once');

  const port = Number(new URL(collector.endpoint).port);
  await collector.close();
  spans.take(access(77), END_MS);
  await eventually(async () => told.includes('spans of requests wait, as the collector cannot be reached'), { what: 'it is told' });
  const next = await startCollector(port);
  try {
    await eventually(async () => next.batches.flatMap((batch) => batch.spans).some(({ spanId }) => spanId === idOf(77)), { what: 'what waited for it' });
  } finally {
    await next.close();
  }
}, { mostBytes: 128 * 1024 });

exporterTest('what waits at the end is sent, and nobody waits for long for a collector that hangs', 'http/json', async ({ collector, spans, arrived }) => {
  spans.take(access(1), END_MS);
  await spans.close();
  assert.deepEqual(arrived(), [1]);
  collector.answer(() => {});
  spans.take(access(2), END_MS);
  await spans.close();
  assert.deepEqual(arrived(), [1, 2]);
}, { sendMs: 600_000 });

test('settings that make no sense are refused', () => {
  const refused: [object, RegExp][] = [[{}, /endpoint must be the URL/], [{ endpoint: 'grpc://x' }, /endpoint must be the URL/], [{ endpoint: 'http://' }, /endpoint must be the URL/], [{ endpoint: 'http://user:secret@x' }, /^Error: modules\.gateway\.otlp\.endpoint must name no user: (?!.*secret)/], [{ endpoint: 'http://x', protocol: 'grpc' }, /protocol must be 'http\/json' or 'http\/protobuf'/], [{ endpoint: 'http://x', headers: { a: 1 } }, /headers must map names/]];
  for (const [otlp, words] of refused) assert.throws(() => otlpSettings({ otlp }), words);
  assert.deepEqual([otlpSettings({}), otlpSettings({ otlp: { endpoint: 'http://x/' } })], [undefined, { endpoint: 'http://x', protocol: 'http/json' }]);
});
