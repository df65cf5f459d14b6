/** The default roles, and roles that gather the rules of others, through the door. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClusterRole, ClusterRoleBinding, ConfigMap, Secret } from '../../src/api/kinds.ts';
import { isApiError } from '../../src/api/errors.ts';
import core from '../../src/modules/core/module.ts';
import rbac from '../../src/modules/rbac/module.ts';
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
