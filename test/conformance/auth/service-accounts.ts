/** [sig-auth] ServiceAccounts */
import assert from 'node:assert/strict';
import { createPublicKey, verify, type JsonWebKey } from 'node:crypto';
import { behaviour, call, create, get, gone, kubectl, namespace, ok, patch, podOf, put, remove, until, watch, type Body } from '../cluster.ts';

const MOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

const accountsOf = (space: string): string => `/api/v1/namespaces/${space}/serviceaccounts`;

async function running(space: string, pod: Body): Promise<Body> {
  await create(`/api/v1/namespaces/${space}/pods`, pod);
  return until(`/api/v1/namespaces/${space}/pods/${pod.metadata.name}`, ({ status }) => status.phase === 'Running');
}

function tokenOf(space: string, name: string, spec: object = {}): Promise<Body> {
  return create(`${accountsOf(space)}/${name}/token`, { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec });
}

function mountsToken(pod: Body): boolean {
  return pod.spec.containers.every((each: Body) => each.volumeMounts?.some((mount: Body) => mount.mountPath === MOUNT) === true);
}

export function serviceAccounts(): void {
  behaviour('ServiceAccounts should mount an API token into pods', async () => {
    const space = await namespace();
    await create(accountsOf(space), { metadata: { name: 'mount-test' } });
    const pod = podOf('mounted', { spec: { serviceAccountName: 'mount-test' } });
    pod.spec.containers = ['one', 'two', 'three'].map((name) => ({ ...pod.spec.containers[0], name }));
    await running(space, pod);
    const read = (container: string, file: string): Promise<string> => kubectl('-n', space, 'exec', 'mounted', '-c', container, '--', 'cat', `${MOUNT}/${file}`);
    const token = await read('one', 'token');
    const review = await create('/apis/authentication.k8s.io/v1/tokenreviews', { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } });
    assert.deepEqual([review.status.authenticated, review.status.user.username], [true, `system:serviceaccount:${space}:mount-test`]);
    assert.equal((await read('two', 'ca.crt')).trim(), (await get(`/api/v1/namespaces/${space}/configmaps/kube-root-ca.crt`)).data['ca.crt'].trim());
    assert.equal(await read('three', 'namespace'), space);
  });

  behaviour('ServiceAccounts should allow opting out of API token automount', async () => {
    const space = await namespace();
    const accounts: [string, boolean | undefined][] = [['default', undefined], ['mount', true], ['nomount', false]];
    for (const [name, automountServiceAccountToken] of accounts.slice(1)) await create(accountsOf(space), { metadata: { name }, automountServiceAccountToken });
    for (const [account, ofAccount] of accounts) {
      for (const ofPod of [undefined, true, false]) {
        const made = await create(`/api/v1/namespaces/${space}/pods`, podOf(`pod-${account}-${ofPod}`, { spec: { serviceAccountName: account, automountServiceAccountToken: ofPod, nodeName: 'none' } }));
        assert.equal(mountsToken(made), ofPod ?? ofAccount ?? true, `${account} ${ofPod}`);
      }
    }
  });

  behaviour('ServiceAccounts should mount projected service account token', async () => {
    const space = await namespace();
    const pod = podOf('projected', {
      spec: { volumes: [{ name: 'token', projected: { defaultMode: 0o400, sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 3600, audience: 'elsewhere' } }] } }] },
      container: { volumeMounts: [{ name: 'token', mountPath: '/test' }] },
    });
    await running(space, pod);
    const [, claims = ''] = (await kubectl('-n', space, 'exec', 'projected', '--', 'cat', '/test/token')).split('.');
    const { aud, sub } = JSON.parse(Buffer.from(claims, 'base64url').toString());
    assert.deepEqual([aud, sub], [['elsewhere'], `system:serviceaccount:${space}:default`]);
  });

  behaviour('ServiceAccounts ServiceAccountIssuerDiscovery should support OIDC discovery of service account issuer', async () => {
    const space = await namespace();
    const { status } = await tokenOf(space, 'default', { audiences: ['oidc-discovery-test'] });
    const ask = { token: (await tokenOf(space, 'default')).status.token as string };
    const config = await ok('GET', '/.well-known/openid-configuration', ask);
    const { keys } = await ok('GET', new URL(config.jwks_uri).pathname, ask);
    const [head, claims, signature] = status.token.split('.') as [string, string, string];
    const parse = (text: string): Body => JSON.parse(Buffer.from(text, 'base64url').toString());
    assert.equal(parse(claims).iss, config.issuer);
    assert.deepEqual(parse(claims).aud, ['oidc-discovery-test']);
    const key = keys.find((each: Body) => each.kid === parse(head).kid) as JsonWebKey;
    assert.ok(verify('sha256', Buffer.from(`${head}.${claims}`), { key: createPublicKey({ key, format: 'jwk' }), dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')));
    assert.equal((await call('GET', '/.well-known/openid-configuration', { token: 'no.such.token' })).code, 401);
  });

  behaviour('ServiceAccounts should create a serviceAccountToken and ensure a successful TokenReview', async () => {
    const space = await namespace();
    await create(accountsOf(space), { metadata: { name: 'reviewed' } });
    const { status } = await tokenOf(space, 'reviewed');
    assert.notEqual(status.token, '');
    const review = await create('/apis/authentication.k8s.io/v1/tokenreviews', { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: status.token } });
    assert.deepEqual([review.status.authenticated, review.status.error], [true, undefined]);
  });

  behaviour('ServiceAccounts should run through the lifecycle of a ServiceAccount', async () => {
    const space = await namespace();
    const path = accountsOf(space);
    const events = await watch(`${path}?labelSelector=test-serviceaccount-static%3Dtrue`);
    await create(path, { metadata: { name: 'testserviceaccount', labels: { 'test-serviceaccount-static': 'true' } } });
    await events.nextOf('ADDED');
    assert.equal((await patch(`${path}/testserviceaccount`, { automountServiceAccountToken: false }, 'strategic-merge-patch')).automountServiceAccountToken, false);
    await events.nextOf('MODIFIED');
    const found = (await get('/api/v1/serviceaccounts?labelSelector=test-serviceaccount-static%3Dtrue')).items;
    assert.deepEqual(found.map((each: Body) => [each.metadata.name, each.automountServiceAccountToken]), [['testserviceaccount', false]]);
    await ok('DELETE', `${path}?labelSelector=test-serviceaccount-static%3Dtrue`);
    await events.nextOf('DELETED');
    events.close();
  });

  behaviour('ServiceAccounts should guarantee kube-root-ca.crt exist in any namespace', async () => {
    const space = await namespace();
    const path = `/api/v1/namespaces/${space}/configmaps/kube-root-ca.crt`;
    const first = await until(path, () => true);
    await remove(path);
    await until(path, ({ metadata }) => metadata.uid !== first.metadata.uid);
    await put(path, { metadata: { name: 'kube-root-ca.crt' }, data: { 'ca.crt': '' } });
    await until(path, ({ data }) => data?.['ca.crt'] === first.data['ca.crt']);
  });

  behaviour('ServiceAccounts should update a ServiceAccount', async () => {
    const space = await namespace();
    const made = await create(accountsOf(space), { metadata: { name: 'updated' } });
    assert.equal((await put(`${accountsOf(space)}/updated`, { ...made, automountServiceAccountToken: true })).automountServiceAccountToken, true);
    await remove(`${accountsOf(space)}/updated`);
    await gone(`${accountsOf(space)}/updated`);
  });
}
