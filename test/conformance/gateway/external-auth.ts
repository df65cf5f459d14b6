/** HTTPRoutes whose requests somebody is asked about before they go on (ExternalAuth, GEP-1494). */
import assert from 'node:assert/strict';
import { until, type Body } from '../cluster.ts';
import { authorizerPod } from './echo.ts';
import { accepted, addressOf, apply, ask, behaviour as behaviourOf, condition, expect, expectAll, gatewayOf, INFRA, isTrue, parents, prefix, route, to, V1, V2, type Ask, type Told } from './world.ts';

const SAME = ['same-namespace'];
const AUTH = 'authorizer';
const service = (name: string, selector: object): Body => ({ apiVersion: 'v1', kind: 'Service', metadata: { namespace: INFRA, name }, spec: { selector, ports: [{ name: 'http', port: 9002 }, { name: 'grpc', port: 9001 }] } });

function asks(protocol: 'HTTP' | 'GRPC', more: { own?: object; name?: string; port?: number; forwardBody?: object } = {}): object {
  const { own = {}, name = AUTH, port = protocol === 'HTTP' ? 9002 : 9001, forwardBody } = more;
  return { type: 'ExternalAuth', externalAuth: { protocol, backendRef: { name, port }, [protocol.toLowerCase()]: own, ...(forwardBody === undefined ? {} : { forwardBody }) } };
}

const rule = (path: string, filter: object | undefined, backend = V1): object => ({ matches: [prefix(path)], ...(filter === undefined ? {} : { filters: [filter] }), backendRefs: [to(backend)] });

let made: Promise<void> | undefined;
/** The authorizer is made by the first behaviour that needs it, and stays. */
function behaviour(name: string, objects: () => Body[], run: (address: string) => Promise<void>): void {
  behaviourOf(name, objects, async () => {
    await (made ??= apply(authorizerPod(INFRA, AUTH), service(AUTH, { app: AUTH })).then(() => until(`/api/v1/namespaces/${INFRA}/pods/${AUTH}`, ({ status }) => isTrue(status, 'Ready'))).then(() => {}));
    await run(await addressOf('same-namespace'));
  });
}

const passes = (question: Ask, check: (seen: Body, told: Told) => void = () => {}, backend = V1): [Ask, object] => [question, { backend, check: (told: Told) => check(told.body.headers, told) }];
const stops = (question: Ask, status: number, check: (told: Told) => void = () => {}): [Ask, object] => [question, { status, check }];
const saw = (headers: Body): Body => JSON.parse(headers['x-auth-saw']);

