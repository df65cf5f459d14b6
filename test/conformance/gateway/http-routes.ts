/** HTTPRoute, the core: matching, hostnames, attachment, precedence. After the descriptions of kubernetes-sigs/gateway-api, conformance/tests. */
import assert from 'node:assert/strict';
import { patch, type Body } from '../cluster.ts';
import { accepted, addressOf, behaviour, exact, expect, expectAll, gateway, http, INFRA, listener, parents, pathOf, prefix, route, to, V1, V2, V3, WEB, type Ask, type Expected } from './world.ts';

type Row = [Ask, Expected | string | number];

/** Routes on the Gateway `same-namespace`, and a table of what requests come to. */
function table(name: string, routes: () => Body[], rows: readonly Row[]): void {
  behaviour(name, routes, async () => {
    await accepted(...routes().map(({ metadata }) => metadata.name));
    await expectAll(await addressOf('same-namespace'), rows);
  });
}

const header = (name: string, value: string, more: object = {}): object => ({ headers: [{ name, value, ...more }] });
const query = (...pairs: [string, string][]): object => ({ queryParams: pairs.map(([name, value]) => ({ name, value })) });
const SAME = ['same-namespace'];

export function matching(): void {
  table('HTTPRouteSimpleSameNamespace', () => [route('simple', SAME, [{ backendRefs: [to(V1)] }])], [[{ path: '/' }, { backend: V1, namespace: INFRA }]]);

  table('HTTPRouteExactPathMatching', () => [route('exact', SAME, [{ matches: [exact('/one')], backendRefs: [to(V1)] }, { matches: [exact('/two')], backendRefs: [to(V2)] }])], [
    [{ path: '/one' }, V1], [{ path: '/two' }, V2], [{ path: '/' }, 404], [{ path: '/one/example' }, 404], [{ path: '/two/' }, 404], [{ path: '/Two' }, 404], [{ path: '/one?x=/two' }, V1],
  ]);

  table('HTTPRouteMatching', () => [route('matching', SAME, [
    { matches: [prefix('/'), header('Version', 'one')], backendRefs: [to(V1)] },
    { matches: [prefix('/v2'), header('Version', 'two')], backendRefs: [to(V2)] },
  ])], [
    [{ path: '/' }, V1], [{ path: '/example' }, V1], [{ path: '/', headers: { version: 'one' } }, V1], [{ path: '/v2' }, V2], [{ path: '/v2/example' }, V2], [{ path: '/', headers: { version: 'two' } }, V2],
    [{ path: '/v2/' }, V2], [{ path: '/v2example' }, V1], [{ path: '/foo/v2/example' }, V1],
  ]);

  table('HTTPRouteMatchingAcrossRoutes', () => [
    route('part1', SAME, [{ matches: [prefix('/'), header('Version', 'one')], backendRefs: [to(V1)] }], { hostnames: ['example.com', 'example.net'] }),
    route('part2', SAME, [{ matches: [prefix('/v2'), header('Version', 'two')], backendRefs: [to(V2)] }], { hostnames: ['example.com'] }),
  ], [
    [{ host: 'example.com' }, V1], [{ host: 'example.com', path: '/example' }, V1], [{ host: 'example.net', path: '/example' }, V1], [{ host: 'example.com', path: '/example', headers: { version: 'one' } }, V1],
    [{ host: 'example.com', path: '/v2' }, V2], [{ host: 'example.net', path: '/v2' }, V1], [{ host: 'example.com', path: '/v2/example' }, V2], [{ host: 'example.com', headers: { version: 'two' } }, V2],
  ]);

  table('HTTPRouteHeaderMatching', () => [route('headers', SAME, [
    { matches: [header('version', 'one')], backendRefs: [to(V1)] }, { matches: [header('version', 'two')], backendRefs: [to(V2)] },
    { matches: [{ headers: [{ name: 'version', value: 'two' }, { name: 'color', value: 'orange' }] }], backendRefs: [to(V1)] },
    { matches: [header('color', 'blue'), header('color', 'green')], backendRefs: [to(V1)] }, { matches: [header('color', 'red'), header('color', 'yellow')], backendRefs: [to(V2)] },
  ])], [
    [{ headers: { version: 'one' } }, V1], [{ headers: { version: 'two' } }, V2], [{ headers: { version: 'two', color: 'orange' } }, V1], [{ headers: { version: 'two', color: 'blue' } }, V2], [{ headers: { color: 'orange' } }, 404], [{ headers: { 'some-other-header': 'one' } }, 404],
    [{ headers: { color: 'blue' } }, V1], [{ headers: { color: 'green' } }, V1], [{ headers: { color: 'red' } }, V2], [{ headers: { color: 'yellow' } }, V2], [{ headers: { color: 'purple' } }, 404], [{ headers: { VERSION: 'one' } }, V1],
    [{ headers: { version: 'ONE' } }, 404],
  ]);

  table('HTTPRouteQueryParamMatching', () => [route('query', SAME, [
    { matches: [query(['animal', 'whale'])], backendRefs: [to(V1)] }, { matches: [query(['animal', 'dolphin'])], backendRefs: [to(V2)] },
    { matches: [query(['animal', 'dolphin'], ['color', 'blue'])], backendRefs: [to(V3)] }, { matches: [query(['ANIMAL', 'Whale'])], backendRefs: [to(V3)] },
    { matches: [prefix('/path1', query(['animal', 'whale']))], backendRefs: [to(V1)] }, { matches: [{ ...query(['animal', 'whale']), ...header('version', 'one') }], backendRefs: [to(V2)] }, { matches: [prefix('/path2', { ...query(['animal', 'whale']), ...header('version', 'two') })], backendRefs: [to(V3)] },
    { matches: [prefix('/path3', query(['animal', 'shark'])), prefix('/path4', { ...query(['animal', 'kraken']), ...header('version', 'three') })], backendRefs: [to(V1)] },
    { matches: [prefix('/path5')], backendRefs: [to(V1)] }, { matches: [query(['animal', 'hydra'])], backendRefs: [to(V2)] }, { matches: [header('version', 'four')], backendRefs: [to(V3)] },
  ])], [
    [{ path: '/?animal=whale' }, V1], [{ path: '/?animal=dolphin' }, V2], [{ path: '/?animal=dolphin&color=blue' }, V3], [{ path: '/?ANIMAL=Whale' }, V3], [{ path: '/?animal=whale&otherparam=irrelevant' }, V1],
    [{ path: '/?animal=dolphin&color=yellow' }, V2], [{ path: '/?color=blue' }, 404], [{ path: '/?animal=dog' }, 404], [{ path: '/?animal=whaledolphin' }, 404], [{ path: '/' }, 404],
    // With other matches; of several matches for a rule one is enough, of what one match says everything is needed.
    [{ path: '/path1?animal=whale' }, V1], [{ path: '/?animal=whale', headers: { version: 'one' } }, V2], [{ path: '/path2?animal=whale', headers: { version: 'two' } }, V3], [{ path: '/path3?animal=shark' }, V1], [{ path: '/path4?animal=kraken', headers: { version: 'three' } }, V1],
    [{ path: '/?animal=shark' }, 404], [{ path: '/path4?animal=kraken' }, 404],
    // A longer path goes before a parameter, a header too.
    [{ path: '/path5?animal=hydra' }, V1], [{ path: '/?animal=hydra', headers: { version: 'four' } }, V3], [{ path: '/?animal=hydra' }, V2],
  ]);

  table('HTTPRouteQueryParamEncoding', () => [route('encoded', SAME, [
    { matches: [query(['name', 'a b'])], backendRefs: [to(V1)] }, { matches: [query(['name', 'x%2Fy'])], backendRefs: [to(V2)] }, { matches: [{ queryParams: [{ type: 'RegularExpression', name: 'name', value: 'käse/.*' }] }], backendRefs: [to(V3)] },
  ])], [
    [{ path: '/?name=a%20b' }, V1], [{ path: '/?name=a+b' }, V1], [{ path: '/?other=1&name=%61%20%62' }, V1], [{ path: '/?name=a%2520b' }, 404], [{ path: '/?name=a%2Bb' }, 404],
    // Said as it is sent, and as what that stands for.
    [{ path: '/?name=x%2Fy' }, V2], [{ path: '/?name=x%252Fy' }, V2], [{ path: '/?name=x/y' }, 404], [{ path: '/?name=k%C3%A4se%2Fbrie' }, V3], [{ path: '/?name=%zz' }, 404],
  ]);

  const version = (value: string): object => ({ headers: [{ name: 'version', value }] });
  table('HTTPRouteMethodMatching', () => [route('methods', SAME, [
    { matches: [{ method: 'POST' }], backendRefs: [to(V1)] }, { matches: [{ method: 'GET' }], backendRefs: [to(V2)] },
    { matches: [prefix('/path1', { method: 'GET' })], backendRefs: [to(V1)] }, { matches: [{ method: 'PUT', ...version('one') }], backendRefs: [to(V2)] }, { matches: [prefix('/path2', { method: 'POST', ...version('two') })], backendRefs: [to(V3)] },
    { matches: [prefix('/path3', { method: 'PATCH' }), prefix('/path4', { method: 'DELETE', ...version('three') })], backendRefs: [to(V1)] },
    { matches: [prefix('/path5')], backendRefs: [to(V1)] }, { matches: [{ method: 'PATCH' }], backendRefs: [to(V2)] }, { matches: [version('four')], backendRefs: [to(V3)] },
  ])], [
    [{ method: 'POST' }, V1], [{ method: 'GET' }, V2], [{ method: 'HEAD' }, 404],
    [{ path: '/path1' }, V1], [{ method: 'PUT', headers: { version: 'one' } }, V2], [{ path: '/path2', method: 'POST', headers: { version: 'two' } }, V3],
    [{ path: '/path3', method: 'PATCH' }, V1], [{ path: '/path4', method: 'DELETE', headers: { version: 'three' } }, V1], [{ method: 'PUT' }, 404], [{ path: '/path4', method: 'DELETE' }, 404],
    [{ path: '/path5', method: 'PATCH' }, V1], [{ method: 'PATCH', headers: { version: 'four' } }, V2], [{ method: 'PUT', headers: { version: 'four' } }, V3],
  ]);

  table('HTTPRoutePathMatchOrder', () => [route('order', SAME, [
    { matches: [exact('/match/exact/one')], backendRefs: [to(V3)] }, { matches: [exact('/match/exact')], backendRefs: [to(V2)] }, { matches: [prefix('/match')], backendRefs: [to(V1)] },
    { matches: [prefix('/match/prefix/one')], backendRefs: [to(V2)] }, { matches: [prefix('/match/prefix')], backendRefs: [to(V3)] }, { matches: [prefix('/match/exact/one/')], backendRefs: [to(V1)] },
  ])], [
    [{ path: '/match/exact/one' }, V3], [{ path: '/match/exact' }, V2], [{ path: '/match' }, V1], [{ path: '/match/prefix/one/any' }, V2], [{ path: '/match/prefix/any' }, V3], [{ path: '/match/any' }, V1],
  ]);

  table('HTTPRouteRegexMatching', () => [route('regular', SAME, [
    { matches: [{ path: { type: 'RegularExpression', value: '/v[0-9]+/.*' } }], backendRefs: [to(V1)] }, { matches: [header('color', 'gr(e|a)y', { type: 'RegularExpression' })], backendRefs: [to(V2)] },
    { matches: [{ queryParams: [{ type: 'RegularExpression', name: 'n', value: '[0-9]+' }] }], backendRefs: [to(V3)] },
  ])], [[{ path: '/v12/x' }, V1], [{ path: '/vx/x' }, 404], [{ path: '/a/v1/x' }, 404], [{ headers: { color: 'grey' } }, V2], [{ headers: { color: 'greyish' } }, 404], [{ path: '/?n=42' }, V3], [{ path: '/?n=4x' }, 404]]);
}

