/** TLS to backends (BackendTLSPolicy): who they are known by. */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { create, patch, until, type Body } from '../cluster.ts';
import { tlsRoute } from './tls.ts';
import { accepted, addressOf, ask, AUTHORITY_PEM, behaviour, condition, expect, gateway, GROUP, INFRA, parents, pathOf, prefix, remove, route, strangers, tlsSecret } from './world.ts';

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

  behaviour('BackendTLSPolicyReencrypt', () => [authorityMap(), policy('reencrypt', { name: 'tls-backend' }, CA), route('reencrypt', ['same-namespace-with-https-listener'], [{ matches: [prefix('/reencrypt')], backendRefs: [{ name: 'tls-backend', port: 443 }] }])], async () => {
    await accepted('reencrypt');
    await policySays('reencrypt', 'Accepted', 'Accepted');
    await policySays('reencrypt', 'ResolvedRefs', 'ResolvedRefs');
    const asked = 'https-listener.org';
    await expect(await addressOf('same-namespace-with-https-listener'), { host: asked, sni: asked, path: '/reencrypt' }, { backend: 'tls-backend', check: ({ body }) => assert.deepEqual([body.tls.name, body.host, body.headers['x-forwarded-proto']], ['abc.example.com', asked, 'https']) });
  });

  const bundle = (text: string): Body => ({ apiVersion: 'certificates.k8s.io/v1', kind: 'ClusterTrustBundle', metadata: { name: 'backend-authorities' }, spec: { trustBundle: text } });
  behaviour('BackendTLSPolicyClusterTrustBundle', () => [bundle(AUTHORITY_PEM), policy('bundled', { name: 'tls-backend' }, { caCertificateRefs: [{ group: 'certificates.k8s.io', kind: 'ClusterTrustBundle', name: 'backend-authorities' }] }), toTls('bundled')], async () => {
    await policySays('bundled', 'ResolvedRefs', 'ResolvedRefs');
    const address = await addressOf('same-namespace');
    await expect(address, { host: 'abc.example.com' }, { backend: 'tls-backend' });
    await patch(pathOf(bundle('')), { spec: { trustBundle: strangers.certificatePem } });
    await expect(address, { host: 'abc.example.com' }, { status: 503 });
    await remove(bundle(''));
    await policySays('bundled', 'ResolvedRefs', 'InvalidCACertificateRef');
    await expect(address, { host: 'abc.example.com' }, { status: 500 });
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
    await parents('ended', { Accepted: 'True', ResolvedRefs: 'True' }, { plural: 'tlsroutes' });
    await policySays('ended', 'Accepted', 'Accepted');
    const address = await addressOf('ended');
    for (const names of [[], [{ type: 'URI', uri: 'spiffe://abc.example.com/test-identity' }]]) {
      await patch(pathOf(policy('ended', {}, {})), { spec: { validation: { subjectAltNames: names } } });
      await expect(address, { sni: 'ended.example.com', host: 'ended.example.com' }, { backend: 'tls-backend', check: ({ body }) => assert.equal(body.tls.name, 'abc.example.com') });
    }
    await patch(pathOf(policy('ended', {}, {})), { spec: { validation: { subjectAltNames: [{ type: 'URI', uri: 'spiffe://other' }] } } });
    await eventually(() => ask(address, { sni: 'ended.example.com', host: 'ended.example.com' }).then(() => false, () => true), { what: 'a backend that is somebody else' });
  });

  const ports = [443, 444].map((port) => ({ name: `port-${port}`, port, targetPort: 8443 }));
  behaviour('BackendTLSPolicyConflictResolution', () => [
    authorityMap(), { apiVersion: 'v1', kind: 'Service', metadata: { namespace: INFRA, name: 'two-ports' }, spec: { selector: { app: 'tls-backend' }, ports } },
    route('conflicting', ['same-namespace'], ports.map(({ port }) => ({ matches: [prefix(`/${port}`)], backendRefs: [{ name: 'two-ports', port }] }))),
  ], async () => {
    const other = { ...CA, hostname: 'other.example.com' };
    const asked = (path: string, name: string): Promise<void> => addressOf('same-namespace').then((address) => expect(address, { path }, { backend: 'tls-backend', check: ({ body }) => assert.equal(body.tls.name, name) }));
    for (const [target, beside] of [[{}, {}], [{ sectionName: 'port-443' }, { sectionName: 'port-443' }], [{}, { sectionName: 'port-443' }], [{ sectionName: 'port-443' }, {}]] as const) {
      const [older, younger] = [policy('a-older', { name: 'two-ports', ...target }, CA), policy('b-younger', { name: 'two-ports', ...beside }, other)];
      const isConflict = JSON.stringify(target) === JSON.stringify(beside);
      try {
        await create(pathOf(older).replace(/\/[^/]+$/, ''), older);
        await policySays('a-older', 'Accepted', 'Accepted');
        await create(pathOf(younger).replace(/\/[^/]+$/, ''), younger);
        // One for a port and one for the whole Service are not in each other's way: the former has its port, the latter the others.
        await policySays('b-younger', 'Accepted', isConflict ? 'Conflicted' : 'Accepted');
        await policySays('a-older', 'Accepted', 'Accepted');
        await asked('/443', isConflict || 'sectionName' in target ? 'abc.example.com' : 'other.example.com');
        if (!isConflict) await asked('/444', 'sectionName' in target ? 'other.example.com' : 'abc.example.com');
      } finally {
        for (const each of [older, younger]) await remove(each);
      }
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
