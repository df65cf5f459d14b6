import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { isApiError } from '../../api/errors.ts';
import { onwardHeaders } from './headers.ts';
import { mayProxyTo, parseNamedPort } from './proxy-to.ts';
import { htmlRewriter, rewriteLink, type Place } from './rewrite.ts';

const PREFIX = '/api/v1/namespaces/a/pods/http:b:80/proxy';
const PLACE: Place = { prefix: PREFIX, hosts: { server: '10.0.0.5:8080', asked: 'localhost:8001' } };

test('links to the same server go through the door, all others stay', () => {
  const cases: [string, string][] = [
    ['/x', `${PREFIX}/x`], ['/', `${PREFIX}/`], ['/x/?q=/y#z', `${PREFIX}/x/?q=/y#z`], [`${PREFIX}/x`, `${PREFIX}/x`], [`${PREFIX}x`, `${PREFIX}${PREFIX}x`],
    ['http://10.0.0.5:8080/x', `${PREFIX}/x`], ['//10.0.0.5:8080/x', `${PREFIX}/x`], ['https://localhost:8001/x', `https://localhost:8001${PREFIX}/x`], ['/../../x', `${PREFIX}/x`],
    ['x', 'x'], ['', ''], ['#a', '#a'], ['?a=/b', '?a=/b'], ['http://example.com/x', 'http://example.com/x'], ['//example.com/x', '//example.com/x'], ['mailto:/x', 'mailto:/x'], ['javascript:/x/', 'javascript:/x/'],
    ['http://localhost:8001@evil.example/x', 'http://localhost:8001@evil.example/x'],
  ];
  for (const [link, wanted] of cases) assert.equal(rewriteLink(link, PLACE), wanted, link);
});

async function rewritten(html: string, chunk: number): Promise<string> {
  const stream = htmlRewriter(PLACE);
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => parts.push(part));
  const bytes = Buffer.from(html);
  for (let at = 0; at < bytes.length; at += chunk) stream.write(bytes.subarray(at, at + chunk));
  await new Promise<void>((settle) => stream.on('end', () => settle()).end());
  return Buffer.concat(parts).toString();
}

test('pages: links of elements are rewritten, however the bytes come; text, comments and scripts are not', async () => {
  const cases: [string, string][] = [
    ['<a href="/rewriteme">test</a>', `<a href="${PREFIX}/rewriteme">test</a>`],
    ["<IMG alt='a > b' SRC = '/ü.png'/>äöü", `<IMG alt='a > b' SRC = '${PREFIX}/ü.png'/>äöü`],
    ['<a href=/x>y</a><p href="/x">', `<a href=${PREFIX}/x>y</a><p href="/x">`],
    ['<a data-x="href=\'/n\'" href="/y">', `<a data-x="href='/n'" href="${PREFIX}/y">`],
    ['<!-- <a href="/x"> --><script src="/s">var a = \'<a href="/x">\';</script><a href="/z">', `<!-- <a href="/x"> --><script src="${PREFIX}/s">var a = '<a href="/x">';</script><a href="${PREFIX}/z">`],
    ['1 < 2 <', '1 < 2 <'], ['<a href="/never', '<a href="/never'], ['<', '<'], ['', ''], ['<!doctype html><title><a href="/x"></title>', '<!doctype html><title><a href="/x"></title>'],
  ];
  for (const [html, wanted] of cases) for (const chunk of [1, 3, 1_000]) assert.equal(await rewritten(html, chunk), wanted, `${html} by ${chunk}`);
});

test('a tag without an end, however long, is passed on as it is, and holds nobody up', async () => {
  for (const html of [`<${'a'.repeat(1_000_000)}`, `<a${' '.repeat(1_000_000)}`, `<a ${'b="c" '.repeat(200_000)}`, `<a${'/'.repeat(1_000_000)}"`]) assert.equal(await rewritten(html, 1_000_000), html);
});

test('a page made to cost much costs little, and comes through whole', async () => {
  for (const evil of [`<a ${'"'.repeat(300_001)}`, '<a '.repeat(100_000), `<a ${'x'.repeat(300_000)}`, `<a ${' '.repeat(15_000)}>`.repeat(20), `<a ${'x'.repeat(15_000)}>`.repeat(20)]) {
    const fromMs = performance.now();
    assert.equal(await rewritten(evil, 65_536), evil);
    assert.ok(performance.now() - fromMs < 5_000);
  }
});

test('what stands in the place of a name', () => {
  assert.deepEqual(parseNamedPort('web', 'pod'), { scheme: 'http', name: 'web', port: '' });
  assert.deepEqual(parseNamedPort('web:http', 'pod'), { scheme: 'http', name: 'web', port: 'http' });
  assert.deepEqual(parseNamedPort(':web:', 'pod'), { scheme: 'http', name: 'web', port: '' });
  assert.deepEqual(parseNamedPort('https:web:443', 'pod'), { scheme: 'https', name: 'web', port: '443' });
  for (const wrong of ['', ':80', 'ftp:web:21', 'http:web:80:1', 'http::80']) assert.throws(() => parseNamedPort(wrong, 'pod'), (error) => isApiError(error, 'BadRequest'), wrong);
});

test('addresses that are for nobody from outside', () => {
  for (const address of ['127.0.0.1', '127.8.8.8', '169.254.169.254', '0.0.0.0', '224.0.0.1', '255.255.255.255', '::1', '::', 'fe80::1', 'ff02::1', '::ffff:127.0.0.1', '', 'localhost', '10.0.0.1:80']) assert.equal(mayProxyTo(address), false, address);
  for (const address of ['10.0.0.1', '192.0.2.1', 'fd00::1', '2001:db8::1']) assert.equal(mayProxyTo(address), true, address);
});

test('nothing by which the door knows its user goes on, tokens in subprotocols included', () => {
  const message = (headers: Record<string, string>): IncomingMessage => ({ headers, rawHeaders: Object.entries(headers).flat(), method: 'GET', httpVersionMajor: 1, socket: { remoteAddress: '10.0.0.9' } }) as unknown as IncomingMessage;
  const token = 'base64url.bearer.authorization.k8s.io.dG9rZW4';
  assert.deepEqual(onwardHeaders(message({ authorization: 'Bearer x', 'sec-websocket-protocol': `chat, ${token}`, 'proxy-authorization': 'x', te: 'trailers', 'x-remote-user': 'root', cookie: 'a=b' })), { 'sec-websocket-protocol': 'chat', cookie: 'a=b', 'x-forwarded-for': '10.0.0.9' });
  assert.deepEqual(onwardHeaders(message({ 'sec-websocket-protocol': token })), { 'x-forwarded-for': '10.0.0.9' });
});
