/** Backends that tell what they were asked, in JSON: HTTP on 3000, HTTP/2 in the clear on 3001, TLS on 8443, gRPC (in its simplest words) on 3002, by TLS on 8444; WebSockets echo. */
import { dirname } from 'node:path';
import { podOf, type Body } from '../cluster.ts';

/** Query parameters: `delay=MS` waits, `status=CODE` answers so, `fail=N` answers 500 to the first N requests of the same `id`. */
const SERVER = `const http = require('node:http'), http2 = require('node:http2'), https = require('node:https'), crypto = require('node:crypto'), fs = require('node:fs');
const { POD_NAME: pod, NAMESPACE: namespace } = process.env;
const failed = new Map(), seen = [];
const answer = (q, r, tls) => {
  const url = new URL(q.url, 'http://x');
  let size = 0;
  q.on('data', (d) => (size += d.length)).on('end', () => setTimeout(() => {
    seen.push(q.method + ' ' + q.url);
    if (url.pathname === '/__seen') return r.end(JSON.stringify(seen));
    const id = url.searchParams.get('id') ?? '', left = Number(url.searchParams.get('fail') ?? 0) - (failed.get(id) ?? 0);
    if (left > 0) { failed.set(id, (failed.get(id) ?? 0) + 1); r.writeHead(Number(url.searchParams.get('code') ?? 500)); return r.end(); }
    const status = Number(url.searchParams.get('status') ?? 200);
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
  s.on('error', () => {}).resume().on('end', () => {
    seen.push('gRPC ' + h[':path'] + ' ' + (h['x-mark'] ?? ''));
    const known = /^\\/gateway_api_conformance\\.echo_basic\\.grpcecho\\.GrpcEcho\\//.test(h[':path']);
    s.respond({ ':status': 200, 'content-type': 'application/grpc', 'x-from-backend': pod, 'x-path': h[':path'], 'x-saw': JSON.stringify(h) }, { waitForTrailers: true });
    s.on('wantTrailers', () => s.sendTrailers({ 'grpc-status': known ? '0' : '12' }));
    s.end(known ? Buffer.from([0, 0, 0, 0, 0]) : undefined);
  });
};
http2.createServer().on('stream', grpc).listen(3002);
if (process.env.TLS_CERT) http2.createSecureServer({ cert: process.env.TLS_CERT, key: process.env.TLS_KEY }).on('stream', grpc).listen(8444);
if (process.env.TLS_CERT) https.createServer({ cert: process.env.TLS_CERT, key: process.env.TLS_KEY, requestCert: true, rejectUnauthorized: false }, (q, r) => answer(q, r, true)).listen(8443);`;

const LIBRARIES = ['usr', 'lib', 'lib64'];

export function echoPod(namespace: string, name: string, env: Record<string, string> = {}): Body {
  const volumes = [...LIBRARIES.map((each) => ({ name: each, hostPath: { path: `/${each}` } })), { name: 'node', hostPath: { path: dirname(process.execPath) } }];
  const volumeMounts = [...LIBRARIES.map((each) => ({ name: each, mountPath: `/${each}`, readOnly: true })), { name: 'node', mountPath: '/node', readOnly: true }];
  return podOf(name, {
    labels: { app: name, ...(['infra-backend-v1', 'infra-backend-v2'].includes(name) ? { group: 'both' } : {}) }, metadata: { namespace },
    spec: { volumes },
    container: {
      command: ['/node/node', '--max-semi-space-size=1', '-e', SERVER], volumeMounts, readinessProbe: { tcpSocket: { port: 3000 }, periodSeconds: 1 },
      env: [{ name: 'POD_NAME', value: name }, { name: 'NAMESPACE', value: namespace }, ...Object.entries(env).map(([key, value]) => ({ name: key, value }))],
    },
  });
}