export function hostnames(): void {
  behaviour('HTTPRouteHostnameIntersection', () => [
    gateway('intersection', [http({ name: 'listener-1', hostname: 'very.specific.com' }), http({ name: 'listener-2', hostname: '*.wildcard.io' }), http({ name: 'listener-3', hostname: '*.anotherwildcard.io' })]),
    route('specific-specific', ['intersection'], [{ matches: [prefix('/s1')], backendRefs: [to(V1)] }], { hostnames: ['non.matching.com', '*.nonmatchingwildcard.io', 'very.specific.com'] }),
    route('specific-wildcard', ['intersection'], [{ matches: [prefix('/s2')], backendRefs: [to(V2)] }], { hostnames: ['non.matching.com', 'wildcard.io', 'foo.wildcard.io', 'bar.wildcard.io', 'foo.bar.wildcard.io'] }),
    route('wildcard-specific', ['intersection'], [{ matches: [prefix('/s3')], backendRefs: [to(V3)] }], { hostnames: ['non.matching.com', '*.specific.com'] }),
    route('wildcard-wildcard', ['intersection'], [{ matches: [prefix('/s4')], backendRefs: [to(V1)] }], { hostnames: ['*.anotherwildcard.io'] }),
    route('none', ['intersection'], [{ matches: [prefix('/s5')], backendRefs: [to(V2)] }], { hostnames: ['specific.but.wrong.com', 'wildcard.io'] }),
  ], async () => {
    await accepted('specific-specific', 'specific-wildcard', 'wildcard-specific', 'wildcard-wildcard');
    await parents('none', { Accepted: 'NoMatchingListenerHostname' });
    const none = (path: string, ...hosts: string[]): Row[] => hosts.map((host) => [{ host, path }, 404]);
    await expectAll(await addressOf('intersection'), [
      [{ host: 'very.specific.com', path: '/s1' }, V1], [{ host: 'very.specific.com:1234', path: '/s1' }, V1], ...none('/s1', 'non.matching.com', 'foo.nonmatchingwildcard.io', 'foo.wildcard.io'), ...none('/non', 'very.specific.com', 'foo.wildcard.io', 'foo.anotherwildcard.io'),
      [{ host: 'foo.wildcard.io', path: '/s2' }, V2], [{ host: 'bar.wildcard.io', path: '/s2' }, V2], [{ host: 'foo.bar.wildcard.io', path: '/s2' }, V2], ...none('/s2', 'non.matching.com', 'wildcard.io', 'very.specific.com'),
      [{ host: 'very.specific.com', path: '/s3' }, V3], ...none('/s3', 'non.matching.com', 'foo.specific.com', 'foo.wildcard.io'),
      [{ host: 'foo.anotherwildcard.io', path: '/s4' }, V1], [{ host: 'foo.bar.anotherwildcard.io', path: '/s4' }, V1], ...none('/s4', 'anotherwildcard.io', 'foo.wildcard.io', 'very.specific.com'),
      ...none('/s5', 'specific.but.wrong.com', 'wildcard.io'),
    ]);
    for (const [name, attachedRoutes] of [['listener-1', 2], ['listener-2', 1], ['listener-3', 1]] as const) await listener('intersection', name, { Accepted: 'True', ResolvedRefs: 'True' }, { attachedRoutes });
  });

  behaviour('HTTPRouteListenerHostnameMatching', () => [
    gateway('hosts', [http({ name: 'l1', hostname: 'bar.com' }), http({ name: 'l2', hostname: 'foo.bar.com' }), http({ name: 'l3', hostname: '*.bar.com' }), http({ name: 'l4', hostname: '*.foo.com' })]),
    route('backend-v1', [{ name: 'hosts', sectionName: 'l1' }], [{ backendRefs: [to(V1)] }]), route('backend-v2', [{ name: 'hosts', sectionName: 'l2' }], [{ backendRefs: [to(V2)] }]),
    route('backend-v3', [{ name: 'hosts', sectionName: 'l3' }, { name: 'hosts', sectionName: 'l4' }], [{ backendRefs: [to(V3)] }]),
  ], async () => {
    await accepted('backend-v1', 'backend-v2', 'backend-v3');
    await expectAll(await addressOf('hosts'), [
      [{ host: 'bar.com' }, V1], [{ host: 'foo.bar.com' }, V2], [{ host: 'baz.bar.com' }, V3], [{ host: 'boo.bar.com' }, V3], [{ host: 'multiple.prefixes.bar.com' }, V3], [{ host: 'multiple.prefixes.foo.com' }, V3], [{ host: 'foo.com' }, 404], [{ host: 'no.matching.host' }, 404],
    ]);
  });

  behaviour('HTTPRouteListenerPortMatching', () => [
    gateway('ports', [http({ name: 'l80' }), http({ name: 'l8080', port: 8080, hostname: 'foo.com' }), http({ name: 'l8080bar', port: 8080, hostname: 'bar.com' })]),
    route('on-80', [{ name: 'ports', port: 80 }], [{ backendRefs: [to(V1)] }]), route('on-8080', [{ name: 'ports', port: 8080 }], [{ backendRefs: [to(V2)] }]), route('on-bar', [{ name: 'ports', port: 8080, sectionName: 'l8080bar' }], [{ matches: [prefix('/bar')], backendRefs: [to(V3)] }]),
  ], async () => {
    await accepted('on-80', 'on-8080', 'on-bar');
    await expectAll(await addressOf('ports'), [[{ host: 'foo.com' }, V1], [{ host: 'foo.com', port: 8080 }, V2], [{ host: 'bar.com', port: 8080 }, V2], [{ host: 'bar.com', path: '/bar', port: 8080 }, V3], [{ host: 'other.com', port: 8080 }, 404]]);
  });

  behaviour('GatewayHTTPListenerIsolation', () => {
    const names = { 'empty-hostname': undefined, 'wildcard-example-com': '*.example.com', 'wildcard-foo-example-com': '*.foo.example.com', 'abc-foo-example-com': 'abc.foo.example.com' } as const;
    const listeners = Object.entries(names).map(([name, hostname]) => http({ name, ...(hostname === undefined ? {} : { hostname }) }));
    return [
      gateway('isolation', listeners), gateway('isolation-both', listeners),
      ...Object.entries(names).flatMap(([name, hostname]) => [
        route(`to-${name}`, [{ name: 'isolation', sectionName: name }], [{ matches: [prefix(`/${name}`)], backendRefs: [to(V1)] }]),
        route(`both-${name}`, [{ name: 'isolation-both', sectionName: name }], [{ matches: [prefix(`/${name}`)], backendRefs: [to(V1)] }], { hostnames: [hostname ?? 'bar.com', 'bar.com', '*.example.com', '*.foo.example.com', 'abc.foo.example.com'].filter((each, index, all) => all.indexOf(each) === index) }),
      ]),
    ];
  }, async () => {
    const hosts = { 'empty-hostname': 'bar.com', 'wildcard-example-com': 'bar.example.com', 'wildcard-foo-example-com': 'bar.foo.example.com', 'abc-foo-example-com': 'abc.foo.example.com' };
    const rows = Object.entries(hosts).flatMap(([name, host]) => Object.keys(hosts).map((other): Row => [{ host, path: `/${other}` }, other === name ? V1 : 404]));
    for (const name of ['isolation', 'isolation-both']) await expectAll(await addressOf(name), rows);
  });
}

