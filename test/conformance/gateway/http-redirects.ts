/** HTTPRoute, where requests are led to: redirects, and other hosts and paths (RequestRedirect, URLRewrite), of rules and of backends. */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { at, redirect, requestHeaders, rewrite, tried } from './http-filters.ts';
import { accepted, addressOf, ask, behaviour, exact, expectAll, gateway, http, prefix, route, to, V1, V2, V3, type Ask, type Told } from './world.ts';

export function redirects(): void {
  const leads = (question: Ask, status: number, location: string): [Ask, object] => [question, { status, check: (told: Told) => assert.equal(told.headers.location, location) }];
  const host = 'asked.example';

  tried('HTTPRouteRedirectHostAndStatus', () => [at('/hostname', [redirect({ hostname: 'example.org' })], null), at('/host-and-status', [redirect({ hostname: 'example.org', statusCode: 301 })], null)], (address) => expectAll(address, [
    leads({ host, path: '/hostname' }, 302, 'http://example.org/hostname'), leads({ host, path: '/host-and-status?q=1' }, 301, 'http://example.org/host-and-status?q=1'),
  ]));

  tried('HTTPRouteRedirectScheme', () => [at('/scheme', [redirect({ scheme: 'https' })], null), at('/scheme-and-host', [redirect({ scheme: 'https', hostname: 'example.org', statusCode: 301 })], null)], (address) => expectAll(address, [
    leads({ host, path: '/scheme' }, 302, 'https://asked.example/scheme'), leads({ host, path: '/scheme-and-host' }, 301, 'https://example.org/scheme-and-host'),
  ]));

  tried('HTTPRouteRedirectPort', () => [at('/port', [redirect({ port: 8083 })], null), at('/port-and-host', [redirect({ port: 8083, hostname: 'example.org' })], null)], (address) => expectAll(address, [
    leads({ host, path: '/port' }, 302, 'http://asked.example:8083/port'), leads({ host, path: '/port-and-host' }, 302, 'http://example.org:8083/port-and-host'),
  ]));

  tried('HTTPRouteRedirectPath', () => [
    at('/original-prefix', [redirect({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/replacement-prefix' } })], null), at('/full', [redirect({ path: { type: 'ReplaceFullPath', replaceFullPath: '/full-path-replacement' } })], null),
    at('/path-and-host', [redirect({ hostname: 'example.org', path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/replacement-prefix' } })], null),
    at('/to-root', [redirect({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } })], null),
  ], (address) => expectAll(address, [
    leads({ host, path: '/original-prefix/lemon' }, 302, 'http://asked.example/replacement-prefix/lemon'), leads({ host, path: '/original-prefix' }, 302, 'http://asked.example/replacement-prefix'), leads({ host, path: '/full/path/original?x=y' }, 302, 'http://asked.example/full-path-replacement?x=y'),
    leads({ host, path: '/path-and-host/lemon' }, 302, 'http://example.org/replacement-prefix/lemon'), leads({ host, path: '/to-root/lemon' }, 302, 'http://asked.example/lemon'), leads({ host, path: '/to-root' }, 302, 'http://asked.example/'),
  ]));

  for (const status of [303, 307, 308]) {
    tried(`HTTPRoute${status}Redirect`, () => [at('/status', [redirect({ hostname: 'example.org', statusCode: status })], null)], (address) => expectAll(address, [leads({ host, path: '/status' }, status, 'http://example.org/status')]));
  }

  behaviour('HTTPRouteRedirectPortAndScheme', () => {
    const rules = [at('/nil-nil', [redirect({ hostname: 'example.org' })], null), at('/nil-80', [redirect({ hostname: 'example.org', port: 80 })], null), at('/nil-8080', [redirect({ hostname: 'example.org', port: 8080 })], null), at('/nil-443', [redirect({ hostname: 'example.org', port: 443 })], null),
      at('/https-nil', [redirect({ hostname: 'example.org', scheme: 'https' })], null), at('/https-443', [redirect({ hostname: 'example.org', scheme: 'https', port: 443 })], null), at('/https-8443', [redirect({ hostname: 'example.org', scheme: 'https', port: 8443 })], null),
      at('/http-nil', [redirect({ hostname: 'example.org', scheme: 'http' })], null), at('/http-8080', [redirect({ hostname: 'example.org', scheme: 'http', port: 8080 })], null)];
    return [gateway('on-8080', [http({ port: 8080 })]), route('ports-and-schemes', ['same-namespace', 'on-8080', 'same-namespace-with-https-listener'], rules)];
  }, async () => {
    await accepted('ports-and-schemes');
    await expectAll(await addressOf('same-namespace'), [
      leads({ path: '/nil-nil' }, 302, 'http://example.org/nil-nil'), leads({ path: '/nil-80' }, 302, 'http://example.org/nil-80'), leads({ path: '/nil-8080' }, 302, 'http://example.org:8080/nil-8080'),
      leads({ path: '/https-nil' }, 302, 'https://example.org/https-nil'), leads({ path: '/https-443' }, 302, 'https://example.org/https-443'), leads({ path: '/https-8443' }, 302, 'https://example.org:8443/https-8443'),
    ]);
    await expectAll(await addressOf('on-8080'), [leads({ port: 8080, path: '/nil-nil' }, 302, 'http://example.org:8080/nil-nil'), leads({ port: 8080, path: '/nil-80' }, 302, 'http://example.org/nil-80'), leads({ port: 8080, path: '/https-nil' }, 302, 'https://example.org/https-nil')]);
    await expectAll(await addressOf('same-namespace-with-https-listener'), [
      leads({ sni: 'example.org', host: 'example.org', path: '/nil-nil' }, 302, 'https://example.org/nil-nil'), leads({ sni: 'example.org', host: 'example.org', path: '/nil-443' }, 302, 'https://example.org/nil-443'), leads({ sni: 'example.org', host: 'example.org', path: '/nil-8080' }, 302, 'https://example.org:8080/nil-8080'),
      leads({ sni: 'example.org', host: 'example.org', path: '/http-nil' }, 302, 'http://example.org/http-nil'), leads({ sni: 'example.org', host: 'example.org', path: '/http-8080' }, 302, 'http://example.org:8080/http-8080'),
    ]);
  });

  tried('HTTPRouteBackendRequestRedirect', () => [{ backendRefs: [to(V1, { filters: [redirect({ scheme: 'https', hostname: 'one.example.org', port: 443 })] }), to(V2, { filters: [redirect({ scheme: 'http', hostname: 'two.example.org', port: 80, statusCode: 301 })] })] }], async (address) => {
    await eventually(async () => {
      const all = new Set((await Promise.all(Array.from({ length: 30 }, () => ask(address, { path: '/x' })))).map((told) => `${told.status} ${told.headers.location}`));
      return JSON.stringify([...all].sort()) === JSON.stringify(['301 http://two.example.org/x', '302 https://one.example.org/x']);
    }, { what: 'each backend leads elsewhere' });
  });
}

export function rewrites(): void {
  const host = 'asked.example';
  const arrives = (question: Ask, path: string, atHost?: string): [Ask, object] => [question, { check: ({ body }: Told) => assert.deepEqual([body.path, body.host], [path, atHost ?? question.host]) }];
  tried('HTTPRouteRewriteHost', () => [at('/one', [rewrite({ hostname: 'one.example.org' })]), at('/two', [rewrite({ hostname: 'two.example.org' }), requestHeaders({ add: [{ name: 'x', value: 'y' }] })], [to(V2)])], (address) => expectAll(address, [
    arrives({ host, path: '/one' }, '/one', 'one.example.org'), arrives({ host, path: '/two' }, '/two', 'two.example.org'),
  ]));
  tried('HTTPRouteRewritePathBackend', () => [{ matches: [prefix('/before')], backendRefs: [to(V1, { filters: [rewrite({ hostname: 'one.example.org', path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/one' } })] }), to(V2, { filters: [rewrite({ path: { type: 'ReplaceFullPath', replaceFullPath: '/two' } })] })] }], async (address) => {
    await eventually(async () => {
      const all = new Set((await Promise.all(Array.from({ length: 30 }, () => ask(address, { host, path: '/before/x' })))).map(({ body }) => `${body.pod} ${body.host} ${body.path}`));
      return JSON.stringify([...all].sort()) === JSON.stringify([`${V1} one.example.org /one/x`, `${V2} ${host} /two`]);
    }, { what: 'each backend has its own path' });
  });
  tried('HTTPRouteRewritePath', () => [
    at('/prefix/one', [rewrite({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/one' } })]), at('/full/one', [rewrite({ path: { type: 'ReplaceFullPath', replaceFullPath: '/one' } })]),
    at('/strip', [rewrite({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } })]), at('/strip-empty/', [rewrite({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '' } })]), at('/odd', [rewrite({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/a%20b' } })]),
  ], (address) => expectAll(address, [
    arrives({ host, path: '/prefix/one/two' }, '/one/two'), arrives({ host, path: '/prefix/one' }, '/one'), arrives({ host, path: '/prefix/one/two?a=b%2Fc' }, '/one/two?a=b%2Fc'), arrives({ host, path: '/full/one/two?x=1' }, '/one?x=1'),
    arrives({ host, path: '/strip' }, '/'), arrives({ host, path: '/strip/' }, '/'), arrives({ host, path: '/strip/three' }, '/three'), arrives({ host, path: '/strip-empty/four' }, '/four'), arrives({ host, path: '/odd/c' }, '/a%20b/c'),
  ]));

  tried('HTTPRouteRewriteHostBackend', () => [
    { matches: [exact('/one')], backendRefs: [to(V1, { filters: [rewrite({ hostname: 'one.example.org', path: { type: 'ReplaceFullPath', replaceFullPath: '/two' } })] })] },
    { matches: [exact('/three')], backendRefs: [to(V2, { filters: [rewrite({ hostname: 'example.org' })] })] },
  ], (address) => expectAll(address, [arrives({ host, path: '/one' }, '/two', 'one.example.org'), arrives({ host, path: '/three' }, '/three', 'example.org')]));

  const changed = requestHeaders({ set: [{ name: 'X-Header-Set', value: 'set-overwrites-values' }], add: [{ name: 'X-Header-Add', value: 'header-val-1' }, { name: 'X-Header-Add-Append', value: 'header-val-2' }], remove: ['X-Header-Remove'] });
  tried('HTTPRouteRewritePathRequestHeaderModifierBackend', () => [
    { matches: [prefix('/full')], filters: [rewrite({ path: { type: 'ReplaceFullPath', replaceFullPath: '/test' } })], backendRefs: [to(V1, { filters: [changed] })] },
    { matches: [prefix('/prefix')], filters: [rewrite({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/test' } })], backendRefs: [to(V1, { filters: [changed] })] },
  ], (address) => expectAll(address, [['/full/test', '/test'], ['/prefix/one', '/test/one']].map(([path, expected]): [Ask, object] => [
    { host, path: path!, headers: { 'X-Header-Remove': 'remove-val', 'X-Header-Add-Append': 'append-val-1', 'X-Header-Set': 'set-val' } },
    { check: ({ body }: Told) => assert.deepEqual([body.path, ...['x-header-add', 'x-header-add-append', 'x-header-set', 'x-header-remove'].map((name) => body.headers[name])], [expected, 'header-val-1', 'append-val-1, header-val-2', 'set-overwrites-values', undefined]) },
  ])));

  const toEach = (path: (name: string) => object): object[] => [V1, V2, V3].map((name) => to(name, { filters: [rewrite({ path: path(name) })] }));
  tried('HTTPRouteRewritePathBackendWeights', () => [
    { matches: [prefix('/prefix')], backendRefs: toEach((name) => ({ type: 'ReplacePrefixMatch', replacePrefixMatch: `/${name}` })) }, { backendRefs: toEach((name) => ({ type: 'ReplaceFullPath', replaceFullPath: `/${name}` })) },
  ], async (address) => {
    for (const [path, rest] of [['/prefix/test', '/test'], ['/', '']] as const) {
      await eventually(async () => new Set((await Promise.all(Array.from({ length: 12 }, () => ask(address, { path })))).map(({ body }) => body.pod)).size === 3, { what: 'all three are reached' });
      for (const { body } of await Promise.all(Array.from({ length: 50 }, () => ask(address, { path })))) assert.equal(body.path, `/${body.pod}${rest}`);
    }
  });
}
