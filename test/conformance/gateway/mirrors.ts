/** Copies of requests: of every method, whole or not at all, and in nobody's way. */
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { eventually } from '../../fixtures/instance.ts';
import { authorityMap, CA, policy, policySays } from './backend-tls.ts';
import { at, mirror, requestHeaders, seenBy, tried } from './http-filters.ts';
import { modified, MODIFIED } from './http-headers.ts';
import { accepted, addressOf, ask, behaviour, expect, expectAll, parents, prefix, route, to, V1, V2, V3 } from './world.ts';

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

export function mirrors(): void {
  tried('HTTPRouteRequestMirror', () => [at('/mirror-one', [mirror(V2)]), at('/mirror-and-modify', [requestHeaders(MODIFIED), mirror(V2)])], async (address) => {
    await expect(address, { path: '/mirror-one/x?y=z', method: 'POST', body: 'hello' }, { backend: V1 });
    await eventually(async () => (await seenBy(V2)).includes('POST /mirror-one/x?y=z'), { what: 'the copy arrives' });
    await expectAll(address, [modified('/mirror-and-modify', '/mirror-and-modify')]);
    await eventually(async () => (await seenBy(V2)).includes('GET /mirror-and-modify'), { what: 'the copy of what was changed arrives' });
  });
  tried('HTTPRouteBackendRequestMirror', () => [at('/backend-mirror', [], [to(V1, { filters: [mirror(V2)] })]), at('/one-of-two', [], [to(V1, { filters: [mirror(V2)] }), to(V3, { weight: 0, filters: [mirror(V2)] })])], async (address) => {
    for (const path of ['/backend-mirror', '/one-of-two']) {
      await expect(address, { path }, { backend: V1 });
      await eventually(async () => (await seenBy(V2)).includes(`GET ${path}`), { what: 'the copy arrives' });
    }
  });
  tried('HTTPRouteRequestMultipleMirrors', () => [at('/mirror-two', [mirror(V2), mirror(V3)])], async (address) => {
    await expect(address, { path: '/mirror-two' }, { backend: V1 });
    for (const pod of [V2, V3]) await eventually(async () => (await seenBy(pod)).includes('GET /mirror-two'), { what: `the copy arrives at ${pod}` });
  });
  tried('HTTPRouteRequestPercentageMirror', () => [at('/mirror-some', [mirror(V2, { percent: 20 })]), at('/mirror-half', [mirror(V2, { fraction: { numerator: 1, denominator: 2 } })]), at('/mirror-never', [mirror(V2, { percent: 0 })])], async (address) => {
    const count = async (path: string): Promise<number> => (await seenBy(V2)).filter((each) => each === `GET ${path}`).length;
    for (const [path, share] of [['/mirror-some', 0.2], ['/mirror-half', 0.5], ['/mirror-never', 0]] as const) {
      await expect(address, { path }, { backend: V1 });
      for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 20 }, () => ask(address, { path })));
      const off = async (): Promise<number> => Math.abs((await count(path)) / 203 - share);
      await eventually(async () => (await off()) < 0.15, { timeoutMs: 60_000, what: `${share} of ${path} are mirrored` }).catch(async () => assert.fail(`${path}: ${await count(path)} of 203`));
    }
  });
}