export function attachment(): void {
  behaviour('HTTPRouteCrossNamespace', () => [route('cross-namespace', [{ name: 'backend-namespaces', namespace: INFRA }], [{ backendRefs: [{ name: 'web-backend', port: 8080 }] }], { namespace: WEB })], async () => {
    await parents('cross-namespace', { Accepted: 'True', ResolvedRefs: 'True' }, { namespace: WEB });
    await expect(await addressOf('backend-namespaces'), {}, { backend: 'web-backend', namespace: WEB });
  });

  behaviour('HTTPRouteInvalidCrossNamespaceParentRef', () => [route('invalid-parent', [{ name: 'same-namespace', namespace: INFRA }], [{ backendRefs: [{ name: 'web-backend', port: 8080 }] }], { namespace: WEB })], async () => {
    await parents('invalid-parent', { Accepted: 'NotAllowedByListeners' }, { namespace: WEB });
    await expect(await addressOf('same-namespace'), {}, { status: 404 });
  });

  for (const [name, parent] of [
    ['HTTPRouteInvalidParentRefNotMatchingSectionName', { name: 'same-namespace', sectionName: 'listener-not-there' }], ['HTTPRouteInvalidParentRefNotMatchingListenerPort', { name: 'same-namespace', port: 81 }],
    ['HTTPRouteInvalidParentRefSectionNameNotMatchingPort', { name: 'same-namespace', sectionName: 'http', port: 8080 }],
  ] as const) {
    behaviour(name, () => [route('unmatched', [parent], [{ backendRefs: [to(V1)] }])], async () => {
      await parents('unmatched', { Accepted: 'NoMatchingParent' });
      await listener('same-namespace', 'http', { Accepted: 'True' }, { attachedRoutes: 0 });
    });
  }

  behaviour('HTTPRouteDisallowedKind', () => [
    gateway('tlsroutes-only', [{ name: 'https', port: 443, protocol: 'TLS', tls: { mode: 'Passthrough' }, allowedRoutes: { kinds: [{ kind: 'TLSRoute' }] } }]), route('disallowed-kind', ['tlsroutes-only'], [{ backendRefs: [to(V1)] }]),
  ], async () => {
    await parents('disallowed-kind', { Accepted: 'NotAllowedByListeners', ResolvedRefs: 'True' });
  });

  behaviour('HTTPRouteObservedGenerationBump', () => [route('generation', SAME, [{ backendRefs: [to(V1)] }])], async () => {
    await accepted('generation');
    await patch(pathOf(route('generation', [], [])), { spec: { rules: [{ backendRefs: [to(V2)] }] } });
    const [changed] = await accepted('generation');
    assert.equal(changed.metadata.generation, 2);
    await expect(await addressOf('same-namespace'), {}, { backend: V2 });
  });

  behaviour('HTTPRouteNamedRule', () => [route('named', SAME, [{ name: 'named-rule', matches: [prefix('/named')], backendRefs: [to(V1)] }, { matches: [prefix('/unnamed')], backendRefs: [to(V2)] }])], async () => {
    await accepted('named');
    await expectAll(await addressOf('same-namespace'), [[{ path: '/named' }, V1], [{ path: '/unnamed' }, V2]]);
  });

  behaviour('GatewayWithAttachedRoutes', () => {
    const selector = { allowedRoutes: { kinds: [{ kind: 'HTTPRoute' }], namespaces: { from: 'Selector', selector: { matchLabels: { 'kubernetes.io/metadata.name': INFRA } } } } };
    return [
      gateway('one-route', [http(selector)]), gateway('two-routes', [http(selector)]), gateway('unresolved', [{ name: 'tls', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'does-not-exist' }] } }]),
      route('r1', ['one-route'], [{ backendRefs: [to(V1)] }]), route('r2', ['two-routes'], [{ backendRefs: [to(V1)] }]), route('r3', ['two-routes'], [{ backendRefs: [to(V1)] }]), route('r4', ['unresolved'], [{ backendRefs: [{ name: 'does-not-exist', port: 8080 }] }]),
    ];
  }, async () => {
    await listener('one-route', 'http', { Accepted: 'True', ResolvedRefs: 'True' }, { attachedRoutes: 1, kinds: ['HTTPRoute'] });
    await listener('two-routes', 'http', { Accepted: 'True', ResolvedRefs: 'True' }, { attachedRoutes: 2, kinds: ['HTTPRoute'] });
    await listener('unresolved', 'tls', { Programmed: 'False', ResolvedRefs: 'InvalidCertificateRef' }, { attachedRoutes: 1 });
  });

  behaviour('GatewayWithAttachedRoutesWithPort8080', () => [
    gateway('two-listeners', [http({ name: 'http-unattached', port: 8080 }), http()]), route('r5', [{ name: 'two-listeners', sectionName: 'http' }], [{ backendRefs: [to(V1)] }]),
  ], async () => {
    await listener('two-listeners', 'http', { Accepted: 'True' }, { attachedRoutes: 1 });
    await listener('two-listeners', 'http-unattached', { Accepted: 'True' }, { attachedRoutes: 0 });
  });
}
