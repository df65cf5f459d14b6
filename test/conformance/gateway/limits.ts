/** Routes as large as their definition lets them be. */
import assert from 'node:assert/strict';
import { get } from '../cluster.ts';
import { accepted, addressOf, behaviour, condition, exact, expectAll, pathOf, prefix, route, to, V1, V2, V3, type Ask, type Expected } from './world.ts';

const upTo = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));
const LONG_PATH = `/${'long-path/'.repeat(102)}end`;
const LONG_VALUE = 'v'.repeat(4_096);
const LONG_QUERY = 'q'.repeat(1_024);
const origins = upTo(64, (index) => (index % 2 === 0 ? `https://origin-${index}.shop.example.com` : `https://*.origin-${index}.shop.example.com:8443`));
const names = (of: string): string[] => upTo(64, (index) => `x-${of}-${index}-of-a-header-with-a-long-name`);

const matchOfAll = exact(LONG_PATH, { method: 'PUT', headers: upTo(16, (index) => ({ name: `x-match-${index}`, value: index === 0 ? LONG_VALUE : `value ${index}` })), queryParams: upTo(16, (index) => ({ name: `query${index}`, value: index === 0 ? LONG_QUERY : `v${index}` })) });
const changes = (of: string): object => ({ set: upTo(16, (index) => ({ name: `x-${of}-set-${index}`, value: index === 0 ? LONG_VALUE : `set ${index}` })), add: upTo(16, (index) => ({ name: `x-${of}-add-${index}`, value: `add ${index}` })), remove: upTo(16, (index) => `x-${of}-remove-${index}`) });

export function limits(): void {
  behaviour('HTTPRouteAtItsLimits', () => [route('at-its-limits', ['same-namespace'], [
    { matches: [matchOfAll], backendRefs: [to(V2)] },
    { matches: upTo(64, (index) => prefix(`/one-of-many/${index}`, { headers: [{ name: 'x-many', value: `many ${index}` }] })), backendRefs: [to(V3)] },
    { matches: [prefix('/changed')], filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: changes('request') }, { type: 'ResponseHeaderModifier', responseHeaderModifier: changes('response') }], backendRefs: [to(V1)] },
    { matches: [prefix('/cors')], filters: [{ type: 'CORS', cors: { allowOrigins: origins, allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'], allowHeaders: names('allowed'), exposeHeaders: names('exposed'), maxAge: 60 } }], backendRefs: [to(V1)] },
    { matches: [prefix('/shared')], backendRefs: upTo(16, (index) => to([V1, V2, V3][index % 3]!, { weight: 1_000_000 - index, filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-place', value: `place ${index}` }] } }] })) },
    { matches: [prefix('/retried')], retry: { codes: upTo(100, (index) => 500 + index), attempts: 2, backoff: '10ms' }, timeouts: { request: '10s' }, backendRefs: [to(V1)] },
    { matches: [prefix('/rewritten')], filters: [{ type: 'URLRewrite', urlRewrite: { hostname: `${'long-label.'.repeat(22)}example`, path: { type: 'ReplacePrefixMatch', replacePrefixMatch: LONG_PATH } } }], backendRefs: [to(V1)] },
    { matches: [prefix('/retried-others')], retry: { codes: upTo(100, (index) => 400 + 2 * index), attempts: 2, backoff: '10ms' }, backendRefs: [to(V1)] },
    { matches: [prefix('/patient')], timeouts: { request: '99999h', backendRequest: '99998h' }, retry: { codes: [503], attempts: 9_223_372_036_854_775_807n, backoff: '99999ms' }, sessionPersistence: { sessionName: 's'.repeat(128), absoluteTimeout: '99999h', idleTimeout: '99999h', cookieConfig: { lifetimeType: 'Permanent' } }, backendRefs: [to(V1)] },
    ...upTo(7, (index) => ({ matches: [prefix(`/rule-${index}`)], backendRefs: [to(V1)] })),
  ], { hostnames: upTo(16, (index) => (index % 2 === 0 ? `h${index}.limits.example` : `*.h${index}.limits.example`)) })], async () => {
    await accepted('at-its-limits');
    assert.equal(condition((await get(pathOf(route('at-its-limits', [], [])))).status.parents[0], 'PartiallyInvalid'), undefined);
    const host = 'h14.limits.example';
    const matched: Ask = { host, method: 'PUT', path: `${LONG_PATH}?${upTo(16, (index) => `query${index}=${index === 0 ? LONG_QUERY : `v${index}`}`).join('&')}`, headers: Object.fromEntries(upTo(16, (index) => [`x-match-${index}`, index === 0 ? LONG_VALUE : `value ${index}`])) };
    const asked = (path: string, headers: Record<string, string> = {}, method = 'GET'): Ask => ({ host, path, headers, method });
    const rows: [Ask, Expected | string | number][] = [
      [matched, V2], [{ ...matched, headers: { ...matched.headers, 'x-match-15': 'another' } }, 404], [asked('/one-of-many/63/x', { 'x-many': 'many 63' }), V3], [asked('/one-of-many/63', { 'x-many': 'many 62' }), 404], [asked('/rule-6'), V1], [asked('/patient'), V1], [{ ...asked('/rule-6'), host: 'a.h15.limits.example' }, V1],
      [asked('/changed', { 'x-request-remove-15': 'here' }), { check: ({ body, headers }) => assert.deepEqual([body.headers['x-request-set-0'], body.headers['x-request-set-15'], body.headers['x-request-add-15'], body.headers['x-request-remove-15'], headers['x-response-set-0'], headers['x-response-add-15']], [LONG_VALUE, 'set 15', 'add 15', undefined, LONG_VALUE, 'add 15']) }],
      ...[origins[62]!, origins[63]!.replace('*', 'any')].map((origin): [Ask, Expected] => [asked('/cors', { origin, 'access-control-request-method': 'GET' }, 'OPTIONS'), { check: ({ headers }) => assert.deepEqual([headers['access-control-allow-origin'], headers['access-control-allow-headers'], headers['access-control-expose-headers']], [origin, names('allowed').join(', '), names('exposed').join(', ')]) }]),
      [asked('/shared'), { check: ({ body }) => assert.match(body.headers['x-place'], /^place \d+$/) }], [asked('/retried?fail=2&code=599&id=limits'), V1], [asked('/retried-others?fail=2&code=598&id=others'), V1], [asked('/rewritten/rest'), { check: ({ body }) => assert.deepEqual([body.path, body.host], [`${LONG_PATH}/rest`, `${'long-label.'.repeat(22)}example`]) }],
    ];
    await expectAll(await addressOf('same-namespace'), rows);
  });
}
