/** Another API server behind an APIService: what goes through, and what is said when it does not answer. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { it } from 'node:test';
import { isAvailable, openExtension } from '../conformance/api-machinery/aggregator.ts';
import { call, conformance, create, get, gone, ok, patch, remove, running, until, watch, type Body } from '../conformance/cluster.ts';
import { GROUP } from '../fixtures/extension-server.ts';
import { eventually } from '../fixtures/instance.ts';
import { findCluster } from '../../src/sdk/client/kubeconfig.ts';

const SERVICES = '/apis/apiregistration.k8s.io/v1/apiservices';
const NAME = `v1alpha1.${GROUP}`;
const ROOT = `/apis/${GROUP}/v1alpha1`;
const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

const availability = (service: Body): Body => service.status?.conditions?.find((each: Body) => each.type === 'Available');
const condition = (reason: string): Promise<Body> => until(`${SERVICES}/${NAME}`, (service) => availability(service)?.reason === reason);

async function discoveredVersion(): Promise<Body> {
  const { items } = (await ok('GET', '/apis', { headers: { accept: AGGREGATED } })) as Body;
  return items.find((each: Body) => each.metadata.name === GROUP)?.versions[0];
}

function behindAnAPIService(): void {
  it('local group versions are listed, and managed by themselves', async () => {
    const { items } = await get(SERVICES);
    const apps = await until(`${SERVICES}/v1.apps`, isAvailable);
    assert.deepEqual([apps.spec.groupPriorityMinimum, apps.spec.versionPriority, apps.metadata.labels['kube-aggregator.kubernetes.io/automanaged'], availability(apps).reason], [17_800, 15, 'onstart', 'Local']);
    assert.ok(items.some(({ metadata }: Body) => metadata.name === 'v1.') && items.some(({ metadata }: Body) => metadata.name === 'v1.authorization.k8s.io'));
    const definition = { metadata: { name: 'toads.pond.example.com' }, spec: { group: 'pond.example.com', scope: 'Namespaced', names: { plural: 'toads', kind: 'Toad' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }] } };
    const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    await create(definitions, definition);
    const own = await until(`${SERVICES}/v1.pond.example.com`, isAvailable);
    assert.equal(own.metadata.labels['kube-aggregator.kubernetes.io/automanaged'], 'true');
    await remove(`${SERVICES}/v1.pond.example.com`);
    await until(`${SERVICES}/v1.pond.example.com`, ({ metadata }) => metadata.uid !== own.metadata.uid);
    await remove(`${definitions}/toads.pond.example.com`);
    await gone(`${SERVICES}/v1.pond.example.com`);
  });

  it('what is wrong with an APIService is refused', async () => {
    const spec = { group: 'a.example.com', version: 'v1', groupPriorityMinimum: 100, versionPriority: 100 };
    for (const [name, more, what] of [
      ['v2.a.example.com', {}, /must be `spec\.version/], ['v1.a.example.com', { versionPriority: 0 }, /must be positive and less than 1000/], ['v1.a.example.com', { caBundle: 'YQ==' }, /local APIServices may not have a caBundle/],
      ['v1.a.example.com', { service: { name: 'a' } }, /spec\.service\.namespace: Required value/], ['v1.a.example.com', { service: { name: 'a', namespace: 'b' }, caBundle: 'YQ==', insecureSkipTLSVerify: true }, /may not be true if caBundle is present/],
    ] as const) {
      const { code, body } = await call('POST', SERVICES, { body: { metadata: { name }, spec: { ...spec, ...more } } });
      assert.equal(code, 422);
      assert.match(body.message, what);
    }
  });

  it('requests, watches, upgrades, discovery and OpenAPI go through, and conditions say what is wrong', async () => {
    const extension = await openExtension();
    try {
      const { server, namespace: place } = extension;
      const flunders = `${ROOT}/namespaces/${place}/flunders`;
      const service = `/api/v1/namespaces/${place}/services/sample-api`;
      const slice = `/apis/discovery.k8s.io/v1/namespaces/${place}/endpointslices/sample-api-1`;

      // Each fault by itself.
      const { spec } = extension.service;
      await create(SERVICES, { ...extension.service, spec: { ...spec, service: { ...spec.service, name: 'nobody' } } });
      await condition('ServiceNotFound');
      const unavailable = await call('GET', flunders);
      assert.deepEqual([unavailable.code, unavailable.body], [503, 'service unavailable\n']);
      assert.equal((await discoveredVersion()).freshness, 'Stale');
      assert.match((await running().kubectl('get', 'apiservice', NAME)).stdout, /nobody +False \(ServiceNotFound\)/);
      await patch(`${SERVICES}/${NAME}`, { spec: { service: { name: 'sample-api', port: 1 } } });
      await condition('ServicePortError');
      await patch(slice, { endpoints: [{ addresses: ['192.0.2.10'], conditions: { ready: false } }] });
      await patch(`${SERVICES}/${NAME}`, { spec: { service: { port: 7443 } } });
      await condition('MissingEndpoints');
      await patch(slice, { ports: [{ name: '', port: 1, protocol: 'TCP' }], endpoints: [{ addresses: ['192.0.2.10'], conditions: { ready: true } }] });
      await condition('FailedDiscoveryCheck');
      await patch(slice, { ports: [{ name: '', port: server.port, protocol: 'TCP' }] });
      await condition('Passed');

      // The identity of a user that has no rights, then some; what a client says of itself in these headers is not believed.
      const { status: { token } } = await create(`/api/v1/namespaces/${place}/serviceaccounts/default/token`, {});
      assert.equal((await call('GET', flunders, { token })).code, 403, 'authorized by the cluster first');
      const rights = `/apis/rbac.authorization.k8s.io/v1/namespaces/${place}`;
      await create(`${rights}/roles`, { metadata: { name: 'flunders' }, rules: [{ apiGroups: [GROUP], resources: ['flunders'], verbs: ['list'] }] });
      await create(`${rights}/rolebindings`, { metadata: { name: 'flunders' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'flunders' }, subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: place }] });
      await eventually(async () => (await call('GET', flunders, { token, headers: { 'x-remote-user': 'root', 'x-remote-group': 'system:masters', 'x-remote-extra-a': 'b' } })).code === 200);
      const { user, auditId } = server.seen.at(-1)!;
      assert.match(String(auditId), /^[\da-f-]{36}$/, 'the request has one id on both servers');
      assert.deepEqual([user.name, user.groups], [`system:serviceaccount:${place}:default`, ['system:serviceaccounts', `system:serviceaccounts:${place}`, 'system:authenticated']]);
      assert.deepEqual(Object.keys(user.extra), ['authentication.kubernetes.io/credential-id']);

      // A watch stays open, and a connection becomes another.
      const events = await watch(flunders);
      await create(flunders, { apiVersion: `${GROUP}/v1alpha1`, kind: 'Flunder', metadata: { name: 'one' } });
      assert.equal((await events.next()).object.metadata.name, 'one');
      events.close();
      assert.equal(await upgraded(`${ROOT}/namespaces/${place}/flunders/one/echo`, 'hello'), 'HELLO');
      assert.equal((await call('GET', `${ROOT}/moved`)).code, 502, 'the server may not send clients elsewhere');

      const found = await discoveredVersion();
      assert.deepEqual([found.freshness, found.resources[0].resource, found.resources[0].subresources[0].subresource], ['Current', 'flunders', 'status']);
      const v2 = await get('/openapi/v2');
      assert.ok(v2.paths[`${ROOT}/namespaces/{namespace}/flunders`] !== undefined && v2.paths['/api/v1/namespaces/{namespace}/pods'] !== undefined);
      assert.ok(v2.definitions['com.example.wardle.v1alpha1.Spec'] !== undefined && v2.definitions['Other'] === undefined);
      const v3 = await get('/openapi/v3');
      assert.equal(v3.paths[ROOT.slice(1)].serverRelativeURL, `/openapi/v3${ROOT}?hash=F1`);
      assert.equal((await get(`/openapi/v3${ROOT}`)).info.title, 'wardle');

      // What it keeps in a namespace goes with the namespace.
      await create('/api/v1/namespaces', { metadata: { name: 'passing' } });
      const passing = `${ROOT}/namespaces/passing/flunders`;
      await create(passing, { apiVersion: `${GROUP}/v1alpha1`, kind: 'Flunder', metadata: { name: 'mayfly' } });
      await remove('/api/v1/namespaces/passing');
      await gone('/api/v1/namespaces/passing');
      assert.deepEqual((await get(passing)).items, []);
      assert.deepEqual((await get(flunders)).items.map(({ metadata }: Body) => metadata.name), ['one'], 'and nothing else');

      // Owners and dependents may be kept by different servers.
      const maps = `/api/v1/namespaces/${place}/configmaps`;
      const ownerOf = ({ apiVersion, kind, metadata: { name, uid } }: Body): Body => ({ apiVersion, kind, name, uid });
      const flunder = (name: string, ownerReferences: Body[] = []): Promise<Body> => create(flunders, { apiVersion: `${GROUP}/v1alpha1`, kind: 'Flunder', metadata: { name, ownerReferences } });
      const owner = await flunder('owner');
      await create(maps, { metadata: { name: 'of-flunder', ownerReferences: [ownerOf(owner)] } });
      const map = { apiVersion: 'v1', kind: 'ConfigMap', ...(await create(maps, { metadata: { name: 'owner' } })) };
      await flunder('of-map', [ownerOf(map)]);
      await create(maps, { metadata: { name: 'of-nobody', ownerReferences: [{ ...ownerOf(owner), name: 'nobody', uid: 'none' }] } });
      await gone(`${maps}/of-nobody`);
      await get(`${maps}/of-flunder`);
      await get(`${flunders}/of-map`);
      await remove(`${flunders}/owner`);
      await gone(`${maps}/of-flunder`);
      await remove(`${maps}/owner`);
      await gone(`${flunders}/of-map`);

      // A server whose certificate is not to be trusted is not given anything, unless that was said.
      await patch(`${SERVICES}/${NAME}`, { spec: { caBundle: Buffer.from(findCluster({ path: running().kubeconfig }).caPem ?? '').toString('base64') } });
      await eventually(async () => {
        const { code, body } = await call('GET', flunders);
        return code === 503 && /error trying to reach service/.test(body);
      });
      await patch(`${SERVICES}/${NAME}`, { spec: { caBundle: null, insecureSkipTLSVerify: true } });
      await eventually(async () => (await call('GET', flunders)).code === 200);

      await remove(service);
      await condition('ServiceNotFound');
      const stale = await discoveredVersion();
      assert.deepEqual([stale.freshness, stale.resources.length], ['Stale', 1], 'what was heard is remembered');
    } finally {
      await extension.stop();
    }
  });

  it('the ConfigMap that names the front proxy is kept', async () => {
    const path = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
    const { data } = await get(path);
    assert.equal(new X509Certificate(data['requestheader-client-ca-file']).subject, 'CN=front-proxy-ca');
    assert.notEqual(data['client-ca-file'], data['requestheader-client-ca-file']);
    await patch(path, { data: { 'requestheader-username-headers': '["X-Other"]' } });
    await until(path, (map) => map.data['requestheader-username-headers'] === '["X-Other","X-Remote-User"]');
    await remove(path);
    await until(path, (map) => map.data['requestheader-allowed-names'] === '["front-proxy-client"]');
  });
}

/** What comes back over a connection that was upgraded. */
async function upgraded(path: string, text: string): Promise<string> {
  const access = findCluster({ path: running().kubeconfig });
  const { certificatePem, keyPem } = await access.credential();
  const { hostname, port } = new URL(access.server);
  const socket = connect({ host: hostname, port: Number(port), ca: access.caPem, cert: certificatePem, key: keyPem, ALPNProtocols: ['http/1.1'] });
  try {
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: capitals\r\n\r\n`);
    let got = '';
    for await (const chunk of socket) {
      got += String(chunk);
      if (got.endsWith('\r\n\r\n')) {
        assert.match(got, /^HTTP\/1\.1 101 /);
        socket.write(text);
        got = '';
      } else if (got.length >= text.length) return got;
    }
    throw new Error(`the connection ended: ${got}`);
  } finally {
    socket.destroy();
  }
}

conformance('aggregation', [behindAnAPIService]);
