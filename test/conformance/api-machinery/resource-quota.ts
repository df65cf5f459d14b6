/** [sig-api-machinery] ResourceQuota */
import assert from 'node:assert/strict';
import { behaviour, create, get, gone, namespace, ok, patch, podOf, put, refused, remove, until, type Body } from '../cluster.ts';

const HARD = {
  pods: '5', services: '10', 'services.nodeports': '1', 'services.loadbalancers': '1', replicationcontrollers: '10', resourcequotas: '1', configmaps: '10', secrets: '10',
  cpu: '1', memory: '500Mi', 'ephemeral-storage': '50Gi', 'count/replicasets.apps': '5', 'requests.example.com/dongle': '3',
};

interface Quoted {
  space: string;
  quota: string;
}

async function withQuota(hard: object = HARD, scopes?: string[]): Promise<Quoted> {
  const space = await namespace();
  await until(`/api/v1/namespaces/${space}/configmaps/kube-root-ca.crt`, () => true);
  return quotaIn(space, 'test-quota', hard, scopes);
}

async function quotaIn(space: string, name: string, hard: object, scopes?: string[]): Promise<Quoted> {
  const path = `/api/v1/namespaces/${space}/resourcequotas`;
  await create(path, { metadata: { name }, spec: { hard, scopes } });
  await until(`${path}/${name}`, ({ status }) => Object.keys(hard).every((each) => status?.used?.[each] !== undefined));
  return { space, quota: `${path}/${name}` };
}

/** Settles when the quota uses just that. */
async function uses(quota: string, wanted: Record<string, string>): Promise<void> {
  await until(quota, ({ status }) => Object.entries(wanted).every(([name, amount]) => status?.used?.[name] === amount)).catch((error: Error) => assert.fail(`${JSON.stringify(wanted)}: ${error.message}`));
}

/** Its life is seen in the quota. */
async function lifeOf(plural: string, object: Body, used: Record<string, [before: string, after: string]>, group = '/api/v1'): Promise<void> {
  const { space, quota } = await withQuota();
  const at = (which: 0 | 1): Record<string, string> => Object.fromEntries(Object.entries(used).map(([name, both]) => [name, both[which]]));
  await uses(quota, at(0));
  await create(`${group}/namespaces/${space}/${plural}`, object);
  await uses(quota, at(1));
  await remove(`${group}/namespaces/${space}/${plural}/${object.metadata.name}`);
  await uses(quota, at(0));
}

const waiting = (name: string, resources: object, more: object = {}): Body => podOf(name, { container: { resources }, spec: { nodeSelector: { none: 'such' }, ...more } });

