/** TLS: HTTPS listeners with certificates by name, passthrough by TLSRoutes. */
import assert from 'node:assert/strict';
import { connect as connectH2 } from 'node:http2';
import { connect as connectTcp, createServer, type AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { eventually } from '../../fixtures/instance.ts';
import { get, patch, type Body } from '../cluster.ts';
import { accepted, addressOf, amid, AUTHORITY_PEM, behaviour, condition, expect, expectAll, exact, gateway, gatewayOf, http, INFRA, listener, parents, pathOf, prefix, route, tlsSecret, to, V1, V2, V3, WEB, type Ask, type Expected } from './world.ts';

const HTTPS = ['same-namespace-with-https-listener'];
export const passthrough = (more: object = {}): object => ({ name: 'tls', port: 443, protocol: 'TLS', tls: { mode: 'Passthrough' }, ...more });
export const tlsRoute = (name: string, parentNames: (string | object)[], hostnames: string[] | undefined, backendRefs: object[] = [{ name: 'tls-backend', port: 443 }], more: object = {}): Body => route(name, parentNames, [{ backendRefs }], { kind: 'TLSRoute', ...(hostnames === undefined ? {} : { hostnames }), ...more });
const told = (name: string, expected: Record<string, string>): Promise<Body> => parents(name, expected, { plural: 'tlsroutes' });

/** The subject alternative names of the certificate that is shown; undefined when the connection is refused. */
export function shown(address: string, servername: string, port = 443): Promise<string | undefined> {
  return new Promise((settle) => {
    const socket = connect({ host: address, port, servername, ca: AUTHORITY_PEM, rejectUnauthorized: false, timeout: 5_000 }, () => { settle(socket.getPeerCertificate().subjectaltname); socket.destroy(); });
    socket.on('error', () => settle(undefined)).on('timeout', () => socket.destroy(new Error('time-out'))).on('close', () => settle(undefined));
  });
}

export function https(): void {
  behaviour('HTTPRouteHTTPSListener', () => [
    route('https', HTTPS, [{ matches: [exact('/test')], backendRefs: [to(V1)] }], { hostnames: ['example.org'] }), route('https-no-hostname', [{ name: HTTPS[0], sectionName: 'https-with-hostname' }], [{ backendRefs: [to(V2)] }]),
  ], async () => {
    await accepted('https', 'https-no-hostname');
    await expectAll(await addressOf(HTTPS[0]!), [
      [{ sni: 'example.org', host: 'example.org', path: '/test' }, V1], [{ sni: 'second-example.org', host: 'second-example.org', path: '/x' }, V2], [{ sni: 'example.org', host: 'unknown-example.org', path: '/test' }, 404],
      [{ sni: 'example.org', host: 'example.org', path: '/test' }, { check: ({ body }) => assert.equal(body.headers['x-forwarded-proto'], 'https') }],
    ]);
  });

  behaviour('HTTPRouteHTTPSListenerDetectMisdirectedRequests', () => [
    tlsSecret(INFRA, 'misdirected', '*.org', '*.wildcard.org'),
    gateway('misdirected', [undefined, 'second-example.org', '*.wildcard.org', 'fourth-example.wildcard.org'].map((hostname, index) => ({ name: `l${index + 1}`, port: 443, protocol: 'HTTPS', ...(hostname === undefined ? {} : { hostname }), tls: { certificateRefs: [{ name: 'misdirected' }] } }))),
    ...([[1, V1, 'example.org'], [2, V2, 'second-example.org'], [3, V3, undefined], [4, V1, undefined]] as const).map(([index, backend, hostname]) => route(`misdirected-${index}`, [{ name: 'misdirected', sectionName: `l${index}` } as unknown as string], [{ matches: [prefix('/d')], backendRefs: [to(backend)] }], hostname === undefined ? {} : { hostnames: [hostname] })),
  ], async () => {
    await accepted(...[1, 2, 3, 4].map((index) => `misdirected-${index}`));
    const rows: [string, string, string | number][] = [
      ['example.org', 'example.org', V1], ['example.org', 'second-example.org', 421], ['example.org', 'unknown-example.org', 404], ['second-example.org', 'second-example.org', V2], ['second-example.org', 'example.org', 421], ['second-example.org', 'unknown-example.org', 421],
      ['third-example.wildcard.org', 'third-example.wildcard.org', V3], ['third-example.wildcard.org', 'fith-example.wildcard.org', V3], ['third-example.wildcard.org', 'fourth-example.wildcard.org', 421], ['third-example.wildcard.org', 'second-example.org', 421],
      ['third-example.wildcard.org', 'unknown-example.org', 421], ['fourth-example.wildcard.org', 'fourth-example.wildcard.org', V1], ['fourth-example.wildcard.org', 'fith-example.wildcard.org', 421], ['unknown-example.org', 'example.org', V1], ['unknown-example.org', 'unknown-example.org', 404],
    ];
    const address = await addressOf('misdirected');
    await expectAll(address, rows.map(([sni, host, expected]): [Ask, Expected | string | number] => [{ sni, host, path: '/d' }, expected]));
    // By HTTP/2, of which clients use a connection for all names of its certificate.
    for (const sni of new Set(rows.map(([each]) => each))) {
      const session = connectH2(`https://${address}`, { servername: sni, ca: AUTHORITY_PEM, checkServerIdentity: () => undefined });
      try {
        for (const [, host, expected] of rows.filter(([each]) => each === sni)) {
          const status = await new Promise<unknown>((settle, fail) => { session.on('error', fail); session.request({ ':path': '/d', ':authority': host }).on('response', (answer) => settle(answer[':status'])).on('error', fail).resume().end(); });
          assert.equal(status, typeof expected === 'number' ? expected : 200, `${sni} ${host}`);
        }
      } finally {
        session.destroy();
      }
    }
  });

  behaviour('HTTPListenerMultipleTLSCertsLongestSNIMatching', () => [
    tlsSecret(INFRA, 'one', 'one.example.com'), tlsSecret(INFRA, 'wild', '*.example.com'), gateway('certificates', [{ name: 'one', port: 443, protocol: 'HTTPS', hostname: 'one.example.com', tls: { certificateRefs: [{ name: 'one' }] } }, { name: 'wild', port: 443, protocol: 'HTTPS', hostname: '*.example.com', tls: { certificateRefs: [{ name: 'wild' }] } }]),
    route('certificates', ['certificates'], [{ backendRefs: [to(V1)] }]),
  ], async () => {
    await accepted('certificates');
    const address = await addressOf('certificates');
    await eventually(async () => (await shown(address, 'one.example.com')) === 'DNS:one.example.com' && (await shown(address, 'two.example.com')) === 'DNS:*.example.com');
    assert.equal(await shown(address, 'elsewhere.org'), undefined, 'no listener is for that name');
    // A renewed certificate is shown as soon as it is there.
    const { stringData } = tlsSecret(INFRA, 'one', 'one.example.com', 'renewed.example.com');
    await patch(`/api/v1/namespaces/${INFRA}/secrets/one`, { stringData });
    await eventually(async () => (await shown(address, 'one.example.com')) === 'DNS:one.example.com, DNS:renewed.example.com', { what: 'the renewed certificate' });
  });

  const BY_NAME = ['*.xyz.test.example.com', '*.test.example.com', '*.example.com', 'one.example.com'];
  behaviour('HTTPListenerCertificatesByName', () => [
    ...BY_NAME.map((name, index) => tlsSecret(INFRA, `by-name-${index}`, name)), tlsSecret(INFRA, 'by-name-all', 'shop.org', 'one.other.org'), tlsSecret(INFRA, 'by-name-other', '*.other.org', '*.deep.other.org'),
    gateway('by-name', [
      { name: 'wild', port: 443, protocol: 'HTTPS', hostname: '*.example.com', tls: { certificateRefs: BY_NAME.map((_, index) => ({ name: `by-name-${index}` })) } },
      { name: 'all', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'by-name-all' }] } }, { name: 'other', port: 443, protocol: 'HTTPS', hostname: '*.other.org', tls: { certificateRefs: [{ name: 'by-name-other' }] } },
      { name: 'ended', port: 8443, protocol: 'TLS', hostname: '*.other.org', tls: { mode: 'Terminate', certificateRefs: [{ name: 'by-name-other' }] } },
    ]),
    route('by-name', [{ name: 'by-name', sectionName: 'wild' }], [{ backendRefs: [to(V1)] }]), route('by-name-all', [{ name: 'by-name', sectionName: 'all' }], [{ backendRefs: [to(V2)] }]), route('by-name-other', [{ name: 'by-name', sectionName: 'other' }], [{ backendRefs: [to(V3)] }]),
  ], async () => {
    await accepted('by-name', 'by-name-all', 'by-name-other');
    const address = await addressOf('by-name');
    const expected = { 'abc.xyz.test.example.com': '*.xyz.test.example.com', 'test1.example.com': '*.example.com', 'internal.test.example.com': '*.test.example.com', 'one.example.com': 'one.example.com', 'any.shop.com': 'shop.org, DNS:one.other.org' };
    for (const [name, names] of Object.entries(expected)) await eventually(async () => (await shown(address, name)) === `DNS:${names}`, { what: `the certificate for ${name}` });
    // A name in the certificate of a wider listener does not take it from the one that it falls under.
    for (const [name, port] of [['one.other.org', 443], ['a.deep.other.org', 443], ['a.deep.other.org', 8443]] as const) assert.equal(await shown(address, name, port), 'DNS:*.other.org, DNS:*.deep.other.org', `${name}:${port}`);
    await expectAll(address, [[{ sni: 'abc.xyz.test.example.com', host: 'abc.xyz.test.example.com' }, V1], [{ sni: 'any.shop.com', host: 'any.shop.com' }, V2], [{ sni: 'a.deep.other.org', host: 'a.deep.other.org' }, V3], [{ sni: 'one.other.org', host: 'one.other.org' }, V3]]);
  });

  behaviour('HTTPListenerLocalCertificate', () => [gateway('local', [{ name: 'local', port: 443, protocol: 'HTTPS', hostname: 'shop.localhost' }]), route('local', ['local'], [{ backendRefs: [to(V1)] }])], async () => {
    await accepted('local');
    const address = await addressOf('local');
    const authority = (await get('/api/v1/namespaces/default/configmaps/kube-root-ca.crt')).data['ca.crt'] as string;
    await eventually(async () => (await shown(address, 'shop.localhost')) === 'DNS:shop.localhost');
    const trusted = await new Promise<boolean>((settle, fail) => { const socket = connect({ host: address, port: 443, servername: 'shop.localhost', ca: authority }, () => { settle(socket.authorized); socket.destroy(); }); socket.on('error', fail); });
    assert.ok(trusted, 'signed by the authority of the cluster');
  });
}

