import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterRole } from '../../api/rbac/rbac.ts';
import { DEFAULT_ROLES } from './default-roles.ts';
import { aggregatedRules } from './module.ts';

const named = (name: string): ClusterRole => DEFAULT_ROLES.find((role) => role.metadata.name === name)!;
const allows = (rules: NonNullable<ClusterRole['rules']>, verb: string, resource: string): boolean => rules.some((rule) => rule.verbs.includes(verb) && rule.resources?.includes(resource));

test('view reads, edit writes too, admin gives rights away', () => {
  const view = aggregatedRules(named('view'), DEFAULT_ROLES);
  const withView = DEFAULT_ROLES.map((role) => (role.metadata.name === 'view' ? { ...role, rules: view } : role));
  const edit = aggregatedRules(named('edit'), withView);
  const withEdit = withView.map((role) => (role.metadata.name === 'edit' ? { ...role, rules: edit } : role));
  const admin = aggregatedRules(named('admin'), withEdit);
  const can = (verb: string, resource: string): boolean[] => [view, edit, admin].map((rules) => allows(rules, verb, resource));
  assert.deepEqual(can('get', 'pods'), [true, true, true]);
  assert.deepEqual(can('get', 'secrets'), [false, true, true]);
  assert.deepEqual(can('create', 'deployments'), [false, true, true]);
  assert.deepEqual(can('create', 'rolebindings'), [false, false, true]);
  assert.deepEqual(can('create', 'nodes'), [false, false, false]);
});

test('a role of a user joins, once', () => {
  const own: ClusterRole = { metadata: { name: 'toads-view', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } }, rules: [{ apiGroups: ['example.com'], resources: ['toads'], verbs: ['get'] }] };
  const rules = aggregatedRules(named('view'), [...DEFAULT_ROLES, own, { ...own, metadata: { ...own.metadata, name: 'again' } }]);
  assert.equal(rules.filter((rule) => rule.resources?.includes('toads')).length, 1);
});