export function resourceQuota(): void {
  behaviour('ResourceQuota should create a ResourceQuota and ensure its status is promptly calculated.', async () => {
    const { quota } = await withQuota();
    await uses(quota, { pods: '0', services: '0', resourcequotas: '1', configmaps: '1', cpu: '0', memory: '0' });
    assert.deepEqual((await get(quota)).status.hard, HARD);
  });

  behaviour('ResourceQuota should create a ResourceQuota and capture the life of a service.', async () => {
    const { space, quota } = await withQuota();
    const service = (name: string, type: string): Body => ({ metadata: { name }, spec: { type, ports: [{ port: 80 }], selector: { a: 'b' } } });
    const path = `/api/v1/namespaces/${space}/services`;
    await create(path, service('cluster', 'ClusterIP'));
    await create(path, service('node', 'NodePort'));
    await uses(quota, { services: '2', 'services.nodeports': '1', 'services.loadbalancers': '0' });
    const status = await refused(403, 'POST', path, { body: service('balanced', 'LoadBalancer') });
    assert.match(status.message, /exceeded quota: test-quota, requested: services\.nodeports=1, used: services\.nodeports=1, limited: services\.nodeports=1/);
    for (const name of ['cluster', 'node']) await remove(`${path}/${name}`);
    await uses(quota, { services: '0', 'services.nodeports': '0' });
  });

  behaviour('ResourceQuota should create a ResourceQuota and capture the life of a secret.', () =>
    lifeOf('secrets', { metadata: { name: 'test-secret' }, data: { 'data-1': 'dmFsdWUtMQ==' } }, { secrets: ['0', '1'], resourcequotas: ['1', '1'] }));

  behaviour('ResourceQuota should create a ResourceQuota and capture the life of a configMap.', () =>
    lifeOf('configmaps', { metadata: { name: 'test-configmap' }, data: { a: 'b' } }, { configmaps: ['1', '2'] }));

  behaviour('ResourceQuota should create a ResourceQuota and capture the life of a replication controller.', () => {
    const labels = { name: 'test-rc' };
    return lifeOf('replicationcontrollers', { metadata: { name: 'test-rc' }, spec: { replicas: 0, selector: labels, template: { metadata: { labels }, spec: podOf('x').spec } } }, { replicationcontrollers: ['0', '1'] });
  });

  behaviour('ResourceQuota should create a ResourceQuota and capture the life of a replica set.', () => {
    const labels = { name: 'test-rs' };
    return lifeOf('replicasets', { metadata: { name: 'test-rs' }, spec: { replicas: 0, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: podOf('x').spec } } }, { 'count/replicasets.apps': ['0', '1'] }, '/apis/apps/v1');
  });

  behaviour('ResourceQuota should create a ResourceQuota and capture the life of a pod.', async () => {
    const { space, quota } = await withQuota();
    const pods = `/api/v1/namespaces/${space}/pods`;
    const asks = (cpu: string, memory: string, dongles = '2'): object => ({ requests: { cpu, memory, 'ephemeral-storage': '30Gi', 'example.com/dongle': dongles }, limits: { 'example.com/dongle': dongles } });
    await create(pods, waiting('test-pod', asks('500m', '252Mi')));
    const used = { pods: '1', cpu: '500m', memory: '252Mi', 'ephemeral-storage': '30Gi', 'requests.example.com/dongle': '2' };
    await uses(quota, used);
    for (const [name, resources] of [['cpu', asks('600m', '100Mi', '1')], ['dongle', asks('500m', '100Mi')]] as const) {
      assert.match((await refused(403, 'POST', pods, { body: waiting(`fail-pod-${name}`, resources) })).message, /exceeded quota: test-quota/);
    }
    assert.match((await refused(403, 'POST', pods, { body: waiting('silent', {}) })).message, /failed quota: test-quota: must specify cpu for: main; memory for: main/);
    const pod = await get(`${pods}/test-pod`);
    pod.spec.containers[0].resources.requests.cpu = '100m';
    await refused(422, 'PUT', `${pods}/test-pod`, { body: pod });
    await uses(quota, used);
    await remove(`${pods}/test-pod`, { gracePeriodSeconds: 0 });
    await uses(quota, { pods: '0', cpu: '0', memory: '0', 'ephemeral-storage': '0', 'requests.example.com/dongle': '0' });
  });

  behaviour('ResourceQuota should verify ResourceQuota with terminating scopes.', async () => {
    const space = await namespace();
    const hard = { pods: '5', 'requests.cpu': '1', 'requests.memory': '500Mi', 'limits.cpu': '2', 'limits.memory': '1Gi' };
    const { quota: ending } = await quotaIn(space, 'quota-terminating', hard, ['Terminating']);
    const { quota: lasting } = await quotaIn(space, 'quota-not-terminating', hard, ['NotTerminating']);
    await scoped(space, { resources: { requests: { cpu: '500m', memory: '200Mi' }, limits: { cpu: '1', memory: '400Mi' } } }, [
      [{}, lasting, ending], [{ activeDeadlineSeconds: 3600 }, ending, lasting],
    ], { pods: '1', 'requests.cpu': '500m', 'requests.memory': '200Mi', 'limits.cpu': '1', 'limits.memory': '400Mi' });
  });

  behaviour('ResourceQuota should verify ResourceQuota with best effort scope.', async () => {
    const space = await namespace();
    const { quota: best } = await quotaIn(space, 'quota-besteffort', { pods: '5' }, ['BestEffort']);
    const { quota: other } = await quotaIn(space, 'quota-not-besteffort', { pods: '5' }, ['NotBestEffort']);
    await scoped(space, {}, [[{}, best, other]], { pods: '1' });
    await scoped(space, { resources: { requests: { cpu: '500m', memory: '200Mi' }, limits: { cpu: '1', memory: '400Mi' } } }, [[{}, other, best]], { pods: '1' });
  });

  behaviour('ResourceQuota should be able to update and delete ResourceQuota.', async () => {
    const { quota } = await withQuota({ cpu: '1', memory: '500Mi' });
    const found = await get(quota);
    assert.deepEqual(found.spec.hard, { cpu: '1', memory: '500Mi' });
    await put(quota, { ...found, spec: { hard: { cpu: '2', memory: '1Gi' } } });
    await until(quota, ({ spec, status }) => spec.hard.cpu === '2' && status.hard.memory === '1Gi');
    await remove(quota);
    await gone(quota);
  });

  behaviour('ResourceQuota should manage the lifecycle of a ResourceQuota', async () => {
    const space = await namespace();
    const path = `/api/v1/namespaces/${space}/resourcequotas`;
    await create(path, { metadata: { name: 'lived', labels: { 'e2e-rq-label': space } }, spec: { hard: { cpu: '500m', memory: '500Mi' } } });
    assert.equal((await get(`/api/v1/resourcequotas?labelSelector=e2e-rq-label%3D${space}`)).items.length, 1);
    const patched = await patch(`${path}/lived`, { metadata: { labels: { lived: 'patched' } }, spec: { hard: { memory: '750Mi' } } }, 'strategic-merge-patch');
    assert.deepEqual([patched.metadata.labels.lived, patched.spec.hard], ['patched', { cpu: '500m', memory: '750Mi' }]);
    await ok('DELETE', `${path}?labelSelector=lived%3Dpatched`);
    assert.equal((await get(path)).items.length, 0);
  });

  behaviour('ResourceQuota should apply changes to a resourcequota status', async () => {
    const { quota } = await withQuota({ cpu: '500m', memory: '500Mi' });
    const agree = ({ spec, status }: Body): boolean => status?.hard?.cpu === spec.hard.cpu && status.hard.memory === spec.hard.memory;
    const first = await until(quota, agree);
    await put(`${quota}/status`, { ...first, status: { ...first.status, hard: { cpu: '1', memory: '1Gi' } } });
    await until(quota, agree);
    await patch(quota, { spec: { hard: { cpu: '1', memory: '1Gi' } } });
    await until(quota, (object) => agree(object) && object.status.hard.memory === '1Gi');
    const patched = await patch(`${quota}/status`, { status: { hard: { cpu: '600m' } } });
    assert.deepEqual([patched.status.hard.cpu, patched.spec.hard.cpu], ['600m', '1']);
    assert.ok(agree(await until(`${quota}/status`, agree)));
    assert.deepEqual((await get(quota)).spec.hard, { cpu: '1', memory: '1Gi' });
  });
}

/** Each pod counts in the one quota and not in the other, and no more when it is gone. */
async function scoped(space: string, container: object, cases: readonly [spec: object, counts: string, not: string][], used: Record<string, string>): Promise<void> {
  const none = Object.fromEntries(Object.keys(used).map((name) => [name, '0']));
  const pods = `/api/v1/namespaces/${space}/pods`;
  for (const [spec, counts, not] of cases) {
    await create(pods, podOf('scoped', { container, spec: { nodeSelector: { none: 'such' }, ...spec } }));
    await uses(counts, used);
    await uses(not, none);
    await remove(`${pods}/scoped`, { gracePeriodSeconds: 0 });
    await uses(counts, none);
  }
}