export function passthroughs(): void {
  behaviour('TLSRouteSimpleSameNamespace', () => [gateway('tls', [passthrough({ hostname: '*.example.com' })]), tlsRoute('simple', ['tls'], ['abc.example.com'])], async () => {
    await told('simple', { Accepted: 'True', ResolvedRefs: 'True' });
    const address = await addressOf('tls');
    await expect(address, { sni: 'abc.example.com', host: 'abc.example.com' }, { backend: 'tls-backend', check: ({ body }) => assert.equal(body.tls.name, 'abc.example.com') });
    assert.equal(await shown(address, 'other.example.com'), undefined);
    await listener('tls', 'tls', { Accepted: 'True', Programmed: 'True' }, { attachedRoutes: 1, kinds: ['TLSRoute'] });
  });

  behaviour('TLSRouteClientHelloInPieces', () => [gateway('pieces', [passthrough({ hostname: '*.example.com' })]), tlsRoute('pieces', ['pieces'], ['abc.example.com'])], async () => {
    await told('pieces', { Accepted: 'True', ResolvedRefs: 'True' });
    const address = await addressOf('pieces');
    await expect(address, { sni: 'abc.example.com', host: 'abc.example.com' }, { backend: 'tls-backend' });
    // Clients that offer keys of the post-quantum sort begin with more than a packet holds.
    for (const pieceBytes of [6, 100, 300, 1_300]) {
      const inPieces = createServer((from) => {
        const on = connectTcp(443, address);
        on.setNoDelay(true).on('error', () => from.destroy()).pipe(from);
        from.on('error', () => on.destroy()).on('close', () => on.destroy()).once('data', (hello: Buffer) => {
          void (async () => {
            for (let at = 0; at < hello.length; at += pieceBytes) {
              on.write(hello.subarray(at, at + pieceBytes));
              await new Promise((settle) => setTimeout(settle, 2));
            }
            from.pipe(on);
          })();
        });
      });
      await new Promise<void>((settle) => inPieces.listen(0, '127.0.0.1', () => settle()));
      try {
        assert.match(await shown('127.0.0.1', 'abc.example.com', (inPieces.address() as AddressInfo).port) ?? 'nothing', /abc\.example\.com/, `${pieceBytes} bytes at once`);
      } finally {
        inPieces.close();
      }
    }
  });

  behaviour('TLSRouteHostnameIntersection', () => [
    gateway('tls-hosts', [passthrough({ name: 'one', hostname: 'abc.example.com' }), passthrough({ name: 'wild', hostname: '*.example.net' })]),
    tlsRoute('to-one', ['tls-hosts'], ['*.example.com']), tlsRoute('to-wild', ['tls-hosts'], ['other.example.net', 'abc.example.org']), tlsRoute('to-none', ['tls-hosts'], ['abc.example.org']),
  ], async () => {
    await told('to-one', { Accepted: 'True' });
    await told('to-wild', { Accepted: 'True' });
    await told('to-none', { Accepted: 'NoMatchingListenerHostname' });
    const address = await addressOf('tls-hosts');
    await expectAll(address, [[{ sni: 'abc.example.com', host: 'x' }, 'tls-backend'], [{ sni: 'other.example.net', host: 'x' }, 'tls-backend']]);
    for (const name of ['other.example.com', 'abc.example.net', 'abc.example.org']) assert.equal(await shown(address, name), undefined, name);
    // A route for one name beside one for more of them, at listeners for many names: what is behind the other one speaks no TLS.
    const wide = { 'less-wide': '*.example.com', 'more-wide': '*.com', any: undefined } as const;
    for (const [which, hostname] of Object.entries(wide)) {
      for (const [speaks, silent] of [['abc.example.com', 'other.example.com'], ['other.example.com', 'abc.example.com']] as const) {
        const ofOne = tlsRoute('of-one', [which], ['abc.example.com'], speaks === 'abc.example.com' ? undefined : [to(V1)]);
        const ofMore = tlsRoute('of-more', [which], ['*.example.com'], speaks === 'abc.example.com' ? [to(V1)] : undefined);
        await amid([gateway(which, [passthrough(hostname === undefined ? {} : { hostname })]), ofOne, ofMore], async () => {
          for (const each of ['of-one', 'of-more']) await told(each, { Accepted: 'True', ResolvedRefs: 'True' });
          const own = await addressOf(which);
          await eventually(async () => (await shown(own, speaks))?.includes('abc.example.com') === true, { what: `${which}: the backend of ${speaks}` });
          for (const name of [silent, 'non.matching.org']) assert.equal(await shown(own, name), undefined, `${which}: ${name}`);
        });
      }
    }
  });

  for (const [name, reason, backend] of [
    ['TLSRouteInvalidBackendRefNonexistent', 'BackendNotFound', { name: 'nonexistent', port: 443 }], ['TLSRouteInvalidBackendRefUnknownKind', 'InvalidKind', { group: 'unknown.example.com', kind: 'NonExistent', name: 'x', port: 443 }], ['TLSRouteInvalidReferenceGrant', 'RefNotPermitted', { name: 'web-backend', namespace: WEB, port: 8080 }],
  ] as const) {
    behaviour(name, () => [gateway('tls-invalid', [passthrough()]), tlsRoute('invalid', ['tls-invalid'], ['abc.example.com'], [backend])], async () => {
      await told('invalid', { Accepted: 'True', ResolvedRefs: reason });
      assert.equal(await shown(await addressOf('tls-invalid'), 'abc.example.com'), undefined);
    });
  }

  behaviour('TLSRouteInvalidNoMatchingListener', () => [
    gateway('no-tls', [http()]), gateway('https-alone', [{ name: 'tls', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'tls-validity-checks-certificate' }] } }]), gateway('of-other-kind', [passthrough({ allowedRoutes: { kinds: [{ kind: 'HTTPRoute' }] } })]), gateway('passes', [passthrough()]),
    ...['no-tls', 'https-alone', 'of-other-kind'].map((each) => tlsRoute(`to-${each}`, [each], ['abc.example.com'])), tlsRoute('to-no-section', [{ name: 'passes', sectionName: 'nowhere' }], ['abc.example.com']),
  ], async () => {
    for (const each of ['no-tls', 'https-alone', 'of-other-kind']) await told(`to-${each}`, { Accepted: 'NotAllowedByListeners' });
    await told('to-no-section', { Accepted: 'NoMatchingParent' });
    for (const [each, name] of [['no-tls', 'http'], ['https-alone', 'tls'], ['of-other-kind', 'tls'], ['passes', 'tls']] as const) await listener(each, name, {}, { attachedRoutes: 0 });
  });

  // In v1 a route has one rule.
  behaviour('TLSRouteSeveralRules', () => [gateway('tls-rules', [passthrough()]), { ...route('rules', ['tls-rules'], [{ backendRefs: [{ name: 'tls-backend', port: 443 }] }, { backendRefs: [{ name: 'nonexistent', port: 443 }] }], { kind: 'TLSRoute', hostnames: ['abc.example.com'] }), apiVersion: 'gateway.networking.k8s.io/v1alpha2' }], async () => {
    await told('rules', { Accepted: 'True', ResolvedRefs: 'BackendNotFound' });
    await expect(await addressOf('tls-rules'), { sni: 'abc.example.com', host: 'abc.example.com' }, { backend: 'tls-backend' });
  });

  behaviour('TLSRouteTerminateSimpleSameNamespace', () => [tlsSecret(INFRA, 'terminated', 'abc.example.com'), gateway('terminating', [{ name: 'tls', port: 443, protocol: 'TLS', hostname: 'abc.example.com', tls: { certificateRefs: [{ name: 'terminated' }] } }]), tlsRoute('terminated', ['terminating'], ['abc.example.com'], [to(V1)])], async () => {
    await told('terminated', { Accepted: 'True', ResolvedRefs: 'True' });
    const address = await addressOf('terminating');
    await eventually(async () => (await shown(address, 'abc.example.com')) === 'DNS:abc.example.com');
    await expect(address, { sni: 'abc.example.com', host: 'abc.example.com', path: '/bytes' }, { backend: V1, check: ({ body }) => assert.equal(body.headers['x-forwarded-for'], undefined) });
  });

  behaviour('TLSRouteMixedTerminationSameNamespace', () => [
    tlsSecret(INFRA, 'mixed', 'ended.example.com'),
    gateway('mixed', [{ name: 'ended', port: 443, protocol: 'TLS', hostname: 'ended.example.com', tls: { mode: 'Terminate', certificateRefs: [{ name: 'mixed' }] } }, passthrough({ name: 'passed', hostname: 'abc.example.com' })]),
    tlsRoute('mixed-ended', ['mixed'], ['ended.example.com'], [to(V1)]), tlsRoute('mixed-passed', ['mixed'], ['abc.example.com']),
  ], async () => {
    await told('mixed-ended', { Accepted: 'True', ResolvedRefs: 'True' });
    await told('mixed-passed', { Accepted: 'True', ResolvedRefs: 'True' });
    for (const [name, kinds] of [['ended', ['TLSRoute', 'TCPRoute']], ['passed', ['TLSRoute']]] as const) await listener('mixed', name, { Accepted: 'True', Programmed: 'True' }, { attachedRoutes: 1, kinds: [...kinds] });
    await expectAll(await addressOf('mixed'), [[{ sni: 'ended.example.com', host: 'ended.example.com' }, V1], [{ sni: 'abc.example.com', host: 'abc.example.com' }, 'tls-backend']]);
  });

  behaviour('GatewayOverlappingTLSConfigHostnames', () => {
    const https = (name: string, hostname: string, port = 443): object => ({ name, hostname, port, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'overlapping' }] } });
    return [tlsSecret(INFRA, 'overlapping', '*.example.com'), gateway('overlapping', [https('foo', 'foo.example.com'), https('wildcard', '*.example.com'), https('apart', 'foo.example.org'), https('other-port', '*.example.com', 8443), https('wide', '*.example.net'), https('narrow', '*.a.example.net'), https('wide-apart', '*.example.info')])];
  }, async () => {
    for (const name of ['foo', 'wildcard', 'wide', 'narrow']) await listener('overlapping', name, { Accepted: 'True', OverlappingTLSConfig: 'OverlappingHostnames' });
    const { status } = await gatewayOf('overlapping');
    assert.deepEqual(status.listeners.map((each: Body) => [each.name, condition(each, 'OverlappingTLSConfig')?.status]), [['foo', 'True'], ['wildcard', 'True'], ['apart', undefined], ['other-port', undefined], ['wide', 'True'], ['narrow', 'True'], ['wide-apart', undefined]]);
    await patch(pathOf(gateway('overlapping', [])), { spec: { listeners: (await gatewayOf('overlapping')).spec.listeners.filter(({ name }: Body) => name !== 'foo') } });
    await eventually(async () => condition((await gatewayOf('overlapping')).status.listeners.find(({ name }: Body) => name === 'wildcard'), 'OverlappingTLSConfig') === undefined, { what: 'its end' });
  });

  behaviour('GatewayHTTPSAndTLSPassthroughSamePort', () => [
    tlsSecret(INFRA, 'same-port', '*.example.com'),
    gateway('same-port', [passthrough({ hostname: 'abc.example.com' }), { name: 'https', port: 443, protocol: 'HTTPS', hostname: '*.example.com', tls: { certificateRefs: [{ name: 'same-port' }] } }]),
    tlsRoute('same-port', ['same-port'], ['abc.example.com']), route('same-port', ['same-port'], [{ backendRefs: [to(V2)] }], { hostnames: ['terminated.example.com'] }),
  ], async () => {
    await told('same-port', { Accepted: 'True' });
    await accepted('same-port');
    await expectAll(await addressOf('same-port'), [[{ sni: 'abc.example.com', host: 'abc.example.com' }, 'tls-backend'], [{ sni: 'terminated.example.com', host: 'terminated.example.com' }, { backend: V2, check: ({ body }) => assert.match(body.headers['x-forwarded-for'], /^10\./) }]]);
  });
}
