/** TLS: HTTPS listeners with certificates by name, passthrough by TLSRoutes, TLS to backends. */
import assert from 'node:assert/strict';
import { connect } from 'node:tls';
import { eventually } from '../../fixtures/instance.ts';
import { create, get, patch, until, type Body } from '../cluster.ts';
import { accepted, addressOf, amid, ask, AUTHORITY_PEM, behaviour, clientCertificate, condition, expect, expectAll, exact, gateway, gatewayOf, GROUP, http, INFRA, listener, parents, pathOf, prefix, route, strangers, tlsSecret, to, V1, V2, V3, WEB, type Ask, type Expected } from './world.ts';

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
      ['fourth-example.wildcard.org', 'fourth-example.wildcard.org', V1], ['fourth-example.wildcard.org', 'fith-example.wildcard.org', 421], ['unknown-example.org', 'example.org', V1], ['unknown-example.org', 'unknown-example.org', 404],
    ];
    await expectAll(await addressOf('misdirected'), rows.map(([sni, host, expected]): [Ask, Expected | string | number] => [{ sni, host, path: '/d' }, expected]));
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
  });

  for (const [name, reason, backend] of [
    ['TLSRouteInvalidBackendRefNonexistent', 'BackendNotFound', { name: 'nonexistent', port: 443 }], ['TLSRouteInvalidBackendRefUnknownKind', 'InvalidKind', { group: 'unknown.example.com', kind: 'NonExistent', name: 'x', port: 443 }], ['TLSRouteInvalidReferenceGrant', 'RefNotPermitted', { name: 'web-backend', namespace: WEB, port: 8080 }],
  ] as const) {
    behaviour(name, () => [gateway('tls-invalid', [passthrough()]), tlsRoute('invalid', ['tls-invalid'], ['abc.example.com'], [backend])], async () => {
      await told('invalid', { Accepted: 'True', ResolvedRefs: reason });
      assert.equal(await shown(await addressOf('tls-invalid'), 'abc.example.com'), undefined);
    });
  }

  behaviour('TLSRouteInvalidNoMatchingListener', () => [gateway('no-tls', [http()]), tlsRoute('unattached', ['no-tls'], ['abc.example.com'])], async () => {
    await told('unattached', { Accepted: 'NotAllowedByListeners' });
  });

  behaviour('TLSRouteSeveralRules', () => [gateway('tls-rules', [passthrough()]), route('rules', ['tls-rules'], [{ backendRefs: [{ name: 'tls-backend', port: 443 }] }, { backendRefs: [{ name: 'nonexistent', port: 443 }] }], { kind: 'TLSRoute', hostnames: ['abc.example.com'] })], async () => {
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
    return [tlsSecret(INFRA, 'overlapping', '*.example.com'), gateway('overlapping', [https('foo', 'foo.example.com'), https('wildcard', '*.example.com'), https('apart', 'foo.example.org'), https('other-port', '*.example.com', 8443)])];
  }, async () => {
    for (const name of ['foo', 'wildcard']) await listener('overlapping', name, { Accepted: 'True', OverlappingTLSConfig: 'OverlappingHostnames' });
    const { status } = await gatewayOf('overlapping');
    assert.deepEqual(status.listeners.map((each: Body) => [each.name, condition(each, 'OverlappingTLSConfig')?.status]), [['foo', 'True'], ['wildcard', 'True'], ['apart', undefined], ['other-port', undefined]]);
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

export const policy = (name: string, target: object, validation: object): Body => ({ apiVersion: GROUP, kind: 'BackendTLSPolicy', metadata: { namespace: INFRA, name }, spec: { targetRefs: [{ group: '', kind: 'Service', ...target }], validation: { hostname: 'abc.example.com', ...validation } } });
export const authorityMap = (): Body => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: INFRA, name: 'backend-ca' }, data: { 'ca.crt': AUTHORITY_PEM } });
export const CA = { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'backend-ca' }] };
export const policySays = (name: string, type: string, reason: string): Promise<Body> => until(pathOf(policy(name, {}, {})), ({ status, metadata }) => status?.ancestors?.length > 0 && status.ancestors.every((each: Body) => condition(each, type)?.reason === reason && condition(each, type).observedGeneration === metadata.generation));
const toTls = (name: string): Body => route(name, ['same-namespace'], [{ matches: [prefix('/')], backendRefs: [{ name: 'tls-backend', port: 443 }] }]);

