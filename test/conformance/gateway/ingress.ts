/** Ingress, as its reference says it (networking.k8s.io/v1): paths, hosts, TLS, default backends, classes. */
import assert from 'node:assert/strict';
import { get, kubectl, until, type Body } from '../cluster.ts';
import { ask, behaviour, expect, expectAll, INFRA, pathOf, tlsSecret, V1, V2, V3 } from './world.ts';

const service = (name: string, port: object = { number: 8080 }): object => ({ service: { name, port } });
const at = (path: string, pathType: string, backend: object): object => ({ path, pathType, backend });

function ingress(name: string, spec: object, metadata: object = {}): Body {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { namespace: INFRA, name, ...metadata }, spec };
}

/** The address that all Ingresses of the class share. */
async function addressOf(name: string): Promise<string> {
  const { status } = await until(pathOf(ingress(name, {})), (object) => object.status?.loadBalancer?.ingress?.[0]?.ip !== undefined);
  return status.loadBalancer.ingress[0].ip as string;
}

const rules = (name: string, host: string | undefined, paths: object[], more: object = {}, metadata: object = {}): Body => ingress(name, { rules: [{ ...(host === undefined ? {} : { host }), http: { paths } }], ...more }, metadata);

export function ingresses(): void {
  behaviour('IngressPathTypes', () => [rules('paths', 'paths.example', [
    at('/foo', 'Exact', service(V1)), at('/aaa/bbb', 'Prefix', service(V2)), at('/aaa/bbb/ccc', 'Prefix', service(V3)), at('/any', 'ImplementationSpecific', service(V1, { name: 'first-port' })),
  ]), rules('mixed', 'mixed.example', [at('/foo', 'Prefix', service(V1)), at('/foo', 'Exact', service(V2))]), rules('slashes', 'slashes.example', [at('/aaa/bbb/', 'Prefix', service(V1)), at('/foo/', 'Exact', service(V2))])], async () => {
    const host = 'paths.example';
    await expectAll(await addressOf('paths'), [
      [{ host, path: '/foo' }, V1], [{ host, path: '/foo/' }, 404], [{ host, path: '/bar' }, 404], [{ host, path: '/aaa/bbb' }, V2], [{ host, path: '/aaa/bbb/' }, V2], [{ host, path: '/aaa/bbb/x' }, V2], [{ host, path: '/aaa/bbbxyz' }, 404],
      [{ host, path: '/aaa/bbb/ccc' }, V3], [{ host, path: '/any/thing' }, V1], [{ host: 'other.example', path: '/foo' }, 404],
      [{ host, path: '/FOO' }, 404], [{ host, path: '/AAA/bbb' }, 404], [{ host, path: '/aaa/bb' }, 404],
    ]);
    const [mixed, slashes] = ['mixed.example', 'slashes.example'];
    await expectAll(await addressOf('slashes'), [
      [{ host: mixed, path: '/foo' }, V2], [{ host: mixed, path: '/foo/' }, V1], [{ host: mixed, path: '/foo/x' }, V1],
      [{ host: slashes, path: '/aaa/bbb' }, V1], [{ host: slashes, path: '/aaa/bbb/' }, V1], [{ host: slashes, path: '/aaa/bbb/x' }, V1], [{ host: slashes, path: '/foo/' }, V2], [{ host: slashes, path: '/foo' }, 404], [{ host: slashes, path: '/foo/x' }, 404],
    ]);
    await expect(await addressOf('slashes'), { host: slashes, path: '/aaa/bbb' }, { backend: V1, check: ({ body }) => assert.equal(body.path, '/aaa/bbb') });
  });

  behaviour('IngressHosts', () => [rules('precise', 'a.hosts.example', [at('/', 'Prefix', service(V1))]), rules('wildcard', '*.hosts.example', [at('/', 'Prefix', service(V2))]), rules('any', undefined, [at('/any-host', 'Prefix', service(V3))])], async () => {
    await expectAll(await addressOf('precise'), [
      [{ host: 'a.hosts.example' }, V1], [{ host: 'b.hosts.example' }, V2], [{ host: 'a.b.hosts.example' }, 404], [{ host: 'hosts.example' }, 404], [{ host: 'elsewhere.example', path: '/any-host' }, V3], [{ host: 'A.HOSTS.example:80' }, V1],
    ]);
  });

  behaviour('IngressTLS', () => [
    tlsSecret(INFRA, 'ingress-tls', 'tls.example'), rules('tls', 'tls.example', [at('/', 'Prefix', service(V1))], { tls: [{ hosts: ['tls.example'], secretName: 'ingress-tls' }] }, { annotations: { 'llmos.dev/ssl-redirect': 'true' } }),
    rules('local', 'shop.localhost', [at('/', 'Prefix', service(V2))], { tls: [{ hosts: ['shop.localhost'] }] }),
    tlsSecret(INFRA, 'ingress-tls-of-all', 'of-all.example'), rules('of-all', 'of-all.example', [at('/', 'Prefix', service(V3))], { tls: [{ secretName: 'ingress-tls-of-all' }] }, { annotations: { 'llmos.dev/ssl-redirect': 'true' } }),
  ], async () => {
    const address = await addressOf('tls');
    await expect(address, { host: 'tls.example', sni: 'tls.example' }, { backend: V1, check: ({ body }) => assert.equal(body.headers['x-forwarded-proto'], 'https') });
    await expect(address, { host: 'tls.example', path: '/x?y=z' }, { status: 308, check: ({ headers }) => assert.equal(headers.location, 'https://tls.example/x?y=z') });
    await expect(address, { host: 'shop.localhost' }, { backend: V2 });
    await expect(address, { host: 'of-all.example', sni: 'of-all.example' }, { backend: V3 });
    await expect(address, { host: 'of-all.example' }, { status: 308, check: ({ headers }) => assert.equal(headers.location, 'https://of-all.example/') });
    const { connect } = await import('node:tls');
    const ca = (await get('/api/v1/namespaces/default/configmaps/kube-root-ca.crt')).data['ca.crt'] as string;
    const name = await new Promise((settle, fail) => { const socket = connect({ host: address, port: 443, servername: 'shop.localhost', ca }, () => { settle(socket.getPeerCertificate().subjectaltname); socket.destroy(); }); socket.on('error', fail); });
    assert.equal(name, 'DNS:shop.localhost');
  });

  behaviour('IngressTLSThatCannotBe', () => [
    rules('no-secret', 'no-secret.example', [at('/', 'Prefix', service(V1))], { tls: [{ hosts: ['no-secret.example'], secretName: 'not-there' }] }),
    tlsSecret(INFRA, 'for-another', 'another.example'), rules('not-named', 'not-named.example', [at('/', 'Prefix', service(V2))], { tls: [{ hosts: ['not-named.example'], secretName: 'for-another' }] }),
  ], async () => {
    await expectAll(await addressOf('no-secret'), [[{ host: 'no-secret.example' }, V1], [{ host: 'not-named.example', sni: 'not-named.example' }, V2]]);
    for (const [name, reason, message] of [['no-secret', 'CertificateNotUsable', /not-there' not found/], ['not-named', 'CertificateForOtherNames', /for-another' is for another.example/]] as const) {
      await until(`/api/v1/namespaces/${INFRA}/events?fieldSelector=involvedObject.name%3D${name},reason%3D${reason}`, ({ items }) => items.length > 0 && items.every((each: Body) => each.type === 'Warning' && message.test(each.message)));
    }
  });

  behaviour('IngressDefaultBackend', () => [ingress('all', { defaultBackend: service(V3) }), rules('shared', 'shared.example', [at('/', 'Prefix', service('both'))]), rules('some', 'some.example', [at('/one', 'Exact', service(V1))], { defaultBackend: service(V2) }),
    // The one that is older says what it has by default, the other one has a rule for that.
    rules('before', 'before.example', [at('/one', 'Prefix', service(V1))], { defaultBackend: service(V2) }), rules('behind', 'before.example', [at('/', 'Prefix', service(V3))])], async () => {
    await expectAll(await addressOf('behind'), [[{ host: 'before.example', path: '/one' }, V1], [{ host: 'before.example', path: '/two' }, V3]]);
    await expectAll(await addressOf('all'), [[{ host: 'whatever.example', path: '/x' }, V3], [{ host: 'some.example', path: '/one' }, V1], [{ host: 'some.example', path: '/two' }, V2]]);
    const all = await addressOf('all');
    for (const [method, host, path] of [['GET', 'my-host', '/sub-path'], ['POST', 'some-host', '/'], ['PUT', all, '/resource'], ['DELETE', 'some-host', '/resource'], ['PATCH', 'my-host', '/resource']] as const) {
      await expect(all, { method, host, path }, { backend: V3, check: ({ body }) => assert.deepEqual([body.method, body.path, body.host, body.proto], [method, path, host, 'HTTP/1.1']) });
    }
    const address = await addressOf('shared');
    await expect(address, { host: 'shared.example' }, {});
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask(address, { host: 'shared.example' })));
    assert.deepEqual([...new Set(answers.map(({ status, body }) => `${status} ${body.pod}`))].sort(), (await get(`/api/v1/namespaces/${INFRA}/pods?labelSelector=group%3Dboth`)).items.map(({ metadata }: Body) => `200 ${metadata.name}`).sort());
  });

  behaviour('IngressBackendThatIsNotThere', () => [rules('missing', 'missing.example', [at('/none', 'Prefix', service('nonexistent')), at('/port', 'Prefix', service(V1, { number: 99 })), at('/', 'Prefix', service(V1))])], async () => {
    const host = 'missing.example';
    await expectAll(await addressOf('missing'), [[{ host, path: '/none' }, 503], [{ host, path: '/port' }, 503], [{ host }, V1]]);
  });

  behaviour('IngressOfAnotherClass', () => [
    { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name: 'other' }, spec: { controller: 'example.com/other' } }, rules('others', 'class.example', [at('/', 'Prefix', service(V1))], { ingressClassName: 'other' }),
    rules('ours', 'ours.example', [at('/', 'Prefix', service(V2))]), ingress('by-annotation', { rules: [{ host: 'annotated.example', http: { paths: [at('/', 'Prefix', service(V3))] } }] }, { annotations: { 'kubernetes.io/ingress.class': 'llmos' } }),
  ], async () => {
    const address = await addressOf('ours');
    assert.equal((await get(pathOf(ingress('ours', {})))).spec.ingressClassName, 'llmos');
    await expectAll(address, [[{ host: 'ours.example' }, V2], [{ host: 'annotated.example' }, V3], [{ host: 'class.example' }, 404]]);
    assert.deepEqual((await get(pathOf(ingress('others', {})))).status.loadBalancer, {});
    assert.match(await kubectl('get', 'ingress', '-n', INFRA, 'ours'), new RegExp(`llmos +ours.example +${address}`));
  });

  behaviour('IngressThatIsGone', () => [], async () => {
    await until('/api/v1/namespaces/kube-system/services', ({ items }) => items.every((each: Body) => each.metadata.name !== 'llmos-ingress'));
    assert.equal((await get('/apis/networking.k8s.io/v1/ingresses')).items.length, 0);
  });
}
