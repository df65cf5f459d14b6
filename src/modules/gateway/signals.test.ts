import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frameReader } from './access-log.ts';
import { CONNECTION_FORMAT, LOG_FORMAT, parseAccess } from './access.ts';
import { createSignals } from './signals.ts';

const LINE = ['HTTPRoute:shop:web:0:0:to:shop:api', 'shop:edge:443~', '200', '12', '10', '500', '80', '--', '10.0.0.1', '10.244.0.5:80', '-', '0', '00-a-b-01', '-', 'GET', 'shop.example', '/a\tb'].join('\t');

test('a line tells of a request, and what clients choose shifts nothing', () => {
  assert.equal(LOG_FORMAT.split('\t').length, LINE.split('\t').length - 1);
  const access = parseAccess(LINE)!;
  assert.deepEqual([access.kind, access.namespace, access.name, access.service, access.gateway, access.status, access.durationMs, access.path], ['HTTPRoute', 'shop', 'web', 'shop/api', 'shop/edge:443', 200, 12, '/a\tb']);
  assert.deepEqual([parseAccess(LINE.replace('HTTPRoute:shop:web:0:0:to:shop:api', 'none'))!.kind, parseAccess(LINE.replace('shop:edge:443~', 'ingress:80'))!.gateway], ['', 'ingress:80']);
  for (const [backend, service] of [['HTTPRoute:shop:web:0:0:via:shop:edge:443', ''], ['HTTPRoute:to:to:0:0:to:via:api:via:shop:edge:443', 'via/api'], ['Ingress:shop:web:0.1:0:to:shop:api', 'shop/api']] as const) assert.equal(parseAccess(LINE.replace('HTTPRoute:shop:web:0:0:to:shop:api', backend))!.service, service);
  const staged = LINE.replace('10.244.0.5:80\t-', 'unix:0\t10.244.0.6:80');
  assert.deepEqual([access.endpoint, parseAccess(staged)!.endpoint], ['10.244.0.5:80', '10.244.0.6:80']);
  assert.equal(parseAccess('-:- [22/Nov/2026] <HTTPCLIENT>'), undefined);
});

test('lines come out of a stream however it is cut; what is no such stream is refused', () => {
  const lines: string[] = [];
  const read = frameReader((line) => lines.push(line));
  const bytes = Buffer.from('5 hello7 ä word3 abc');
  for (const byte of bytes) assert.ok(read(Buffer.from([byte])));
  assert.deepEqual(lines, ['hello', 'ä word', 'abc']);
  assert.equal(frameReader(() => {})(Buffer.from('GET / HTTP/1.1 ')), false);
  assert.equal(frameReader(() => {})(Buffer.from('99999999 x')), false);
});

test('routes by their rate, errors and durations; counters for Prometheus', () => {
  const signals = createSignals();
  const lineOf = ({ name = 'web', service = 'api', durationMs = 12, status = 200 }): string => LINE.replace(':web:', `:${name}:`).replace(':shop:api', `:shop:${service}`).replace('\t200\t12\t', `\t${status}\t${durationMs}\t`);
  assert.equal(signals.take('-:- [22/Nov/2026] <HTTPCLIENT>', 0), false);
  for (let at = 0; at < 98; at++) signals.take(lineOf({ durationMs: 4 }), 1_000_000 + at * 100);
  for (let at = 0; at < 2; at++) signals.take(lineOf({ service: 'api-next', durationMs: 800, status: 503 }), 1_010_000);
  signals.take(lineOf({ name: 'idle' }), 1_010_000);
  const [busy, idle] = signals.routes(1_020_000);
  assert.deepEqual([busy!.name, busy!.requests, idle!.name], ['web', 100, 'idle']);
  assert.ok(Math.abs(busy!.requestsPerSecond - 5) < 1 && Math.abs(busy!.errorRatio - 0.02) < 0.001 && busy!.p50Ms! < 5 && busy!.p99Ms! > 500, JSON.stringify(busy));
  assert.deepEqual(busy!.services.map(({ service, requests, errorRatio }) => [service, requests, errorRatio]), [['shop/api', 98, 0], ['shop/api-next', 2, 1]]);
  const text = signals.metrics();
  assert.match(text, /llmos_route_requests_total\{route_kind="HTTPRoute",route_namespace="shop",route_name="web",gateway="shop\/edge:443",service="shop\/api-next",code="503"\} 2/);
  assert.match(text, /_bucket\{.*route_name="web".*le="0.005"\} 98\n/);
  assert.match(text, /_count\{.*route_name="web".*service="shop\/api"\} 98\n/);
  assert.match(text, /_count\{.*route_name="web".*service="shop\/api-next"\} 2\n/);
  assert.equal(signals.routes(1_200_000)[0]!.requestsPerSecond, 0);
  assert.equal(signals.requests()[0]!.name, 'idle');
});