export function backendTls(): void {
  behaviour('BackendTLSPolicy', () => [authorityMap(), policy('verified', { name: 'tls-backend', sectionName: 'https' }, CA), toTls('verified')], async () => {
    await policySays('verified', 'Accepted', 'Accepted');
    await policySays('verified', 'ResolvedRefs', 'ResolvedRefs');
    await accepted('verified');
    const address = await addressOf('same-namespace');
    await expect(address, { host: 'abc.example.com' }, { backend: 'tls-backend', check: ({ body }) => assert.deepEqual([body.tls.name, body.host], ['abc.example.com', 'abc.example.com']) });
    // A backend that shows another name is not spoken to.
    await patch(pathOf(policy('verified', {}, {})), { spec: { validation: { hostname: 'mismatch.example.com' } } });
    await expect(address, {}, { status: 503 });
  });

  for (const [name, ref, resolved, setUp] of [
    ['BackendTLSPolicyInvalidCACertificateRef', { group: '', kind: 'ConfigMap', name: 'nonexistent' }, 'InvalidCACertificateRef', []],
    ['BackendTLSPolicyInvalidKind', { group: 'unknown.example.com', kind: 'NonExistent', name: 'x' }, 'InvalidKind', []],
  ] as const) {
    behaviour(name, () => [...setUp, policy('invalid', { name: 'tls-backend' }, { caCertificateRefs: [ref] }), toTls('invalid')], async () => {
      await policySays('invalid', 'Accepted', 'NoValidCACertificate');
      await policySays('invalid', 'ResolvedRefs', resolved);
      await expect(await addressOf('same-namespace'), {}, { status: 500 });
    });
  }

  behaviour('BackendTLSPolicySANValidation', () => [authorityMap(), policy('alternative', { name: 'tls-backend' }, { ...CA, subjectAltNames: [{ type: 'Hostname', hostname: 'abc.example.com' }] }), toTls('alternative')], async () => {
    await policySays('alternative', 'Accepted', 'Accepted');
    const address = await addressOf('same-namespace');
    await expect(address, {}, { backend: 'tls-backend', check: ({ body }) => assert.equal(body.tls.name, 'abc.example.com') });
    const [good, bad] = ['spiffe://abc.example.com/test-identity', 'spiffe://def.example.com/test-identity'].map((uri) => ({ type: 'URI', uri }));
    const [other, unknown] = ['other.example.com', 'def.example.com'].map((hostname) => ({ type: 'Hostname', hostname }));
    for (const [names, status] of [[[unknown], 503], [[good], 200], [[bad], 503], [[bad, other], 200], [[bad, unknown], 503]] as const) {
      await patch(pathOf(policy('alternative', {}, {})), { spec: { validation: { hostname: 'asked.example.com', subjectAltNames: names } } });
      await policySays('alternative', 'Accepted', 'Accepted');
      await expect(address, {}, { status, ...(status === 200 ? { backend: 'tls-backend', check: ({ body }) => assert.equal(body.tls.name, 'asked.example.com') } : {}) });
    }
  });

  behaviour('BackendTLSPolicyTLSRouteTerminate', () => [
    authorityMap(), policy('ended', { name: 'tls-backend' }, CA), tlsSecret(INFRA, 'ended', 'ended.example.com'), gateway('ended', [{ name: 'tls', port: 443, protocol: 'TLS', tls: { mode: 'Terminate', certificateRefs: [{ name: 'ended' }] } }]), tlsRoute('ended', ['ended'], ['ended.example.com']),
  ], async () => {
    await told('ended', { Accepted: 'True', ResolvedRefs: 'True' });
    await policySays('ended', 'Accepted', 'Accepted');
    const address = await addressOf('ended');
    for (const names of [[], [{ type: 'URI', uri: 'spiffe://abc.example.com/test-identity' }]]) {
      await patch(pathOf(policy('ended', {}, {})), { spec: { validation: { subjectAltNames: names } } });
      await expect(address, { sni: 'ended.example.com', host: 'ended.example.com' }, { backend: 'tls-backend', check: ({ body }) => assert.equal(body.tls.name, 'abc.example.com') });
    }
    await patch(pathOf(policy('ended', {}, {})), { spec: { validation: { subjectAltNames: [{ type: 'URI', uri: 'spiffe://other' }] } } });
    await eventually(() => ask(address, { sni: 'ended.example.com', host: 'ended.example.com' }).then(() => false, () => true), { what: 'a backend that is somebody else' });
  });

  behaviour('BackendTLSPolicyConflictResolution', () => [authorityMap(), toTls('conflicting')], async () => {
    const [older, younger] = [policy('a-older', { name: 'tls-backend' }, CA), policy('b-younger', { name: 'tls-backend' }, { ...CA, hostname: 'other.example.com' })];
    try {
      await create(pathOf(older).replace(/\/[^/]+$/, ''), older);
      await policySays('a-older', 'Accepted', 'Accepted');
      await create(pathOf(younger).replace(/\/[^/]+$/, ''), younger);
      await policySays('b-younger', 'Accepted', 'Conflicted');
      await expect(await addressOf('same-namespace'), {}, { backend: 'tls-backend', check: ({ body }) => assert.equal(body.tls.name, 'abc.example.com') });
    } finally {
      for (const each of [older, younger]) await removeOne(each);
    }
  });

  behaviour('BackendTLSPolicyObservedGenerationBump', () => [authorityMap(), policy('generation', { name: 'tls-backend' }, CA), toTls('generation')], async () => {
    await policySays('generation', 'Accepted', 'Accepted');
    await patch(pathOf(policy('generation', {}, {})), { spec: { validation: { hostname: 'other.example.com' } } });
    const { metadata } = await policySays('generation', 'Accepted', 'Accepted');
    assert.equal(metadata.generation, 2);
    await expect(await addressOf('same-namespace'), {}, { backend: 'tls-backend', check: ({ body }) => assert.equal(body.tls.name, 'other.example.com') });
  });
}

