/** The default roles, and roles that gather the rules of others, through the door. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClusterRole, ClusterRoleBinding, ConfigMap, Lease, Role, RoleBinding, Secret, Service } from '../../src/api/kinds.ts';
import { isApiError } from '../../src/api/errors.ts';
import core from '../../src/modules/core/module.ts';
import rbac from '../../src/modules/rbac/module.ts';
import type { ModuleContext } from '../../src/sdk/module.ts';
import { rulesOf } from '../../src/sdk/permit.ts';
import { eventually, startWorld } from './world.ts';

const VIEW_OWN = { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' };

const until = (check: () => Promise<boolean>): Promise<void> => eventually('it became so', check);

test('view reads what is harmless, and what others add to it', async () => {
  const world = await startWorld([core, rbac]);
  try {
    const { client } = world;
    const rulesOf = async (name: string): Promise<NonNullable<ClusterRole['rules']>> => (await client.get(ClusterRole, name)).rules ?? [];
    await until(async () => (await rulesOf('admin')).length > (await rulesOf('edit')).length && (await rulesOf('view')).length > 0);
    await client.create(ClusterRoleBinding, { metadata: { name: 'ann' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' }, subjects: [{ kind: 'User', name: 'ann', apiGroup: 'rbac.authorization.k8s.io' }] });
    const ann = world.door.client({ name: 'ann', groups: ['system:authenticated'] });
    assert.equal((await ann.list(ConfigMap, { namespace: 'default' })).kind, 'ConfigMapList');
    const readers = (await Promise.all(['view', 'edit', 'admin'].map(rulesOf))).map((rules) => rules.some(({ apiGroups, resources, verbs }) => apiGroups?.join() === 'metrics.k8s.io' && resources?.includes('pods') === true && verbs.join() === 'get,list,watch'));
    assert.deepEqual(readers, [true, true, true], 'what runs may be measured by who sees it');
    await assert.rejects(ann.list(Secret, { namespace: 'default' }), (error) => isApiError(error, 'Forbidden'));
    await client.create(ClusterRole, { metadata: { name: 'more', labels: VIEW_OWN }, rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['list'] }] });
    await until(async () => (await rulesOf('view')).some((rule) => rule.resources?.includes('secrets')));
    assert.equal((await ann.list(Secret, { namespace: 'default' })).kind, 'SecretList');
    await client.delete(ClusterRole, 'more');
    await until(async () => !(await rulesOf('view')).some((rule) => rule.resources?.includes('secrets')));
  } finally {
    await world.stop();
  }
});

test('what somebody else changes while default roles are looked at holds nothing up', async () => {
  const world = await startWorld([core, rbac]);
  try {
    const { client, door } = world;
    await client.patch(ClusterRole, 'system:kube-dns', { type: 'merge', body: { rules: [] } });
    await client.delete(ClusterRole, 'system:heapster');
    const own = door.client({ name: 'system:llmos:rbac', groups: [] }, { rules: rulesOf(rbac) });
    const done = new Set<string>();
    const isFirst = (name: string | undefined, wanted: string): boolean => name === wanted && !done.has(wanted) && done.add(wanted).has(wanted);
    const update: typeof own.update = async (kind, object, options) => {
      if (isFirst(object.metadata.name, 'system:kube-dns')) await client.patch(ClusterRole, 'system:kube-dns', { type: 'merge', body: { metadata: { labels: { mine: 'too' } } } });
      return own.update(kind, object, options);
    };
    const create: typeof own.create = async (kind, object, options) => {
      if (isFirst(object.metadata.name, 'system:heapster')) await client.create(ClusterRole, { metadata: { name: 'system:heapster' } });
      return own.create(kind, object, options);
    };
    await rbac.start!({ client: { ...own, update, create } } as ModuleContext);
    const [dns, heapster] = await Promise.all(['system:kube-dns', 'system:heapster'].map((name) => client.get(ClusterRole, name)));
    assert.equal(dns!.metadata.labels?.['mine'], 'too');
    assert.deepEqual([dns!.rules!.length > 0, heapster!.rules!.length > 0, done.size], [true, true, 2]);
  } finally {
    await world.stop();
  }
});

test('default roles say that they are kept up under the name that upstream gives that, and nobody is a node by a role', async () => {
  const world = await startWorld([core, rbac]);
  try {
    const { client } = world;
    for (const object of [await client.get(ClusterRole, 'view'), await client.get(ClusterRoleBinding, 'cluster-admin')]) assert.deepEqual(object.metadata.annotations, { 'rbac.authorization.kubernetes.io/autoupdate': 'true' });
    const { rules = [] } = await client.get(ClusterRole, 'system:node');
    assert.ok(rules.some(({ resources, verbs }) => resources?.includes('nodes/status') === true && verbs.includes('patch')));
    assert.deepEqual((await client.get(ClusterRoleBinding, 'system:node')).subjects ?? [], []);
  } finally {
    await world.stop();
  }
});

test('a component that says who it is has what upstream gives it, and what somebody took away comes back with the next start', async () => {
  const world = await startWorld([core, rbac]);
  try {
    const { client, door } = world;
    const scheduler = door.client({ name: 'system:kube-scheduler', groups: ['system:authenticated'] });
    await scheduler.create(Lease, { metadata: { name: 'my-scheduler', namespace: 'kube-system' }, spec: {} });
    await assert.rejects(scheduler.create(Role, { metadata: { name: 'x', namespace: 'kube-system' } }), (error) => isApiError(error, 'Forbidden'));
    const controllers = (await client.list(ClusterRole, {})).items.map(({ metadata }) => metadata.name!).filter((name) => name.startsWith('system:controller:'));
    assert.equal(controllers.length, 38, 'as many as upstream has without features that are off');
    for (const name of controllers) {
      const { roleRef, subjects = [] } = await client.get(ClusterRoleBinding, name);
      assert.deepEqual([roleRef.name, subjects[0]], [name, { kind: 'ServiceAccount', name: name.slice('system:controller:'.length), namespace: 'kube-system' }]);
    }
    const account = door.client({ name: 'system:serviceaccount:kube-system:service-controller', groups: ['system:serviceaccounts', 'system:authenticated'] });
    assert.equal((await account.list(Service, {})).kind, 'ServiceList');
    await assert.rejects(account.list(Secret, {}), (error) => isApiError(error, 'Forbidden'));

    await client.patch(ClusterRole, 'system:kube-dns', { type: 'merge', body: { rules: [{ apiGroups: [''], resources: ['services', 'secrets'], verbs: ['list'] }] } });
    await client.patch(ClusterRole, 'system:heapster', { type: 'merge', body: { metadata: { annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' } }, rules: [] } });
    await client.patch(RoleBinding, 'system:controller:token-cleaner', { type: 'merge', body: { subjects: [{ kind: 'User', name: 'ann', apiGroup: 'rbac.authorization.k8s.io' }] } }, { namespace: 'kube-system' });
    await client.delete(ClusterRoleBinding, 'system:kube-dns');
    await client.create(ClusterRoleBinding, { metadata: { name: 'system:kube-dns' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' } });
    await rbac.start!({ client: door.client({ name: 'system:llmos:rbac', groups: [] }, { rules: rulesOf(rbac) }) } as ModuleContext);
    assert.deepEqual((await client.get(ClusterRole, 'system:kube-dns')).rules, [
      { apiGroups: [''], resources: ['services', 'secrets'], verbs: ['list'] },
      ...[['endpoints', 'list'], ['endpoints', 'watch'], ['services', 'watch']].map(([resource, verb]) => ({ apiGroups: [''], resources: [resource], verbs: [verb] })),
    ]);
    assert.deepEqual((await client.get(ClusterRole, 'system:heapster')).rules, []);
    assert.deepEqual((await client.get(RoleBinding, 'system:controller:token-cleaner', { namespace: 'kube-system' })).subjects?.map(({ name }) => name), ['ann', 'token-cleaner']);
    assert.equal((await client.get(ClusterRoleBinding, 'system:kube-dns')).roleRef.name, 'system:kube-dns');
  } finally {
    await world.stop();
  }
});