test('connections are told of by how they ended, apart from the requests of their port', () => {
  assert.equal(CONNECTION_FORMAT.split('\t').length, LOG_FORMAT.split('\t').length);
  const lineOf = ({ backend = 'TLSRoute:shop:db:0:0:to:shop:db', door = 'tls:shop:edge:443', ended = '--', durationMs = 40 }): string => [backend, door, ended, durationMs, '1', '500', '80', ended, '10.0.0.1', '10.244.0.5:5432', '-', '-', '-', '-', 'TCP', 'db.example', '-'].join('\t');
  const access = parseAccess(lineOf({ ended: 'SD' }))!;
  assert.deepEqual([access.kind, access.service, access.gateway, access.protocol, access.status, access.ended, access.host], ['TLSRoute', 'shop/db', 'shop/edge:443', 'TCP', 0, 'SD', 'db.example']);
  assert.deepEqual(['tls:shop:edge:443', 'ended:tls:edge:443~', 'tcp:shop:edge:5432'].map((door) => parseAccess(lineOf({ door }))!.gateway), ['shop/edge:443', 'tls/edge:443', 'shop/edge:5432']);
  assert.deepEqual([parseAccess(LINE)!.protocol, parseAccess(LINE.replace('shop:edge:443~', 'tls:edge:443'))!.gateway], ['HTTP', 'tls/edge:443']);
  const signals = createSignals();
  for (const ended of ['--', '--', '--', 'CD', 'cD', 'sD', 'SD', 'SC', 'sC', 'PR', 'DD']) signals.take(lineOf({ ended }), 1_000_000);
  signals.take(lineOf({ backend: 'refuse', ended: 'PR' }), 1_000_000);
  signals.take(LINE.replace('HTTPRoute:shop:web:0:0:to:shop:api', 'none').replace('\t200\t', '\t404\t'), 1_000_000);
  const [route, ...nobodys] = signals.routes(1_010_000);
  assert.deepEqual([route!.kind, route!.requests, route!.errorRatio.toFixed(3), nobodys.map(({ kind, protocol, requests, errorRatio }) => [kind, protocol, requests, errorRatio])], ['TLSRoute', 11, '0.364', [['', 'TCP', 1, 0], ['', 'HTTP', 1, 0]]]);
  const text = signals.metrics();
  for (const [end, times] of [['well', 3], ['by-client', 1], ['idle', 2], ['reset', 1], ['refused', 1], ['timeout', 1], ['no-backend', 1], ['cut', 1]]) assert.match(text, new RegExp(`llmos_route_connections_total\\{route_kind="TLSRoute",route_namespace="shop",route_name="db",gateway="shop/edge:443",service="shop/db",ended="${end}"\\} ${times}\n`));
  assert.match(text, /llmos_route_connection_duration_seconds_count\{route_kind="TLSRoute".*\} 11\n/);
  assert.match(text, /llmos_route_connection_received_bytes_total\{route_kind="TLSRoute".*\} 880\n/);
  assert.doesNotMatch(text, /llmos_route_requests_total\{route_kind="TLSRoute"/);
});