const clientAuthority = (name: string): Body => ({ ...authorityMap(), metadata: { namespace: INFRA, name } });
const caRefs = (...names: string[]): object => ({ caCertificateRefs: names.map((name) => ({ group: '', kind: 'ConfigMap', name })) });
const ownHttps = (port = 443): object => ({ name: `https-${port}`, port, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'clients-certificate' }] } });
const knownBy = (name: string, tls: object, listeners: object[] = [ownHttps()]): Body => gateway(name, listeners, { spec: { tls } });
const gatewaySays = (name: string, type: string): Promise<Body> => gatewayOf(name).then(({ status }) => condition(status, type));

/** Clients that show who they are, and Gateways that do. */
export function clientCertificates(): void {
  const question = { sni: 'shop.example.org', host: 'shop.example.org' };

  behaviour('GatewayFrontendClientCertificateValidation', () => [
    clientAuthority('client-ca'), tlsSecret(INFRA, 'clients-certificate', 'shop.example.org'), route('known', ['known'], [{ backendRefs: [to(V1)] }]),
    knownBy('known', { frontend: { default: { validation: caRefs('client-ca') }, perPort: [{ port: 8443, tls: { validation: { ...caRefs('client-ca'), mode: 'AllowInsecureFallback' } } }, { port: 9443, tls: {} }] } }, [ownHttps(), ownHttps(8443), ownHttps(9443)]),
  ], async () => {
    await accepted('known');
    const address = await addressOf('known');
    await expect(address, { ...question, ...clientCertificate('visitor') }, { backend: V1 });
    await assert.rejects(ask(address, question), /certificate required|alert number 116|ECONNRESET/);
    await assert.rejects(ask(address, { ...question, ...clientCertificate('visitor', strangers) }), /unknown ca|alert number 48|ECONNRESET/);
    for (const shown of [{}, clientCertificate('visitor'), clientCertificate('visitor', strangers)]) await expect(address, { ...question, ...shown, port: 8443 }, { backend: V1 });
    await expect(address, { ...question, port: 9443 }, { backend: V1 });
    assert.deepEqual([(await gatewaySays('known', 'InsecureFrontendValidationMode')).status, (await gatewaySays('known', 'InsecureFrontendValidationMode')).reason], ['True', 'ConfigurationChanged']);
    await patch(pathOf(gateway('known', [])), { spec: { tls: { frontend: { perPort: null } } } });
    await eventually(async () => (await gatewaySays('known', 'InsecureFrontendValidationMode')) === undefined, { what: 'the end of the warning' });
    await eventually(async () => ask(address, { ...question, port: 8443 }).then(() => false, () => true), { what: 'a port that wants certificates too' });
  });

  behaviour('GatewayFrontendClientCertificateValidationInsecureFallback', () => [
    clientAuthority('client-ca'), tlsSecret(INFRA, 'clients-certificate', 'shop.example.org'), route('anybody', ['anybody'], [{ backendRefs: [to(V1)] }]),
    knownBy('anybody', { frontend: { default: { validation: { ...caRefs('client-ca'), mode: 'AllowInsecureFallback' } }, perPort: [{ port: 8443, tls: { validation: { ...caRefs('client-ca'), mode: 'AllowInsecureFallback' } } }] } }, [ownHttps(), ownHttps(8443)]),
  ], async () => {
    await accepted('anybody');
    assert.deepEqual([(await gatewaySays('anybody', 'InsecureFrontendValidationMode')).status, (await gatewaySays('anybody', 'InsecureFrontendValidationMode')).reason], ['True', 'ConfigurationChanged']);
    const address = await addressOf('anybody');
    for (const port of [443, 8443]) for (const shown of [clientCertificate('visitor'), clientCertificate('visitor', strangers), {}]) await expect(address, { ...question, ...shown, port }, { backend: V1 });
  });

  behaviour('GatewayInvalidFrontendClientCertificateValidation', () => [
    clientAuthority('client-ca'), { ...clientAuthority('foreign-client-ca'), metadata: { namespace: WEB, name: 'foreign-client-ca' } }, tlsSecret(INFRA, 'clients-certificate', 'shop.example.org'), route('by-port', ['by-port'], [{ backendRefs: [to(V1)] }]),
    knownBy('by-port', { frontend: { default: { validation: caRefs('client-ca') }, perPort: [
      { port: 7443, tls: { validation: caRefs('nonexistent') } }, { port: 8443, tls: { validation: { caCertificateRefs: [{ group: '', kind: 'Service', name: V2 }] } } },
      { port: 6443, tls: { validation: { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'foreign-client-ca', namespace: WEB }] } } },
    ] } }, [ownHttps(), ownHttps(7443), ownHttps(8443), ownHttps(6443)]),
  ], async () => {
    await listener('by-port', 'https-443', { ResolvedRefs: 'True', Accepted: 'True', Programmed: 'True' });
    for (const [port, reason] of [[7443, 'InvalidCACertificateRef'], [8443, 'InvalidCACertificateKind'], [6443, 'RefNotPermitted']] as const) {
      await listener('by-port', `https-${port}`, { ResolvedRefs: reason, Accepted: 'NoValidCACertificate', Programmed: 'False' });
    }
    const address = await addressOf('by-port');
    await expect(address, { ...question, ...clientCertificate('visitor') }, { backend: V1 });
    for (const port of [7443, 8443, 6443]) await assert.rejects(ask(address, { ...question, ...clientCertificate('visitor'), port }), `port ${port} lets nobody in`);
    const grant = { apiVersion: GROUP.replace('v1', 'v1beta1'), kind: 'ReferenceGrant', metadata: { namespace: WEB, name: 'client-ca' }, spec: { from: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: INFRA }], to: [{ group: '', kind: 'ConfigMap' }] } };
    await amid([grant], async () => {
      await listener('by-port', 'https-6443', { ResolvedRefs: 'True', Accepted: 'True', Programmed: 'True' });
      await expect(address, { ...question, ...clientCertificate('visitor'), port: 6443 }, { backend: V1 });
    });
  });

  behaviour('GatewayFrontendInvalidDefaultClientCertificateValidation', () => [
    tlsSecret(INFRA, 'clients-certificate', 'shop.example.org'), clientAuthority('client-ca'), bothWith('unknown-ca', caRefs('nonexistent')), bothWith('unknown-kind', { caCertificateRefs: [{ group: 'x.example.com', kind: 'Authority', name: 'x' }] }),
    bothWith('foreign-ca', { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'client-ca', namespace: WEB }] }), bothWith('half-known', caRefs('client-ca', 'nonexistent')),
  ], async () => {
    for (const [name, reason] of [['unknown-ca', 'InvalidCACertificateRef'], ['unknown-kind', 'InvalidCACertificateKind'], ['foreign-ca', 'RefNotPermitted']] as const) {
      await listener(name, 'https-443', { ResolvedRefs: reason, Accepted: 'NoValidCACertificate', Programmed: 'False' });
      await listener(name, 'http', { ResolvedRefs: 'True', Accepted: 'True', Programmed: 'True' });
    }
    await listener('half-known', 'https-443', { ResolvedRefs: 'InvalidCACertificateRef', Accepted: 'True', Programmed: 'True' });
  });

  const shows = (name: string, ref: object): Body => knownBy(name, { backend: { clientCertificateRef: ref } }, [http()]);
  const gatewaySecret = (): Body => { const { cert, key } = clientCertificate('the-gateway'); return { ...tlsSecret(INFRA, 'gateway-client', 'x'), stringData: { 'tls.crt': cert, 'tls.key': key } }; };

  behaviour('GatewayBackendClientCertificate', () => [
    authorityMap(), policy('shown', { name: 'tls-backend' }, CA), gatewaySecret(), shows('shows', { name: 'gateway-client' }),
    route('shown', ['shows', 'same-namespace'], [{ matches: [prefix('/shown')], backendRefs: [{ name: 'tls-backend', port: 443 }] }]),
  ], async () => {
    await parents('shown', { Accepted: 'True', ResolvedRefs: 'True' }, { count: 2 });
    await expect(await addressOf('shows'), { path: '/shown' }, { backend: 'tls-backend', check: ({ body }) => assert.equal(body.tls.client, 'the-gateway') });
    await expect(await addressOf('same-namespace'), { path: '/shown' }, { backend: 'tls-backend', check: ({ body }) => assert.equal(body.tls.client, undefined) });
    assert.equal((await gatewaySays('shows', 'ResolvedRefs')).status, 'True');
  });

  behaviour('GatewayInvalidTLSBackendConfiguration', () => [shows('shows-nothing', { name: 'nonexistent' }), shows('shows-unknown', { group: 'x.example.com', kind: 'Key', name: 'x' }), shows('shows-foreign', { name: 'x', namespace: WEB })], async () => {
    for (const [name, reason] of [['shows-nothing', 'InvalidClientCertificateRef'], ['shows-unknown', 'InvalidClientCertificateRef'], ['shows-foreign', 'RefNotPermitted']] as const) {
      await until(pathOf(gateway(name, [])), ({ status }) => condition(status, 'ResolvedRefs')?.reason === reason);
    }
  });
}

/** A Gateway with a listener of each sort, whose clients are to be known so. */
const bothWith = (name: string, validation: object): Body => knownBy(name, { frontend: { default: { validation } } }, [ownHttps(), http()]);

async function removeOne(object: Body): Promise<void> {
  const { remove } = await import('./world.ts');
  await remove(object);
}
