/** GRPCRoute: by service, method and header, over HTTP/2 in the clear. */
import assert from 'node:assert/strict';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { eventually } from '../../fixtures/instance.ts';
import { patch, type Body } from '../cluster.ts';
import { seenBy } from './http-filters.ts';
import { CHANGED, CHANGES } from './http-headers.ts';
import { authorityMap, CA, policy, policySays } from './backend-tls.ts';
import { accepted, addressOf, apply, behaviour, expect, gateway, http, INFRA, parents, pathOf, remove, route, to, V1, V2, V3 } from './world.ts';

const SERVICE = 'gateway_api_conformance.echo_basic.grpcecho.GrpcEcho';
const backend = (name: string, more: object = {}): object => ({ name: `grpc-${name}`, port: 8080, ...more });
const method = (service: string | undefined, name?: string): object => ({ method: { ...(service === undefined ? {} : { service }), ...(name === undefined ? {} : { method: name }) } });
const grpcRoute = (name: string, rules: object[], more: { hostnames?: string[]; parents?: (string | object)[] } = {}): Body => route(name, (more.parents ?? ['same-namespace']) as string[], rules, { kind: 'GRPCRoute', ...(more.hostnames === undefined ? {} : { hostnames: more.hostnames }) });

interface Called { grpcStatus: string; pod: string; headers: IncomingHttpHeaders }

function invoke(address: string, path: string, headers: Record<string, string> = {}, authority = address): Promise<Called> {
  return new Promise((settle, fail) => {
    const session = connect(`http://${address}`);
    session.on('error', fail);
    const call = session.request({ ':method': 'POST', ':path': path, ':authority': authority, 'content-type': 'application/grpc', te: 'trailers', ...headers });
    let first: IncomingHttpHeaders = {};
    let status = '';
    call.on('response', (answer) => { first = answer; status = String(answer['grpc-status'] ?? `HTTP ${answer[':status']}`); }).on('trailers', (trailers) => { status = String(trailers['grpc-status'] ?? status); })
      .on('end', () => { session.close(); settle({ grpcStatus: status, pod: String(first['x-from-backend'] ?? ''), headers: first }); }).on('error', fail).resume().end(Buffer.from([0, 0, 0, 0, 0]));
  });
}

/** Settles when the call comes to that backend, or to that status of gRPC. */
async function calls(address: string, path: string, expected: string, headers: Record<string, string> = {}, authority = address): Promise<void> {
  let last: Called | undefined;
  await eventually(async () => {
    last = await invoke(address, path, headers, authority);
    return /^\d+$|^HTTP /.test(expected) ? last.grpcStatus === expected : last.grpcStatus === '0' && last.pod === expected;
  }, { timeoutMs: 60_000 }).catch(() => assert.fail(`${path} ${JSON.stringify(headers)} ${authority} should come to ${expected}, comes to ${JSON.stringify(last)}`));
}

function tried(name: string, rules: object[], run: (address: string) => Promise<void>): void {
  behaviour(name, () => [grpcRoute(name.toLowerCase(), rules)], async () => {
    await parents(name.toLowerCase(), { Accepted: 'True', ResolvedRefs: 'True' }, { plural: 'grpcroutes' });
    await run(await addressOf('same-namespace'));
  });
}

