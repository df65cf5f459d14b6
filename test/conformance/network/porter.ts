/** A pod that answers with a text of its own on each port, HTTP or HTTPS, or says in JSON what it was asked; and echoes WebSockets. Node of the machine, as servers.ts. */
import { makeAuthority, makeLeaf } from '../../../src/kernel/apiserver/identity/certificates.ts';
import type { Body } from '../cluster.ts';
import { serverOf } from './servers.ts';

const PORTER = `const { texts, tlsTexts, json, key, cert } = JSON.parse(process.env.PORTER);
let streams = 0;
const slow = (q, r) => { r.writeHead(200, { 'content-type': 'text/event-stream' }); let n = 0; streams++; const t = setInterval(() => r.write('data: ' + n++ + '\\n\\n'), 50); r.on('close', () => { streams--; clearInterval(t); }); };
const answer = (text) => (q, r) => { const parts = []; q.on('data', (d) => parts.push(d)); q.on('end', () => {
  const path = q.url.split('?')[0];
  if (path === '/moved') return r.writeHead(302, { location: '/elsewhere' }).end();
  if (path === '/cors') return r.writeHead(200, { 'access-control-allow-origin': '*', 'keep-alive': 'timeout=99', 'x-own': 'kept' }).end();
  if (path === '/events') return slow(q, r);
  if (path === '/zipped') return r.writeHead(200, { 'content-type': 'text/html', 'content-encoding': 'gzip' }).end(require('node:zlib').gzipSync('<a href="/z">z</a>'));
  if (!json) return r.writeHead(200, { 'content-type': text.startsWith('<') ? 'text/html; charset=utf-8' : 'text/plain' }).end(text);
  r.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ method: q.method, body: text, url: q.url, headers: q.headers, streams, length: Buffer.concat(parts).length }));
}); };
const echo = (q, s) => {
  if (q.url === '/refuse') return s.end('HTTP/1.1 418 Teapot\\r\\ncontent-length: 3\\r\\n\\r\\nno!');
  const accept = require('node:crypto').createHash('sha1').update(q.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  const protocol = q.headers['sec-websocket-protocol'];
  s.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n' + (protocol ? 'Sec-WebSocket-Protocol: ' + protocol + '\\r\\n' : '') + '\\r\\n');
  s.on('error', () => {}).on('data', (d) => { if ((d[0] & 15) === 8) return s.end(); const mask = d.subarray(2, 6), t = Buffer.from(d.subarray(6, 6 + (d[1] & 127)).map((b, i) => b ^ mask[i % 4])); s.write(Buffer.concat([Buffer.from([0x81, t.length]), t])); });
};
for (const [port, text] of Object.entries(texts ?? {})) require('node:http').createServer(answer(text)).on('upgrade', echo).listen(Number(port));
for (const [port, text] of Object.entries(tlsTexts ?? {})) require('node:https').createServer({ key, cert }, answer(text)).listen(Number(port));`;

export interface Porter {
  texts: Readonly<Record<number, string>>;
  tlsTexts?: Readonly<Record<number, string>>;
  /** Answers are JSON: method, body, url, headers, length of what was sent, streams of `/events` that are open. */
  json?: boolean;
}

export function porterOf(name: string, { tlsTexts, ...porter }: Porter, more: { labels?: object; ports?: object[] } = {}): Body {
  const { keyPem, certificatePem } = makeLeaf(makeAuthority('porter-ca', Date.now()), { commonName: 'porter', usage: 'server', names: ['porter'], nowMs: Date.now() });
  const env = [{ name: 'PORTER', value: JSON.stringify({ ...porter, ...(tlsTexts === undefined ? {} : { tlsTexts, key: keyPem, cert: certificatePem }) }) }];
  return serverOf(name, { labels: more.labels, container: { command: ['/node/node', '-e', PORTER], env, ports: more.ports, readinessProbe: { httpGet: { port: 80, path: '/ready' }, periodSeconds: 1 } } });
}