export function externalAuth(): void {
  for (const protocol of ['HTTP', 'GRPC'] as const) {
    const by = `by ${protocol === 'HTTP' ? 'HTTP' : 'gRPC'}`;
    behaviour(`HTTPRouteExternalAuth${protocol}`, () => [route(`auth-${protocol.toLowerCase()}`, SAME, [rule('/', asks(protocol))])], async (address) => {
      await accepted(`auth-${protocol.toLowerCase()}`);
      await expectAll(address, [
        passes({ path: '/allowed?a=b', headers: { 'x-user-id': 'somebody else' } }, (seen) => assert.deepEqual([seen['x-user-id'], saw(seen).path, saw(seen).method], ['42', '/allowed?a=b', 'GET'])),
        passes({ path: '/allowed', method: 'PATCH', body: 'x'.repeat(20_000) }, (seen, { body }) => assert.deepEqual([saw(seen).method, seen['x-auth-size'], body.size], ['PATCH', '0', 20_000])),
        stops({ path: '/denied' }, 403, ({ body }) => assert.equal(body, `denied ${by}`)), stops({ path: '/denied', method: 'POST', body: 'x' }, 403),
        stops({ path: '/denied', method: 'HEAD' }, 403, ({ body }) => assert.equal(body, '')),
      ]);
    });

    behaviour(`HTTPRouteExternalAuth${protocol}ForwardBody`, () => [route('auth-body', SAME, [rule('/some', asks(protocol, { forwardBody: { maxSize: 100 } })), rule('/none', asks(protocol, { forwardBody: { maxSize: 0 } })), rule('/most', asks(protocol, { forwardBody: { maxSize: 65_535 } }))])], async (address) => {
      const sends = (path: string, size: number): Ask => ({ path, method: 'POST', body: 'x'.repeat(size) });
      const arrives = (path: string, size: number, shown: number): [Ask, object] => passes(sends(path, size), (seen, { body }) => assert.deepEqual([seen['x-auth-size'], body.size], [String(shown), size]));
      await expectAll(address, [
        arrives('/some', 10, 10), arrives('/some', 100, 100), stops(sends('/some', 101), 413), stops(sends('/some', 200_000), 413), arrives('/none', 200, 0), arrives('/most', 8_000, 8_000), arrives('/most', 65_535, 65_535), stops(sends('/most', 65_536), 413),
        [{ ...sends('/some', 50), headers: { 'transfer-encoding': 'chunked' } }, { check: (told: Told) => assert.equal(told.body.headers['x-auth-size'], '50') }], stops({ ...sends('/some', 300), headers: { 'transfer-encoding': 'chunked' } }, 413),
        stops(sends('/none/denied', 200), 403, ({ headers }) => assert.equal(headers['x-auth-size'], '0')), passes({ path: '/some' }, (seen) => assert.equal(seen['x-auth-size'], '0')),
      ]);
    });

    behaviour(`HTTPRouteExternalAuth${protocol}RequestHeadersToAuth`, () => [route('auth-asked', SAME, [rule('/some', asks(protocol, { own: { allowedHeaders: ['X-Test'] } })), rule('/usual', asks(protocol))])], async (address) => {
      const headers = { 'x-test': 'a', 'x-other': 'b', authorization: 'Bearer c' };
      const isHttp = protocol === 'HTTP';
      await expectAll(address, [
        passes({ path: '/some', host: 'asked.example', headers }, (seen) => assert.deepEqual([saw(seen)['x-test'], saw(seen)['x-other'], saw(seen).authorization, saw(seen).host], ['a', undefined, isHttp ? 'Bearer c' : undefined, 'asked.example'])),
        passes({ path: '/usual', headers }, (seen) => assert.deepEqual([saw(seen)['x-test'], saw(seen)['x-other'], saw(seen).authorization], isHttp ? [undefined, undefined, 'Bearer c'] : ['a', 'b', 'Bearer c'])),
        passes({ path: '/usual' }, (seen) => (isHttp ? assert.equal(saw(seen)['content-length'], '0') : assert.deepEqual([saw(seen).te, saw(seen).rpc, saw(seen).scheme], ['trailers', '/envoy.service.auth.v3.Authorization/Check', 'http']))),
      ]);
    });
  }

  behaviour('HTTPRouteExternalAuthHTTPResponseHeaders', () => [route('auth-answers', SAME, [rule('/', asks('HTTP', { own: { path: '/check' } }))])], async (address) => expectAll(address, [
    stops({ path: '/denied' }, 403, ({ headers }) => assert.deepEqual([headers['x-auth-error'], headers['x-user-id']], ['no entry', '42'])),
    stops({ path: '/login?code=302' }, 302, ({ headers }) => assert.equal(headers.location, '/login')), stops({ path: '/?code=401' }, 401, ({ body }) => assert.equal(body, 'code')),
    stops({ path: '/?code=204' }, 403), stops({ path: '/?code=500' }, 503),
    passes({ path: '/x', method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }, (seen) => assert.deepEqual([saw(seen).path, seen['content-type'], seen['content-length']], ['/check/x', 'application/json', '2'])),
  ]));

  behaviour('HTTPRouteExternalAuthHTTPResponseHeadersToUpstream', () => [route('auth-kept', SAME, [rule('/', asks('HTTP', { own: { allowedResponseHeaders: ['X-User-Id'] } }))])], (address) => expectAll(address, [
    passes({ path: '/', headers: { 'x-auth-size': 'own' } }, (seen) => assert.deepEqual([seen['x-user-id'], seen['x-auth-size'], seen['x-auth-saw']], ['42', 'own', undefined])),
  ]));

  behaviour('HTTPRouteExternalAuthGRPCResponseHeaders', () => [route('auth-told', SAME, [rule('/', asks('GRPC'))])], (address) => expectAll(address, [
    passes({ path: '/', headers: { 'x-list': 'a', 'x-secret': 's', 'x-user-id': '1' } }, (seen, { headers }) => assert.deepEqual([seen['x-list'], seen['x-secret'], seen['x-user-id'], headers['x-for-client']], ['a, b', undefined, '42', 'yes'])),
    stops({ path: '/denied' }, 403, ({ headers, body }) => assert.deepEqual([headers['x-auth-error'], body], ['no entry', 'denied by gRPC'])),
  ]));

  behaviour('HTTPRouteExternalAuthBackendUnavailable', () => [service('nobody', { app: 'nobody' }), route('auth-unavailable', SAME, [rule('/http', asks('HTTP', { name: 'nobody' })), rule('/grpc', asks('GRPC', { name: 'nobody' })), rule('/wrong', asks('GRPC', { port: 9002 })), rule('/other', asks('HTTP', { port: 9001 }))])], async (address) => {
    await accepted('auth-unavailable');
    await expectAll(address, ['/http', '/grpc', '/wrong', '/other'].map((path) => stops({ path }, 503)));
  });

  behaviour('HTTPRouteExternalAuthBackendRefNotFound', () => [route('auth-nowhere', SAME, [rule('/nowhere', asks('HTTP', { name: 'nowhere' }))])], async (address) => {
    await parents('auth-nowhere', { Accepted: 'True', ResolvedRefs: 'BackendNotFound' });
    await expectAll(address, [stops({ path: '/nowhere' }, 500)]);
  });

  behaviour('HTTPRouteExternalAuthBackendRefInvalidPort', () => [route('auth-no-port', SAME, [rule('/no-port', asks('HTTP', { port: 1 })), rule('/grpc', asks('GRPC', { port: 1 }))])], async (address) => {
    await parents('auth-no-port', { Accepted: 'True', ResolvedRefs: 'BackendNotFound' });
    await expectAll(address, [stops({ path: '/no-port' }, 500), stops({ path: '/grpc' }, 500)]);
  });

  behaviour('HTTPRouteExternalAuthPartiallyInvalid', () => [route('auth-half', SAME, [rule('/sound', asks('HTTP')), rule('/half', asks('HTTP', { name: 'nowhere' }))])], async (address) => {
    await parents('auth-half', { Accepted: 'True', ResolvedRefs: 'BackendNotFound', PartiallyInvalid: 'True' });
    await expectAll(address, [passes({ path: '/sound' }), stops({ path: '/half' }, 500)]);
    await apply(route('auth-half', SAME, [rule('/sound', asks('HTTP'))]));
    const { status } = await accepted('auth-half').then(([object]) => object);
    assert.equal(condition(status.parents[0], 'PartiallyInvalid'), undefined);
  });

  behaviour('HTTPRouteExternalAuthPerRouteScope', () => [route('auth-one', SAME, [rule('/guarded', asks('HTTP')), rule('/free', undefined, V2)]), route('auth-other', SAME, [rule('/other', undefined, V2)])], (address) => expectAll(address, [
    stops({ path: '/guarded/denied' }, 403), passes({ path: '/guarded' }), passes({ path: '/free/denied' }, () => {}, V2), passes({ path: '/other/denied' }, () => {}, V2),
  ]));

  behaviour('HTTPRouteExternalAuthProgrammedCondition', () => [route('auth-said', SAME, [rule('/', asks('HTTP'))])], async (address) => {
    await accepted('auth-said');
    assert.ok(isTrue((await gatewayOf('same-namespace')).status, 'Programmed'));
    await expect(address, { path: '/' }, { backend: V1 });
    assert.equal((await ask(address, { path: '/denied' })).status, 403);
  });
}
