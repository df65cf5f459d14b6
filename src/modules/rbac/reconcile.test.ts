/** Default roles that somebody changed (upstream: reconciliation/reconcile_role_test.go, reconcile_rolebindings_test.go). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicyRule } from '../../api/generated/rbac-v1.ts';
import type { ClusterRole, ClusterRoleBinding } from '../../api/rbac/rbac.ts';
import { grants } from './grants.ts';
import { account, AUTOUPDATE, group, user } from './made.ts';
import { reconciledBinding, reconciledRole } from './reconcile.ts';

interface Parts { labels?: Record<string, string>; annotations?: Record<string, string>; rules?: PolicyRule[]; aggregate?: string[] }

function role({ labels = {}, annotations = {}, rules = [], aggregate }: Parts): ClusterRole {
  const aggregationRule = aggregate === undefined ? {} : { aggregationRule: { clusterRoleSelectors: aggregate.map((key) => ({ matchLabels: { [key]: 'true' } })) } };
  return { metadata: { name: 'x', labels, annotations }, rules, ...aggregationRule };
}

const PODS = 'core pods get,list';

test('what roles lack is added, and nothing else is changed', () => {
  const table: [string, Parts, Parts, Parts | undefined][] = [
    ['the same', { rules: grants(PODS) }, { rules: grants(PODS) }, undefined],
    ['the same in other words', { rules: grants('core pods list', 'core nodes,pods get') }, { rules: grants(PODS) }, undefined],
    ['more', { rules: grants('* * *') }, { rules: grants(PODS) }, undefined],
    ['one verb is missing', { rules: grants('core pods get') }, { rules: grants(PODS) }, { rules: grants('core pods get', 'core pods list') }],
    ['by name only', { rules: grants('core pods get a') }, { rules: grants('core pods get') }, { rules: grants('core pods get a', 'core pods get') }],
    ['any name covers one', { rules: grants('core pods get') }, { rules: grants('core pods get a') }, undefined],
    ['each subresource', { rules: grants('apps */scale get') }, { rules: grants('apps deployments/scale get') }, undefined],
    ['a resource is not its subresource', { rules: grants('apps deployments get') }, { rules: grants('apps deployments/scale get') }, { rules: grants('apps deployments get', 'apps deployments/scale get') }],
    ['paths', { rules: [{ verbs: ['get'], nonResourceURLs: ['/a*'] }] }, { rules: [{ verbs: ['get'], nonResourceURLs: ['/api', '/b'] }] }, { rules: [{ verbs: ['get'], nonResourceURLs: ['/a*'] }, { verbs: ['get'], nonResourceURLs: ['/b'] }] }],
    ['labels and annotations', { labels: { a: 'own' }, annotations: { c: 'own' } }, { labels: { a: 'x', b: 'x' }, annotations: { c: 'x', d: 'x' } }, { labels: { a: 'own', b: 'x' }, annotations: { c: 'own', d: 'x' } }],
    ['left to its owner', { annotations: { [AUTOUPDATE]: 'false' } }, { annotations: { [AUTOUPDATE]: 'true' }, rules: grants(PODS) }, undefined],
    ['aggregated: the rules are those of others', { aggregate: ['a'], rules: grants(PODS) }, { aggregate: ['a'] }, undefined],
    ['aggregated: a selector is missing', { aggregate: ['own'] }, { aggregate: ['a'] }, { aggregate: ['own', 'a'] }],
    ['aggregated by nobody but its owner', { aggregate: ['own'], rules: grants(PODS) }, { rules: grants(PODS) }, { rules: grants(PODS) }],
    ['to be aggregated', { rules: grants(PODS) }, { aggregate: ['a'] }, { aggregate: ['a'], rules: grants(PODS) }],
  ];
  for (const [what, live, wanted, expected] of table) assert.deepEqual(reconciledRole(role(live), role(wanted)), expected === undefined ? undefined : role(expected), what);
});

test('who is missing in a binding is added; one of another role is made anew', () => {
  const binding = (name: string, subjects: NonNullable<ClusterRoleBinding['subjects']>, annotations: Record<string, string> = {}): ClusterRoleBinding =>
    ({ metadata: { name: 'x', labels: {}, annotations }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name }, subjects });
  assert.equal(reconciledBinding(binding('a', [user('u'), group('g')]), binding('a', [user('u')])), undefined);
  assert.deepEqual(reconciledBinding(binding('a', [user('u')]), binding('a', [account('s'), user('u')])), binding('a', [user('u'), account('s')]));
  const wanted = binding('b', [user('u')]);
  assert.equal(reconciledBinding(binding('a', [user('u'), user('own')]), wanted), wanted);
  assert.equal(reconciledBinding(binding('a', [], { [AUTOUPDATE]: 'false' }), wanted), undefined);
});
