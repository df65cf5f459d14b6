/** Backends that tell what they were asked, in JSON: HTTP on 3000, HTTP/2 in the clear on 3001, TLS on 8443, gRPC (in its simplest words) on 3002, by TLS on 8444; WebSockets echo. On 3003 they say their names, to connections before these say anything, and to datagrams. */
import { dirname } from 'node:path';
import { podOf, type Body } from '../cluster.ts';

/** Query parameters: `delay=MS` waits, `status=CODE` answers so, `fail=N` answers 500 to the first N requests of the same `id`, after `slow=MS`; `/__seen` tells of those before, with `sized` how long their bodies were. gRPC with `x-stream` echoes messages as they come. A header `x-echo-set-header: NAME:VALUE, ...` asks for headers of the answer. */
const SERVER = `const http = require('node:http'), http2 = require('node:http2'), https = require('node:https'), crypto = require('node:crypto'), fs = require('node:fs');
const { POD_NAME: pod, NAMESPACE: namespace } = process.env;
const failed = new Map(), seen = [];
const answer = (q, r, tls) => {
  const url = new URL(q.url, 'http://x');
  let size = 0;
  q.on('data', (d) => (size += d.length)).on('end', () => setTimeout(() => {
    seen.push(q.method + ' ' + q.url);
    if (url.searchParams.has('sized')) seen.push(q.url + ' of ' + size + ' bytes');
    if (url.pathname === '/__seen') return r.end(JSON.stringify(seen));
    const id = url.searchParams.get('id') ?? '', left = Number(url.searchParams.get('fail') ?? 0) - (failed.get(id) ?? 0);
    if (left > 0) { failed.set(id, (failed.get(id) ?? 0) + 1); return setTimeout(() => r.writeHead(Number(url.searchParams.get('code') ?? 500)).end(), Number(url.searchParams.get('slow') ?? 0)); }
    const status = Number(url.searchParams.get('status') ?? 200);
    for (const each of (q.headers['x-echo-set-header'] ?? '').split(',').filter(Boolean)) r.appendHeader(...each.trim().split(':'));
    r.writeHead(status, { 'content-type': 'application/json', 'x-from-backend': pod });
    r.end(JSON.stringify({ pod, namespace, path: q.url, host: q.headers[':authority'] ?? q.headers.host, method: q.method, proto: 'HTTP/' + q.httpVersion, headers: q.headers, raw: q.rawHeaders, size, tls: tls && { name: q.socket.servername, client: q.socket.getPeerCertificate().subject?.CN } }));
  }, Number(url.searchParams.get('delay') ?? 0)));
};
const upgrade = (q, s) => {
  const key = crypto.createHash('sha1').update(q.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  s.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + key + '\\r\\n\\r\\n');
  s.on('error', () => {}).on('data', (d) => { if ((d[0] & 15) === 8) return s.end(); const n = d[1] & 127, mask = d.subarray(2, 6), text = Buffer.from(d.subarray(6, 6 + n).map((b, i) => b ^ mask[i % 4])); s.write(Buffer.concat([Buffer.from([0x81, text.length]), text])); });
};
http.createServer((q, r) => answer(q, r)).on('upgrade', upgrade).listen(3000);
http2.createServer((q, r) => answer(q, r)).listen(3001);
const grpc = (s, h) => {
  if (h['x-stream']) {
    s.respond({ ':status': 200, 'content-type': 'application/grpc', 'x-from-backend': pod }, { waitForTrailers: true });
    return s.on('error', () => {}).on('wantTrailers', () => s.sendTrailers({ 'grpc-status': '0' })).on('data', (d) => s.write(d)).on('end', () => s.end());
  }
  s.on('error', () => {}).resume().on('end', () => {
    seen.push('gRPC ' + h[':path'] + ' ' + (h['x-mark'] ?? ''));
    const known = /^\\/gateway_api_conformance\\.echo_basic\\.grpcecho\\.GrpcEcho\\//.test(h[':path']);
    s.respond({ ':status': 200, 'content-type': 'application/grpc', 'x-from-backend': pod, 'x-path': h[':path'], 'x-saw': JSON.stringify(h) }, { waitForTrailers: true });
    s.on('wantTrailers', () => s.sendTrailers({ 'grpc-status': known ? '0' : '12' }));
    s.end(known ? Buffer.from([0, 0, 0, 0, 0]) : undefined);
  });
};
http2.createServer().on('stream', grpc).listen(3002);
require('node:net').createServer((s) => { s.on('error', () => {}); s.write(namespace + '/' + pod + ' '); s.on('data', (d) => s.end(d)); }).listen(3003);
const datagrams = require('node:dgram').createSocket('udp4');
datagrams.on('message', (text, { address, port }) => datagrams.send(namespace + '/' + pod + ' ' + text, port, address)).bind(3003);
if (process.env.TLS_CERT) http2.createSecureServer({ cert: process.env.TLS_CERT, key: process.env.TLS_KEY }).on('stream', grpc).listen(8444);
if (process.env.TLS_CERT) https.createServer({ cert: process.env.TLS_CERT, key: process.env.TLS_KEY, requestCert: true, rejectUnauthorized: false }, (q, r) => answer(q, r, true)).listen(8443);`;

const LIBRARIES = ['usr', 'lib', 'lib64'];