export function grpc(): void {
  tried('GRPCRouteRequestMirror', [{ matches: [method(SERVICE)], filters: [{ type: 'RequestMirror', requestMirror: { backendRef: { name: `grpc-${V2}`, port: 8080 } } }, { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-set', value: 'one' }] } }], backendRefs: [backend(V1)] }], async (address) => {
    const mark = String(performance.now());
    await calls(address, `/${SERVICE}/Echo`, V1, { 'x-mark': mark });
    await eventually(async () => (await seenBy(V2)).some((each) => each === `gRPC /${SERVICE}/Echo ${mark}`), { what: 'the copy' });
  });

  for (const [more, persistence, lasts] of [['', {}, false], ['PermanentLifetime', { cookieConfig: { lifetimeType: 'Permanent' }, absoluteTimeout: '1h' }, true]] as const) {
    behaviour(`GRPCRouteSessionPersistenceCookie${more}`, () => [
      { apiVersion: 'v1', kind: 'Service', metadata: { namespace: INFRA, name: 'grpc-both' }, spec: { selector: { group: 'both' }, ports: [{ name: 'grpc', port: 8080, targetPort: 3002, appProtocol: 'kubernetes.io/h2c' }] } },
      grpcRoute('session', [{ backendRefs: [{ name: 'grpc-both', port: 8080 }], sessionPersistence: { sessionName: 'grpc-session', ...persistence } }]),
    ], async () => {
      await parents('session', { Accepted: 'True', ResolvedRefs: 'True' }, { plural: 'grpcroutes' });
      const address = await addressOf('same-namespace');
      const first = await eventually(async () => { const told = await invoke(address, `/${SERVICE}/Echo`); return told.grpcStatus === '0' && told; });
      const [cookie = ''] = first.headers['set-cookie'] ?? [];
      assert.match(cookie, /^grpc-session=[^;]+/);
      assert.equal(/expires|max-age=3600/i.test(cookie), lasts, cookie);
      for (let times = 0; times < 6; times++) assert.equal((await invoke(address, `/${SERVICE}/Echo`, { cookie: cookie.split(';')[0]! })).pod, first.pod);
    });
  }

  // The age of an object is told in whole seconds.
  for (const [narrow, wide, hostname] of [['abc.example.com', '*.example.com', 'abc.example.com'], ['*.example.com', '*.com', '*.example.com'], ['abc.example.com', undefined, 'abc.example.com']] as const) {
    behaviour(`GRPCRouteMultipleRoutesAttachmentSameHostnameIntersection${narrow.startsWith('*') ? 'Wildcard' : wide === undefined ? 'None' : ''}`, () => [
      gateway('intersecting', [http({ hostname })]), grpcRoute('a-wide', [{ matches: [method(SERVICE)], backendRefs: [backend(V1)] }], { parents: ['intersecting'], ...(wide === undefined ? {} : { hostnames: [wide] }) }),
      grpcRoute('b-narrow', [{ backendRefs: [backend(V2)] }], { parents: ['intersecting'], hostnames: [narrow] }),
    ], async () => {
      for (const name of ['a-wide', 'b-narrow']) await parents(name, { Accepted: 'True' }, { plural: 'grpcroutes' });
      await calls(await addressOf('intersecting'), `/${SERVICE}/Echo`, V2, {}, 'abc.example.com');
    });
  }

  behaviour('BackendTLSPolicyGRPCRoute', () => [
    authorityMap(), policy('grpc', { name: 'tls-backend', sectionName: 'grpc' }, { ...CA, subjectAltNames: [{ type: 'URI', uri: 'spiffe://abc.example.com/test-identity' }] }),
    grpcRoute('over-tls', [{ matches: [method(SERVICE)], backendRefs: [{ name: 'tls-backend', port: 444 }] }]),
  ], async () => {
    await policySays('grpc', 'Accepted', 'Accepted');
    const address = await addressOf('same-namespace');
    await calls(address, `/${SERVICE}/Echo`, 'tls-backend');
    await patch(pathOf(policy('grpc', {}, {})), { spec: { validation: { subjectAltNames: [] } } });
    await calls(address, `/${SERVICE}/EchoTwo`, 'tls-backend');
    await patch(pathOf(policy('grpc', {}, {})), { spec: { validation: { hostname: 'mismatch.example.com' } } });
    // Clients take it for UNAVAILABLE.
    await calls(address, `/${SERVICE}/Echo`, 'HTTP 503');
  });

  tried('GRPCExactMethodMatching', [{ matches: [method(SERVICE, 'Echo')], backendRefs: [backend(V1)] }, { matches: [method(SERVICE, 'EchoTwo')], backendRefs: [backend(V2)] }], async (address) => {
    await calls(address, `/${SERVICE}/Echo`, V1);
    await calls(address, `/${SERVICE}/EchoTwo`, V2);
    await calls(address, `/${SERVICE}/EchoThree`, '12');
  });

  const header = (name: string, value: string): object => ({ headers: [{ name, value }] });
  tried('GRPCRouteHeaderMatching', [
    { matches: [header('version', 'one')], backendRefs: [backend(V1)] }, { matches: [header('version', 'two')], backendRefs: [backend(V2)] },
    { matches: [{ headers: [{ name: 'version', value: 'two' }, { name: 'color', value: 'orange' }] }], backendRefs: [backend(V1)] }, { matches: [{ ...method(undefined, 'EchoThree'), ...header('shade', 'blue') }], backendRefs: [backend(V3)] },
    { matches: [header('color', 'blue'), header('color', 'green')], backendRefs: [backend(V1)] }, { matches: [header('color', 'red'), header('color', 'yellow')], backendRefs: [backend(V2)] },
  ], async (address) => {
    for (const [headers, expected] of [
      [{ version: 'one' }, V1], [{ version: 'two' }, V2], [{ version: 'two', color: 'orange' }, V1], [{ version: 'two', color: 'blue' }, V2], [{ color: 'orange' }, '12'], [{ 'some-other-header': 'one' }, '12'],
      [{ color: 'blue' }, V1], [{ color: 'green' }, V1], [{ color: 'red' }, V2], [{ color: 'yellow' }, V2], [{ color: 'purple' }, '12'], [{ shade: 'blue' }, '12'],
    ] as [Record<string, string>, string][]) await calls(address, `/${SERVICE}/Echo`, expected, headers);
    await calls(address, `/${SERVICE}/EchoThree`, V3, { shade: 'blue' });
  });

  tried('GRPCRouteServiceMatching', [{ matches: [method(SERVICE)], backendRefs: [backend(V2)] }, { matches: [{ method: { type: 'RegularExpression', service: '.*GrpcEcho', method: 'EchoT.*' } }], backendRefs: [backend(V3)] }], async (address) => {
    await calls(address, `/${SERVICE}/Echo`, V2);
    await calls(address, `/${SERVICE}/EchoThree`, V3);
    await calls(address, `/other.Service/Echo`, '12');
  });

  behaviour('GRPCRouteListenerHostnameMatching', () => [
    gateway('grpc-hosts', [http({ name: 'l1', hostname: 'bar.com' }), http({ name: 'l2', hostname: 'foo.bar.com' }), http({ name: 'l3', hostname: '*.bar.com' })]),
    ...([[1, V1], [2, V2], [3, V3]] as const).map(([index, name]) => grpcRoute(`grpc-host-${index}`, [{ backendRefs: [backend(name)] }], { parents: [{ name: 'grpc-hosts', sectionName: `l${index}` }] })),
  ], async () => {
    for (const index of [1, 2, 3]) await parents(`grpc-host-${index}`, { Accepted: 'True', ResolvedRefs: 'True' }, { plural: 'grpcroutes' });
    const address = await addressOf('grpc-hosts');
    for (const [host, name] of [['bar.com', V1], ['foo.bar.com', V2], ['baz.bar.com', V3], ['multiple.prefixes.bar.com', V3], ['foo.com', '12']] as const) await calls(address, `/${SERVICE}/Echo`, name, {}, host);
  });

  tried('GRPCRouteNamedRule', [{ name: 'named-rule', matches: [method(SERVICE, 'Echo')], backendRefs: [backend(V1)] }, { matches: [method(SERVICE, 'EchoTwo')], backendRefs: [backend(V2)] }], async (address) => {
    await calls(address, `/${SERVICE}/Echo`, V1);
    await calls(address, `/${SERVICE}/EchoTwo`, V2);
  });

  tried('GRPCRouteWeight', [{ backendRefs: [backend(V1, { weight: 70 }), backend(V2, { weight: 30 }), backend(V3, { weight: 0 })] }], async (address) => {
    await eventually(async () => (await invoke(address, `/${SERVICE}/Echo`)).grpcStatus === '0');
    const counts: Record<string, number> = {};
    for (let round = 0; round < 15; round++) for (const { pod } of await Promise.all(Array.from({ length: 20 }, () => invoke(address, `/${SERVICE}/Echo`)))) counts[pod] = (counts[pod] ?? 0) + 1;
    assert.ok(Math.abs(counts[V1]! / 300 - 0.7) < 0.12 && counts[V3] === undefined, JSON.stringify(counts));
  });

  tried('GRPCRouteAllBackendsWeightZero', [{ backendRefs: [backend(V1, { weight: 0 })] }], (address) => calls(address, `/${SERVICE}/Echo`, '14'));

  const modified = (name: string, requestHeaderModifier: object): object => ({ matches: [method(SERVICE, name)], filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier }], backendRefs: [backend(V1)] });
  tried('GRPCRouteRequestHeaderModifier', Object.entries(CHANGES).map(([path, change]) => modified(`Echo${path.slice(1).replace('-', '')}`, change)), async (address) => {
    for (const [path, sent, expected] of CHANGED) {
      const call = `/${SERVICE}/Echo${path.slice(1).replace('-', '')}`;
      const sends = Object.fromEntries(Object.entries(sent).map(([name, value]) => [name.toLowerCase(), value]));
      await calls(address, call, V1, sends);
      const saw = JSON.parse(String((await invoke(address, call, sends)).headers['x-saw']));
      for (const [name, value] of Object.entries(expected)) assert.equal(saw[name.toLowerCase()], value, `${call} ${name}`);
    }
  });

  behaviour('GRPCRouteInvalidBackendRef', () => [grpcRoute('grpc-invalid', [{ backendRefs: [{ name: 'nonexistent', port: 8080 }] }])], async () => {
    await parents('grpc-invalid', { Accepted: 'True', ResolvedRefs: 'BackendNotFound' }, { plural: 'grpcroutes' });
    const address = await addressOf('same-namespace');
    await calls(address, `/${SERVICE}/Echo`, '14');
    assert.equal((await invoke(address, `/${SERVICE}/Echo`)).headers['content-type'], 'application/grpc');
  });

  behaviour('GRPCRouteHostnameOfHTTPRoute', () => [], async () => {
    const older = route('older-http', ['same-namespace'], [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }], backendRefs: [to(V1)] }], { hostnames: ['shared.example.com', '*.wild.example.com'] });
    const younger = grpcRoute('younger-grpc', [{ backendRefs: [backend(V2)] }], { hostnames: ['a.wild.example.com'] });
    const other = grpcRoute('other-grpc', [{ backendRefs: [backend(V3)] }], { hostnames: ['elsewhere.example.com'] });
    try {
      await apply(older);
      await accepted('older-http');
      await new Promise((settle) => setTimeout(settle, 1_100)); // ages are told in seconds
      await apply(younger, other);
      await parents('younger-grpc', { Accepted: 'HostnameConflict' }, { plural: 'grpcroutes' });
      await parents('other-grpc', { Accepted: 'True' }, { plural: 'grpcroutes' });
      const address = await addressOf('same-namespace');
      await expect(address, { host: 'shared.example.com' }, { backend: V1 });
      await calls(address, `/${SERVICE}/Echo`, V3, {}, 'elsewhere.example.com');
      await remove(older);
      await parents('younger-grpc', { Accepted: 'True' }, { plural: 'grpcroutes' });
      await calls(address, `/${SERVICE}/Echo`, V2, {}, 'a.wild.example.com');
    } finally {
      await remove(older, younger, other);
    }
  });
}
