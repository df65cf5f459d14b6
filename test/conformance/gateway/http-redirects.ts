/** HTTPRoute, where requests are led to: redirects, and other hosts and paths (RequestRedirect, URLRewrite), of rules and of backends. */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { at, redirect, requestHeaders, rewrite, tried } from './http-filters.ts';
import { modified, MODIFIED } from './http-headers.ts';
import { accepted, addressOf, ask, behaviour, exact, expectAll, gateway, http, prefix, route, to, V1, V2, V3, type Ask, type Told } from './world.ts';

export function redirects(): void {
  const leads = (question: Ask, status: number, location: string): [Ask, object] => [question, { status, check: (told: Told) => assert.equal(told.headers.location, location) }];
  const host = 'asked.example';

  tried('HTTPRouteRedirectHostAndStatus', () => [at('/hostname', [redirect({ hostname: 'example.org' })], null), at('/host-and-status', [redirect({ hostname: 'example.org', statusCode: 301 })], null)], (address) => expectAll(address, [
    leads({ host, path: '/hostname' }, 302, 'http://example.org/hostname'), leads({ host, path: '/host-and-status?q=1' }, 301, 'http://example.org/host-and-status?q=1'),
  ]));

  tried('HTTPRouteRedirectScheme', () => [
    at('/scheme', [redirect({ scheme: 'https' })], null), at('/scheme-and-host', [redirect({ scheme: 'https', hostname: 'example.org' })], null), at('/scheme-and-status', [redirect({ scheme: 'https', statusCode: 301 })], null),
    at('/scheme-and-host-and-status', [redirect({ scheme: 'https', hostname: 'example.org', statusCode: 301 })], null),
  ], (address) => expectAll(address, [
    leads({ host, path: '/scheme' }, 302, 'https://asked.example/scheme'), leads({ host, path: '/scheme-and-host' }, 302, 'https://example.org/scheme-and-host'), leads({ host, path: '/scheme-and-status' }, 301, 'https://asked.example/scheme-and-status'),
    leads({ host, path: '/scheme-and-host-and-status' }, 301, 'https://example.org/scheme-and-host-and-status'),
  ]));

  tried('HTTPRouteRedirectPort', () => [
    at('/port', [redirect({ port: 8083 })], null), at('/port-and-host', [redirect({ port: 8083, hostname: 'example.org' })], null), at('/port-and-status', [redirect({ port: 8083, statusCode: 301 })], null),
    at('/port-and-host-and-status', [redirect({ port: 8083, hostname: 'example.org', statusCode: 301 })], null),
  ], (address) => expectAll(address, [
    leads({ host, path: '/port' }, 302, 'http://asked.example:8083/port'), leads({ host, path: '/port-and-host' }, 302, 'http://example.org:8083/port-and-host'), leads({ host, path: '/port-and-status' }, 301, 'http://asked.example:8083/port-and-status'),
    leads({ host, path: '/port-and-host-and-status' }, 301, 'http://example.org:8083/port-and-host-and-status'), leads({ host: `${host}:80`, path: '/port' }, 302, 'http://asked.example:8083/port'),
  ]));

  const prefixed = (replacePrefixMatch: string): object => ({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch } });
  const whole = (replaceFullPath: string): object => ({ path: { type: 'ReplaceFullPath', replaceFullPath } });
  tried('HTTPRouteRedirectPath', () => [
    at('/original-prefix', [redirect(prefixed('/replacement-prefix'))], null), at('/full', [redirect(whole('/full-path-replacement'))], null), at('/path-and-host', [redirect({ hostname: 'example.org', ...prefixed('/replacement-prefix') })], null),
    at('/path-and-status', [redirect({ statusCode: 301, ...prefixed('/replacement-prefix') })], null), at('/full-path-and-host', [redirect({ hostname: 'example.org', ...whole('/replacement-full') })], null), at('/full-path-and-status', [redirect({ statusCode: 301, ...whole('/replacement-full') })], null),
    at('/to-root', [redirect(prefixed('/'))], null),
  ], (address) => expectAll(address, [
    leads({ host, path: '/original-prefix/lemon' }, 302, 'http://asked.example/replacement-prefix/lemon'), leads({ host, path: '/original-prefix' }, 302, 'http://asked.example/replacement-prefix'), leads({ host, path: '/full/path/original?x=y' }, 302, 'http://asked.example/full-path-replacement?x=y'),
    leads({ host, path: '/path-and-host' }, 302, 'http://example.org/replacement-prefix'), leads({ host, path: '/path-and-host/lemon' }, 302, 'http://example.org/replacement-prefix/lemon'), leads({ host, path: '/path-and-status' }, 301, 'http://asked.example/replacement-prefix'),
    leads({ host, path: '/full-path-and-host' }, 302, 'http://example.org/replacement-full'), leads({ host, path: '/full-path-and-status' }, 301, 'http://asked.example/replacement-full'), leads({ host, path: '/to-root/lemon' }, 302, 'http://asked.example/lemon'), leads({ host, path: '/to-root' }, 302, 'http://asked.example/'),
  ]));

  for (const statusCode of [303, 307, 308]) {
    tried(`HTTPRoute${statusCode}Redirect`, () => [
      at('/status', [redirect({ hostname: 'example.org', statusCode })], null), at('/scheme', [redirect({ scheme: 'https', statusCode })], null), at('/port', [redirect({ port: 8083, statusCode })], null), at('/path', [redirect({ statusCode, ...prefixed('/elsewhere') })], null),
    ], (address) => expectAll(address, [
      leads({ host, path: '/status' }, statusCode, 'http://example.org/status'), leads({ host, path: '/scheme' }, statusCode, 'https://asked.example/scheme'), leads({ host, path: '/port' }, statusCode, 'http://asked.example:8083/port'), leads({ host, path: '/path/x' }, statusCode, 'http://asked.example/elsewhere/x'),
      leads({ host, path: '/status', method: 'POST', body: 'x' }, statusCode, 'http://example.org/status'),
    ]));
  }

  behaviour('HTTPRouteRedirectPortAndScheme', () => {
    const rules = [at('/nil-nil', [redirect({ hostname: 'example.org' })], null), at('/nil-80', [redirect({ hostname: 'example.org', port: 80 })], null), at('/nil-8080', [redirect({ hostname: 'example.org', port: 8080 })], null), at('/nil-443', [redirect({ hostname: 'example.org', port: 443 })], null), at('/nil-8443', [redirect({ hostname: 'example.org', port: 8443 })], null),
      at('/https-nil', [redirect({ hostname: 'example.org', scheme: 'https' })], null), at('/https-443', [redirect({ hostname: 'example.org', scheme: 'https', port: 443 })], null), at('/https-8443', [redirect({ hostname: 'example.org', scheme: 'https', port: 8443 })], null),
      at('/http-nil', [redirect({ hostname: 'example.org', scheme: 'http' })], null), at('/http-80', [redirect({ hostname: 'example.org', scheme: 'http', port: 80 })], null), at('/http-8080', [redirect({ hostname: 'example.org', scheme: 'http', port: 8080 })], null)];
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
      leads({ sni: 'example.org', host: 'example.org', path: '/nil-8443' }, 302, 'https://example.org:8443/nil-8443'), leads({ sni: 'example.org', host: 'example.org', path: '/http-80' }, 302, 'http://example.org/http-80'),
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
  tried('HTTPRouteRewriteHost', () => [at('/one', [rewrite({ hostname: 'one.example.org' })]), at('/two', [rewrite({ hostname: 'two.example.org' }), requestHeaders({ add: [{ name: 'x', value: 'y' }] })], [to(V2)]), at('/rewrite-host-and-modify-headers', [rewrite({ hostname: 'test.example.org' }), requestHeaders(MODIFIED)], [to(V2)])], (address) => expectAll(address, [
    modified('/rewrite-host-and-modify-headers', '/rewrite-host-and-modify-headers', { host, arrivesAt: 'test.example.org', backend: V2 }),
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
    at('/full/and-headers', [rewrite({ path: { type: 'ReplaceFullPath', replaceFullPath: '/test' } }), requestHeaders(MODIFIED)]), at('/prefix/and-headers', [rewrite({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/prefix' } }), requestHeaders(MODIFIED)]),
  ], (address) => expectAll(address, [
    arrives({ host, path: '/prefix/one/two' }, '/one/two'), arrives({ host, path: '/prefix/one' }, '/one'), arrives({ host, path: '/prefix/one/two?a=b%2Fc' }, '/one/two?a=b%2Fc'), arrives({ host, path: '/full/one/two?x=1' }, '/one?x=1'),
    arrives({ host, path: '/strip' }, '/'), arrives({ host, path: '/strip/' }, '/'), arrives({ host, path: '/strip/three' }, '/three'), arrives({ host, path: '/strip-empty/four' }, '/four'), arrives({ host, path: '/odd/c' }, '/a%20b/c'),
    modified('/full/and-headers/test', '/test'), modified('/prefix/and-headers/one', '/prefix/one'),
  ]));

  tried('HTTPRouteRewriteHostBackend', () => [
    { matches: [exact('/one')], backendRefs: [to(V1, { filters: [rewrite({ hostname: 'one.example.org', path: { type: 'ReplaceFullPath', replaceFullPath: '/two' } })] })] },
    { matches: [exact('/three')], backendRefs: [to(V2, { filters: [rewrite({ hostname: 'example.org' })] })] },
  ], (address) => expectAll(address, [arrives({ host, path: '/one' }, '/two', 'one.example.org'), arrives({ host, path: '/three' }, '/three', 'example.org')]));

  tried('HTTPRouteRewritePathRequestHeaderModifierBackend', () => [
    { matches: [prefix('/full')], filters: [rewrite({ path: { type: 'ReplaceFullPath', replaceFullPath: '/test' } })], backendRefs: [to(V1, { filters: [requestHeaders(MODIFIED)] })] },
    { matches: [prefix('/prefix')], filters: [rewrite({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/test' } })], backendRefs: [to(V1, { filters: [requestHeaders(MODIFIED)] })] },
  ], (address) => expectAll(address, [modified('/full/test', '/test'), modified('/prefix/one', '/test/one')]));

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
