/** Aggregator: another API server behind an APIService. */
import assert from 'node:assert/strict';
import { EXTENSION_HOST, GROUP, startExtensionServer, type ExtensionServer } from '../../fixtures/extension-server.ts';
import { behaviour, call, create, get, gone, kubectl, namespace, ok, patch, remove, until, type Body } from '../cluster.ts';
import { changed } from '../resource-life.ts';

const SERVICES = '/apis/apiregistration.k8s.io/v1/apiservices';
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const NAME = `v1alpha1.${GROUP}`;

export interface Extension {
  server: ExtensionServer;
  namespace: string;
  /** The APIService as it may be created. */
  service: Body;
  stop(): Promise<void>;
}

/** The server with its service account, rights, Service and endpoints; the APIService is the test's to make. */
export async function openExtension(): Promise<Extension> {
  const place = await namespace();
  const account = { kind: 'ServiceAccount', name: 'default', namespace: place };
  const delegator = `wardle:${place}:auth-delegator`;
  await create(`${RBAC}/clusterrolebindings`, { metadata: { name: delegator }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:auth-delegator' }, subjects: [account] });
  const reader = `${RBAC}/namespaces/kube-system/rolebindings`;
  await create(reader, { metadata: { name: `wardle-${place}-auth-reader` }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'extension-apiserver-authentication-reader' }, subjects: [account] });
  const { status: { token } } = await create(`/api/v1/namespaces/${place}/serviceaccounts/default/token`, {});
  await until('/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication', () => true);
  const server = await startExtensionServer({ serverName: `sample-api.${place}.svc`, ask: (method, path, body) => ok(method, path, { body, token }) });
  await create(`/api/v1/namespaces/${place}/services`, { metadata: { name: 'sample-api', labels: { test: 'aggregator' } }, spec: { ports: [{ protocol: 'TCP', port: 7443, targetPort: server.port }] } });
  await create(`/apis/discovery.k8s.io/v1/namespaces/${place}/endpointslices`, {
    metadata: { name: 'sample-api-1', labels: { 'kubernetes.io/service-name': 'sample-api' } }, addressType: 'IPv4',
    endpoints: [{ addresses: [EXTENSION_HOST], conditions: { ready: true } }], ports: [{ name: '', port: server.port, protocol: 'TCP' }],
  });
  return {
    server, namespace: place,
    service: {
      apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name: NAME },
      spec: { service: { namespace: place, name: 'sample-api', port: 7443 }, group: GROUP, version: 'v1alpha1', caBundle: server.caBundle, groupPriorityMinimum: 2_000, versionPriority: 200 },
    },
    async stop() {
      await call('DELETE', `${SERVICES}/${NAME}`);
      await server.stop();
      await remove(`${RBAC}/clusterrolebindings/${delegator}`);
      await remove(`${reader}/wardle-${place}-auth-reader`);
    },
  };
}

export const isAvailable = (service: Body): boolean => service.status?.conditions?.some((each: Body) => each.type === 'Available' && each.status === 'True') === true;

export function aggregator(): void {
  behaviour('Aggregator Should be able to support the 1.17 Sample API Server using the current Aggregator', async () => {
    const extension = await openExtension();
    try {
      const { server, namespace: place } = extension;
      await create(SERVICES, extension.service);
      await until(`${SERVICES}/${NAME}`, isAvailable);
      const flunders = `/apis/${GROUP}/v1alpha1/namespaces/${place}/flunders`;
      assert.deepEqual((await get(flunders)).items, []);

      const flunder = { apiVersion: `${GROUP}/v1alpha1`, kind: 'Flunder', metadata: { name: 'rest-flunder', labels: { 'sample-label': 'true' } } };
      assert.equal((await call('POST', flunders, { body: flunder })).code, 201);
      assert.deepEqual((await get(flunders)).items.map((each: Body) => each.metadata.name), ['rest-flunder']);
      assert.ok(server.seen.some(({ user }) => user.name === 'kubernetes-admin' && user.groups.includes('system:masters')), 'the server knows who asks');

      // Found by discovery, as a dynamic client does it, and used by kubectl.
      assert.ok((await get('/apis')).groups.some(({ name }: Body) => name === GROUP));
      assert.equal((await get(`/apis/${GROUP}`)).preferredVersion.groupVersion, `${GROUP}/v1alpha1`);
      assert.deepEqual((await get(`/apis/${GROUP}/v1alpha1`)).resources.map(({ name }: Body) => name), ['flunders', 'flunders/status']);
      assert.match(await kubectl('get', 'flunders', '-n', place), /rest-flunder/);
      await kubectl('delete', 'flunder', 'rest-flunder', '-n', place);
      assert.deepEqual((await get(flunders)).items, []);
      await create(flunders, { ...flunder, metadata: { name: 'dynamic-flunder' } });
      await remove(flunders);
      assert.deepEqual((await get(flunders)).items, []);

      // The APIService itself: status, patch, labels, update, list.
      const status = await get(`${SERVICES}/${NAME}/status`);
      assert.ok(isAvailable(status));
      assert.equal((await patch(`${SERVICES}/${NAME}`, { spec: { versionPriority: 400 } })).spec.versionPriority, 400);
      assert.ok((await get(SERVICES)).items.some((each: Body) => each.metadata.name === NAME));
      await patch(`${SERVICES}/${NAME}`, { metadata: { labels: { 'e2e-apiservice': 'patched' } } });
      await until(`${SERVICES}/${NAME}`, isAvailable);
      const condition = { type: 'StatusUpdated', status: 'True', reason: 'E2E', message: 'Set from an e2e test' };
      await changed(`${SERVICES}/${NAME}/status`, (live) => ({ ...live, status: { conditions: [...live.status.conditions, condition] } }));
      await until(`${SERVICES}/${NAME}`, (service) => service.status.conditions.some((each: Body) => each.type === 'StatusUpdated') && isAvailable(service));
      await patch(`${SERVICES}/${NAME}/status`, { status: { conditions: [{ type: 'StatusPatched', status: 'True', reason: 'E2E', message: 'Set by an e2e test' }] } });
      await until(`${SERVICES}/${NAME}`, (service) => service.status.conditions.some((each: Body) => each.type === 'StatusPatched') && isAvailable(service));
      assert.equal((await changed(`${SERVICES}/${NAME}`, (found) => ({ ...found, spec: { ...found.spec, versionPriority: 100 } }))).spec.versionPriority, 100);

      await remove(`${SERVICES}?labelSelector=e2e-apiservice%3Dpatched`);
      await gone(`${SERVICES}/${NAME}`);
      await gone(flunders);
      assert.ok(!(await get('/apis')).groups.some(({ name }: Body) => name === GROUP));
    } finally {
      await extension.stop();
    }
  });
}