/**
 * Who is asked about requests (ExternalAuth): by HTTP on 9002, by gRPC on 9001. All pass but those whose path has `denied` in it; what was asked is told in
 * headers: `x-auth-saw` by name in JSON, `x-auth-size` of the body.
 */
const AUTHORIZER = `const http = require('node:http'), http2 = require('node:http2');
const saw = (headers, more) => JSON.stringify({ ...headers, ...more });
http.createServer((q, r) => {
  let size = 0;
  q.on('data', (d) => (size += d.length)).on('end', () => {
    const told = { 'content-type': 'text/plain', 'x-user-id': '42', 'x-auth-size': String(size), 'x-auth-saw': saw(q.headers, { method: q.method, path: q.url }) };
    const [, code] = /code=(\\d+)/.exec(q.url) ?? [];
    if (code) return r.writeHead(Number(code), { location: '/login', 'x-auth-error': 'code' }).end(Number(code) === 204 ? undefined : 'code');
    if (q.url.includes('denied')) return r.writeHead(403, { ...told, 'x-auth-error': 'no entry' }).end('denied by HTTP');
    r.writeHead(200, told).end('welcome');
  });
}).listen(9002);
const varint = (n) => { const out = []; do { out.push((n & 127) | (n > 127 ? 128 : 0)); n = n >>> 7; } while (n); return Buffer.from(out); };
const field = (n, v) => typeof v === 'number' ? Buffer.concat([varint(n << 3), varint(v)]) : Buffer.concat([varint((n << 3) | 2), varint(Buffer.byteLength(v)), Buffer.from(v)]);
const read = (b) => {
  const all = {}; let at = 0;
  const next = () => { let v = 0n, s = 0n; for (;;) { const x = b[at++]; v |= BigInt(x & 127) << s; s += 7n; if (x < 128) return v; } };
  while (at < b.length) { const key = Number(next()); let v; if ((key & 7) === 0) v = next(); else { const n = Number(next()); v = b.subarray(at, at + n); at += n; } (all[key >> 3] ??= []).push(v); }
  return all;
};
const header = (n, v, append) => Buffer.concat([field(1, Buffer.concat([field(1, n), field(2, v)])), ...(append ? [field(2, field(1, 1))] : [])]);
http2.createServer().on('stream', (s, h) => {
  const chunks = [];
  s.on('error', () => {}).on('data', (d) => chunks.push(d)).on('end', () => {
    const whole = Buffer.concat(chunks);
    const attributes = read(read(whole.subarray(5))[1][0]), q = read(read(attributes[4][0])[2][0]), peer = read(read(read(attributes[1][0])[1][0])[1][0]);
    const text = (n) => q[n] ? String(q[n][0]) : '';
    const headers = Object.fromEntries((q[3] ?? []).map((each) => { const of = read(each); return [String(of[1][0]), of[2] ? String(of[2][0]) : '']; }));
    const size = (q[11] ?? q[12] ?? [Buffer.alloc(0)])[0].length;
    const told = saw(headers, { method: text(2), path: text(4), host: text(5), scheme: text(6), version: text(10), from: String(peer[2][0]), te: h.te, rpc: h[':path'] });
    const denied = text(4).includes('denied');
    const list = [header('x-user-id', '42'), header('x-auth-size', String(size)), header('x-auth-saw', told), header('x-list', 'b', true), ...(denied ? [header('x-auth-error', 'no entry')] : [])];
    const answer = denied ? Buffer.concat([field(1, field(1, 7)), field(2, Buffer.concat([field(1, field(1, 403)), ...list.map((each) => field(2, each)), field(3, 'denied by gRPC')]))])
      : Buffer.concat([field(1, Buffer.alloc(0)), field(3, Buffer.concat([...list.map((each) => field(2, each)), field(5, 'x-secret'), field(6, header('x-for-client', 'yes'))]))]);
    const size4 = Buffer.alloc(5); size4.writeUInt32BE(answer.length, 1);
    s.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    s.on('wantTrailers', () => s.sendTrailers({ 'grpc-status': '0' }));
    s.end(Buffer.concat([size4, answer]));
  });
}).listen(9001);`;

export const authorizerPod = (namespace: string, name: string): Body => nodePod(namespace, name, AUTHORIZER, 9002);

export function echoPod(namespace: string, name: string, env: Record<string, string> = {}): Body {
  return nodePod(namespace, name, SERVER, 3000, env);
}

function nodePod(namespace: string, name: string, script: string, port: number, env: Record<string, string> = {}): Body {
  const volumes = [...LIBRARIES.map((each) => ({ name: each, hostPath: { path: `/${each}` } })), { name: 'node', hostPath: { path: dirname(process.execPath) } }];
  const volumeMounts = [...LIBRARIES.map((each) => ({ name: each, mountPath: `/${each}`, readOnly: true })), { name: 'node', mountPath: '/node', readOnly: true }];
  return podOf(name, {
    labels: { app: name, ...(['infra-backend-v1', 'infra-backend-v2'].includes(name) ? { group: 'both' } : {}) }, metadata: { namespace },
    spec: { volumes },
    container: {
      command: ['/node/node', '--max-semi-space-size=1', '-e', script], volumeMounts, readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
      env: [{ name: 'POD_NAME', value: name }, { name: 'NAMESPACE', value: namespace }, ...Object.entries(env).map(([key, value]) => ({ name: key, value }))],
    },
  });
}
