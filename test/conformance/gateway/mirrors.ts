/** Copies of requests: of every method, whole or not at all, and in nobody's way. */
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { eventually } from '../../fixtures/instance.ts';
import { authorityMap, CA, policy, policySays } from './backend-tls.ts';
import { at, mirror, seenBy, tried } from './http-filters.ts';
import { accepted, addressOf, ask, behaviour, expect, parents, prefix, route, V1, V2 } from './world.ts';

const SERVICE = 'gateway_api_conformance.echo_basic.grpcecho.GrpcEcho';

export function copies(): void {
  tried('HTTPRouteRequestMirrorMethods', () => [at('/copied', [mirror(V2)])], async (address) => {
    await expect(address, { path: '/copied' }, { backend: V1 });
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD']) {
      // What somebody says of another method is not believed.
      assert.equal((await ask(address, { path: `/copied/${method}`, method, headers: { 'x-llmos-method': 'TRACE' } })).status, 200, method);
      await eventually(async () => (await seenBy(V2)).includes(`${method} /copied/${method}`), { what: `the copy of ${method}` });
    }
  });

  tried('HTTPRouteRequestMirrorWhole', () => [at('/whole', [mirror(V2)])], async (address) => {
    await expect(address, { path: '/whole' }, { backend: V1 });
    const sent = async (path: string, bytes: number, headers: Record<string, string> = {}): Promise<void> => {
      const { status, body } = await ask(address, { path, method: 'POST', body: 'x'.repeat(bytes), headers });
      assert.deepEqual([status, body.size], [200, bytes], path);
    };
    await sent('/whole?sized=large', 300_000);
    await sent('/whole?sized=waits', 9_000, { expect: '100-continue' });
    await sent('/whole?sized=small', 9_000);
    for (const name of ['waits', 'small']) await eventually(async () => (await seenBy(V2)).includes(`/whole?sized=${name} of 9000 bytes`), { what: `the copy of one that is ${name}` });
    assert.deepEqual((await seenBy(V2)).filter((each) => each.includes('sized=large')), [], 'no part of one that is too large');
  });

  behaviour('HTTPRouteRequestMirrorByTLS', () => [
    authorityMap(), policy('copied', { name: 'tls-backend', sectionName: 'https' }, CA),
    route('by-tls', ['same-namespace'], [{ filters: [{ type: 'RequestMirror', requestMirror: { backendRef: { name: 'tls-backend', port: 443 } } }], matches: [prefix('/by-tls')], backendRefs: [{ name: V1, port: 8080 }] }]),
  ], async () => {
    await accepted('by-tls');
    await policySays('copied', 'Accepted', 'Accepted');
    const address = await addressOf('same-namespace');
    await expect(address, { path: '/by-tls' }, { backend: V1 });
    for (const method of ['GET', 'PATCH']) {
      await ask(address, { path: `/by-tls/${method}`, method });
      await eventually(async () => (await seenBy('tls-backend')).includes(`${method} /by-tls/${method}`), { what: `the copy of ${method}` });
    }
  });

  behaviour('GRPCRouteRequestMirrorStream', () => [
    route('streamed', ['same-namespace'], [{ filters: [mirror(`grpc-${V2}`)], backendRefs: [{ name: `grpc-${V1}`, port: 8080 }] }], { kind: 'GRPCRoute' }),
  ], async () => {
    await parents('streamed', { Accepted: 'True', ResolvedRefs: 'True' }, { plural: 'grpcroutes' });
    const session = connect(`http://${await addressOf('same-namespace')}`);
    try {
      const message = Buffer.from([0, 0, 0, 0, 1, 7]);
      const echoed = await new Promise<Buffer>((settle, fail) => {
        const call = session.on('error', fail).request({ ':method': 'POST', ':path': `/${SERVICE}/Stream`, 'content-type': 'application/grpc', te: 'trailers', 'x-stream': 'yes' });
        call.on('error', fail).on('response', (answer) => { if (answer[':status'] !== 200) fail(new Error(`HTTP ${answer[':status']}`)); }).once('data', (chunk: Buffer) => { call.end(); settle(chunk); });
        call.write(message);
      });
      assert.deepEqual(echoed, message, 'answered while the client has not ended');
    } finally {
      session.destroy();
    }
  });
}
