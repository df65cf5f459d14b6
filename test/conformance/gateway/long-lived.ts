/** Connections that outlive a reload of HAProxy: nobody notices it. */
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { connect as connectH2, constants, type ClientHttp2Session } from 'node:http2';
import { connect as secureConnect } from 'node:tls';
import { eventually } from '../../fixtures/instance.ts';
import { patch, type Body } from '../cluster.ts';
import { haproxyPid, tried } from './faulty.ts';
import { passthrough, tlsRoute } from './tls.ts';
import { accepted, addressOf, AUTHORITY_PEM, expect, gateway, parents, pathOf, prefix, route, to, V1 } from './world.ts';

const PATH = '/long-lived';
const REFUSED = 'refused';
const changing = (name: string): Body => route(name, ['same-namespace'], [{ matches: [prefix(PATH)], backendRefs: [to(V1)] }]);

/** Changes the route, so that HAProxy is replaced, and settles when the next one has taken its place. */
async function reload(name: string, round: number): Promise<void> {
  const before = haproxyPid();
  await patch(pathOf(route(name, [], [])), { spec: { rules: [{ matches: [prefix(PATH)], filters: [{ type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'x-round', value: String(round) }] } }], backendRefs: [to(V1)] }] } });
  await eventually(async () => haproxyPid() !== before, { what: `reload ${round}` });
}

export function longLived(): void {
  tried('a WebSocket, an upload, a stream of HTTP/2 and a connection that is passed through go on over reloads', () => [
    changing('long-lived'), route('upgraded', ['same-namespace'], [{ matches: [prefix('/ws')], backendRefs: [{ name: V1, port: 8082 }] }]),
    gateway('long-lived', [passthrough()]), tlsRoute('passed', ['long-lived'], ['abc.example.com']),
  ], async () => {
    await accepted('long-lived', 'upgraded');
    await parents('passed', { Accepted: 'True', ResolvedRefs: 'True' }, { plural: 'tlsroutes' });
    const [address, secure] = [await addressOf('same-namespace'), await addressOf('long-lived')];
    await expect(address, { path: PATH }, { backend: V1 });
    await expect(address, { path: '/ws' }, { backend: V1 });
    await expect(secure, { sni: 'abc.example.com', host: 'abc.example.com' }, { backend: 'tls-backend' });

    const { WebSocket } = await import('ws');
    const socket = new WebSocket(`ws://${address}/ws`);
    const said = (): Promise<string> => new Promise((settle, fail) => { socket.once('message', (text: Buffer) => settle(text.toString())).once('error', fail).once('close', () => fail(new Error('closed'))); });
    await new Promise((settle, fail) => socket.once('open', settle).once('error', fail));
    const echoed = async (text: string): Promise<void> => { const heard = said(); socket.send(text); assert.equal(await heard, text); };
    await echoed('before');

    const passed = secureConnect({ host: secure, port: 443, servername: 'abc.example.com', ca: AUTHORITY_PEM });
    const answer = (): Promise<string> => new Promise((settle, fail) => { passed.once('data', (text) => settle(String(text))).once('error', fail).once('close', () => fail(new Error('closed'))); });
    const throughTls = async (): Promise<void> => { const heard = answer(); passed.write('GET / HTTP/1.1\r\nhost: abc.example.com\r\n\r\n'); assert.match(await heard, /^HTTP\/1.1 200 /); };
    await throughTls();

    const upload = request({ host: address, path: PATH, method: 'POST', agent: false });
    const uploaded = new Promise<string>((settle, fail) => upload.on('response', (told) => { let body = ''; told.on('data', (chunk: Buffer) => (body += chunk.toString())).on('end', () => settle(body)).on('error', fail); }).on('error', fail));
    upload.write('half');
    const session = connectH2(`http://${address}`);
    const stream = session.request({ ':path': PATH, ':method': 'POST' });
    const streamed = new Promise<unknown>((settle, fail) => stream.on('response', (headers) => settle(headers[':status'])).on('error', fail));
    stream.resume().write('half');

    for (let round = 1; round <= 3; round++) {
      await reload('long-lived', round);
      await echoed(`after ${round}`);
      await throughTls();
      upload.write(`${round}`);
      stream.write(`${round}`);
    }
    upload.end('.');
    stream.end('.');
    assert.equal(JSON.parse(await uploaded).size, 'half123.'.length);
    assert.equal(await streamed, 200);
    socket.terminate();
    passed.destroy();
    session.close();
  });

  tried('clients that keep their connections have no request fail while HAProxy is replaced again and again', () => [changing('kept')], async () => {
    await accepted('kept');
    const address = await addressOf('same-namespace');
    await expect(address, { path: PATH }, { backend: V1 });
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    const counts: Record<string, number> = {};
    let going = true;
    const one = (): Promise<string> => new Promise((settle) => request({ host: address, path: PATH, method: 'POST', agent }, (told) => told.resume().on('end', () => settle(String(told.statusCode)))).on('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message)).end());
    const client = async (): Promise<void> => {
      while (going) {
        const key = await one();
        counts[key] = (counts[key] ?? 0) + 1;
      }
    };
    const clients = Promise.all([1, 2, 3, 4].map(client));
    for (let round = 1; round <= 8; round++) await reload('kept', round);
    going = false;
    await clients;
    agent.destroy();
    assert.deepEqual(Object.keys(counts), ['200'], JSON.stringify(counts));
  });

  // h2load goes on asking over a connection that it was told not to ask over any more (GOAWAY). This client does as it is told, and asks again what it had not sent by then (RFC 9113, 6.8 and 8.7).
  tried('HTTP/2: no request fails while HAProxy is replaced again and again', () => [changing('multiplexed')], async () => {
    await accepted('multiplexed');
    const address = await addressOf('same-namespace');
    await expect(address, { path: PATH }, { backend: V1 });
    const counts: Record<string, number> = {};
    let going = true;
    let sessions = 0;
    const client = async (): Promise<void> => {
      let session: ClientHttp2Session | undefined;
      const current = (): ClientHttp2Session => {
        if (session !== undefined) return session;
        sessions += 1;
        const own = connectH2(`http://${address}`);
        const leave = (): void => { if (session === own) session = undefined; };
        own.on('goaway', leave).on('close', leave).on('error', leave);
        return (session = own);
      };
      const one = (): Promise<string> => new Promise((settle) => {
        const stream = current().request({ ':path': PATH, ':method': 'POST' });
        let status = '';
        stream.on('response', (headers) => (status = String(headers[':status']))).on('error', (error: NodeJS.ErrnoException) => settle(stream.rstCode === constants.NGHTTP2_REFUSED_STREAM ? REFUSED : `${error.code ?? error.message} ${stream.rstCode}`)).on('end', () => settle(status)).resume().end();
      });
      const stream = async (): Promise<void> => {
        while (going) {
          const key = await one();
          if (key !== REFUSED) counts[key] = (counts[key] ?? 0) + 1;
        }
      };
      await Promise.all([1, 2, 3, 4, 5].map(stream));
      session?.close();
    };
    const clients = Promise.all([1, 2, 3].map(client));
    for (let round = 1; round <= 10; round++) await reload('multiplexed', round);
    going = false;
    await clients;
    assert.deepEqual([Object.keys(counts), sessions > 3], [['200'], true], JSON.stringify(counts));
  });
}
