/** Clients that show who they are, and Gateways that do. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { signRequest } from '../../../src/kernel/apiserver/identity/certificates.ts';
import { altNamesOf, nameOf } from '../../../src/modules/gateway/der.ts';
import { eventually } from '../../fixtures/instance.ts';
import { patch, until, type Body } from '../cluster.ts';
import { authorityMap, CA, policy, policySays } from './backend-tls.ts';
import { accepted, addressOf, amid, ask, AUTHORITY_PEM, behaviour, clientCertificate, condition, expect, gateway, gatewayOf, GROUP, http, INFRA, listener, parents, pathOf, prefix, route, strangers, tlsSecret, to, V1, V2, WEB } from './world.ts';

const clientAuthority = (name: string): Body => ({ ...authorityMap(), metadata: { namespace: INFRA, name } });
const caRefs = (...names: string[]): object => ({ caCertificateRefs: names.map((name) => ({ group: '', kind: 'ConfigMap', name })) });
const ownHttps = (port = 443): object => ({ name: `https-${port}`, port, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'clients-certificate' }] } });
const knownBy = (name: string, tls: object, listeners: object[] = [ownHttps()]): Body => gateway(name, listeners, { spec: { tls } });
const gatewaySays = (name: string, type: string): Promise<Body> => gatewayOf(name).then(({ status }) => condition(status, type));

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

  // Who is known at one port is a stranger at the other.
  behaviour('GatewayFrontendClientCertificateValidationByPort', () => [
    clientAuthority('client-ca'), { ...clientAuthority('port-ca'), data: { 'ca.crt': strangers.certificatePem } }, tlsSecret(INFRA, 'clients-certificate', 'shop.example.org'), route('each-port', ['each-port'], [{ backendRefs: [to(V1)] }]),
    knownBy('each-port', { frontend: { default: { validation: caRefs('client-ca') }, perPort: [{ port: 8443, tls: { validation: caRefs('port-ca') } }] } }, [ownHttps(), ownHttps(8443)]),
  ], async () => {
    await accepted('each-port');
    const address = await addressOf('each-port');
    const [usual, ofPort] = [clientCertificate('visitor'), clientCertificate('visitor', strangers)];
    await expect(address, { ...question, ...usual }, { backend: V1 });
    await expect(address, { ...question, ...ofPort, port: 8443 }, { backend: V1 });
    await assert.rejects(ask(address, { ...question, ...usual, port: 8443 }), /unknown ca|alert number 48|ECONNRESET/);
    await assert.rejects(ask(address, { ...question, ...ofPort }), /unknown ca|alert number 48|ECONNRESET/);
  });

  behaviour('GatewayFrontendClusterTrustBundle', () => [
    { apiVersion: 'certificates.k8s.io/v1', kind: 'ClusterTrustBundle', metadata: { name: 'client-authorities' }, spec: { trustBundle: AUTHORITY_PEM } }, tlsSecret(INFRA, 'clients-certificate', 'shop.example.org'), route('bundled', ['bundled'], [{ backendRefs: [to(V1)] }]),
    knownBy('bundled', { frontend: { default: { validation: { caCertificateRefs: [{ group: 'certificates.k8s.io', kind: 'ClusterTrustBundle', name: 'client-authorities' }] } } } }),
  ], async () => {
    await accepted('bundled');
    await listener('bundled', 'https-443', { ResolvedRefs: 'True', Programmed: 'True' });
    const address = await addressOf('bundled');
    await expect(address, { ...question, ...clientCertificate('visitor') }, { backend: V1 });
    await assert.rejects(ask(address, { ...question, ...clientCertificate('visitor', strangers) }), /unknown ca|alert number 48|ECONNRESET/);
  });

  /** Of a Secret: a key of 1,024 bits, which TLS takes for none, and a chain that is broken after the first certificate. */
  const junk = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  behaviour('GatewayCertificatesThatCannotBeUsed', () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 });
    const weakPem = signRequest(strangers, { subject: nameOf('weak.example.org'), publicKey: weak.publicKey.export({ type: 'spki', format: 'der' }), altNames: altNamesOf(['weak.example.org']), usages: ['server auth'] }, Date.now());
    const sound = tlsSecret(INFRA, 'broken-chain', 'shop.example.org');
    const of = (name: string): object => ({ name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name }] } });
    return [
      { ...sound, metadata: { namespace: INFRA, name: 'weak' }, stringData: { 'tls.crt': weakPem, 'tls.key': weak.privateKey.export({ type: 'pkcs8', format: 'pem' }) } }, gateway('weak', [of('weak')]),
      { ...sound, stringData: { ...sound.stringData, 'tls.crt': `${sound.stringData['tls.crt']}${junk}` } }, gateway('broken-chain', [of('broken-chain')]),
      { ...clientAuthority('broken-ca'), data: { 'ca.crt': `${AUTHORITY_PEM}${junk}` } }, { ...clientAuthority('cut-ca'), data: { 'ca.crt': `${AUTHORITY_PEM}-----BEGIN CERTIFICATE-----\nMIIB` } },
      tlsSecret(INFRA, 'clients-certificate', 'shop.example.org'), knownBy('broken-ca', { frontend: { default: { validation: caRefs('broken-ca') } } }), knownBy('cut-ca', { frontend: { default: { validation: caRefs('cut-ca') } } }),
      policy('broken', { name: 'tls-backend' }, { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'broken-ca' }] }), route('to-broken', ['same-namespace'], [{ matches: [prefix('/to-broken')], backendRefs: [{ name: 'tls-backend', port: 443 }] }]),
      route('beside-broken', ['same-namespace'], [{ matches: [prefix('/beside-broken')], backendRefs: [to(V1)] }]),
    ];
  }, async () => {
    for (const name of ['weak', 'broken-chain']) await listener(name, 'https', { ResolvedRefs: 'InvalidCertificateRef', Programmed: 'False' });
    for (const name of ['broken-ca', 'cut-ca']) await listener(name, 'https-443', { ResolvedRefs: 'InvalidCACertificateRef', Accepted: 'NoValidCACertificate' });
    await policySays('broken', 'ResolvedRefs', 'InvalidCACertificateRef');
    // What others ask for is carried all the same.
    await accepted('beside-broken');
    const address = await addressOf('same-namespace');
    await expect(address, { path: '/beside-broken' }, { backend: V1 });
    await expect(address, { path: '/to-broken' }, { status: 500 });
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

  behaviour('GatewayBackendClientCertificateFeature', () => [
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
