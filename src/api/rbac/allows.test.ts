import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allows, isSubject, type RequestAttributes } from './allows.ts';

const rules = [
  { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods', 'pods/log'] },
  { verbs: ['update'], apiGroups: ['apps'], resources: ['deployments'], resourceNames: ['web'] },
  { verbs: ['*'], apiGroups: ['batch'], resources: ['*'] },
  { verbs: ['patch'], apiGroups: ['*'], resources: ['*/scale'] },
  { verbs: ['get'], nonResourceURLs: ['/healthz', '/metrics/*'] },
];

const table: [RequestAttributes, boolean][] = [
  [{ verb: 'get', group: '', resource: 'pods' }, true],
  [{ verb: 'get', group: '', resource: 'pods', subresource: 'log', name: 'a' }, true],
  [{ verb: 'get', group: '', resource: 'pods', subresource: 'exec' }, false],
  [{ verb: 'delete', group: '', resource: 'pods' }, false],
  [{ verb: 'get', group: 'apps', resource: 'pods' }, false],
  [{ verb: 'update', group: 'apps', resource: 'deployments', name: 'web' }, true],
  [{ verb: 'update', group: 'apps', resource: 'deployments', name: 'other' }, false],
  [{ verb: 'update', group: 'apps', resource: 'deployments' }, false],
  [{ verb: 'delete', group: 'batch', resource: 'jobs', subresource: 'status' }, true],
  [{ verb: 'patch', group: 'apps', resource: 'deployments', subresource: 'scale' }, true],
  [{ verb: 'patch', group: 'apps', resource: 'deployments' }, false],
  [{ verb: 'get', path: '/healthz' }, true],
  [{ verb: 'get', path: '/metrics/x' }, true],
  [{ verb: 'get', path: '/healthz/x' }, false],
  [{ verb: 'post', path: '/healthz' }, false],
];

test('what rules allow', () => {
  for (const [request, expected] of table) assert.equal(allows(rules, request), expected, JSON.stringify(request));
  assert.equal(allows(undefined, { verb: 'get', path: '/' }), false);
});

test('who a subject is', () => {
  const user = { name: 'system:serviceaccount:ns:sa', groups: ['system:authenticated'] };
  assert.equal(isSubject({ kind: 'ServiceAccount', name: 'sa', namespace: 'ns' }, user, 'other'), true);
  assert.equal(isSubject({ kind: 'ServiceAccount', name: 'sa' }, user, 'ns'), true);
  assert.equal(isSubject({ kind: 'Group', name: 'system:authenticated' }, user, 'ns'), true);
  assert.equal(isSubject({ kind: 'User', name: 'sa' }, user, 'ns'), false);
});
