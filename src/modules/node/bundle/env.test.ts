import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod } from '../../../api/generated/core-v1.ts';
import { containerEnv, type EnvSources } from './env.ts';

const facts = { podIp: '10.1.0.2', hostIp: '192.0.2.1', nodeName: 'n1', cpuMillis: 2000, memoryBytes: 1024 ** 3 };
const sources: EnvSources = {
  configMap: async (name) => (name === 'settings' ? { metadata: { name }, data: { COLOUR: 'blue', 'a.b': '1' } } : undefined),
  secret: async (name) => (name === 'keys' ? { metadata: { name }, data: { token: Buffer.from('s3cret').toString('base64') } } : undefined),
  services: [{ metadata: { name: 'my-db', namespace: 'd' }, spec: { clusterIP: '10.96.0.7', ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }] } }],
  api: { host: '10.96.0.1', port: 443 },
};
const pod: Pod = { metadata: { name: 'p', namespace: 'd', uid: 'u', labels: { app: 'x' } }, spec: { containers: [] } };
const env = async (container: Partial<Container>, change: Partial<NonNullable<Pod['spec']>> = {}): Promise<Record<string, string>> =>
  Object.fromEntries(await containerEnv({ ...pod, spec: { containers: [], ...change } }, { name: 'c', ...container }, sources, facts));

test('values refer to earlier ones and to services', async () => {
  const got = await env({ env: [{ name: 'A', value: '1' }, { name: 'B', value: '$(A)-$(MY_DB_SERVICE_HOST)-$$(A)-$(NONE)' }] });
  assert.equal(got['B'], '1-10.96.0.7-$(A)-$(NONE)');
});
test('every source', async () => {
  const got = await env({
    envFrom: [{ prefix: 'P_', configMapRef: { name: 'settings' } }],
    env: [
      { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
      { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'keys', key: 'token' } } },
      { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
      { name: 'MIB', valueFrom: { resourceFieldRef: { resource: 'requests.memory', divisor: '1Mi' } } },
      { name: 'NOT', valueFrom: { configMapKeyRef: { name: 'settings', key: 'none', optional: true } } },
    ],
    resources: { requests: { memory: '64Mi' } },
  });
  assert.deepEqual([got['P_COLOUR'], got['P_a.b'], got['IP'], got['APP'], got['TOKEN'], got['CPU'], got['MIB'], got['NOT']], ['blue', '1', '10.1.0.2', 'x', 's3cret', '2000', '64', undefined]);
});
test('services, with and without links', async () => {
  const linked = await env({});
  assert.equal(linked['MY_DB_SERVICE_PORT_SQL'], '5432');
  assert.equal(linked['MY_DB_PORT_5432_TCP'], 'tcp://10.96.0.7:5432');
  const bare = await env({}, { enableServiceLinks: false });
  assert.equal(bare['MY_DB_SERVICE_HOST'], undefined);
  assert.equal(bare['KUBERNETES_SERVICE_HOST'], '10.96.0.1');
});
test('what is missing is said', async () => {
  await assert.rejects(env({ envFrom: [{ configMapRef: { name: 'gone' } }] }), /configmap "gone" not found/);
  await assert.rejects(env({ env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'keys', key: 'nope' } } }] }), /couldn't find key nope in Secret d\/keys/);
});
