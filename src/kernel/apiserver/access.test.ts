/** Who may come in, and what they may do. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { ApiError } from '../../api/errors.ts';
import { ClusterRole, ClusterRoleBinding, ConfigMap, Node, Pod, Role, RoleBinding, ServiceAccount } from '../../api/kinds.ts';
import type { ModuleContext } from '../../sdk/module.ts';
import { makeAuthority, makeLeaf } from './identity/certificates.ts';
import { openDoor, type OpenDoor } from './testing/open-door.ts';

let door: OpenDoor;
before(async () => {
  door = await openDoor();
  await door.client.create(ServiceAccount, { metadata: { name: 'bot', namespace: 'default' } });
});
after(() => door.close());

const tokenOf = async (spec: object = {}): Promise<string> => (await door.call('POST', '/api/v1/namespaces/default/serviceaccounts/bot/token', { body: { spec } })).json.status.token;

test('strangers see only whether we live', async () => {
  for (const path of ['/healthz', '/livez', '/readyz', '/version']) assert.equal((await door.call('GET', path, { token: '' })).status, 200, path);
  for (const path of ['/api', '/apis', '/api/v1/pods', '/openapi/v2', '/metrics', '/']) {
    const answer = await door.call('GET', path, { token: '' });
    assert.deepEqual([answer.status, answer.json.reason], [401, 'Unauthorized'], path);
  }
  assert.equal((await door.call('GET', '/api', { token: 'made.up.token' })).status, 401);
});

test('each answer has an id by which it can be found again, the client\'s own where it gave one', async () => {
  const ids = new Set<unknown>();
  for (const path of ['/livez', '/version', '/api/v1/namespaces/default', '/api/v1/nodes/none', '/nowhere']) ids.add((await door.call('GET', path)).headers['audit-id']);
  ids.add((await door.call('GET', '/api', { token: '' })).headers['audit-id']);
  assert.equal(ids.size, 6);
  for (const id of ids) assert.match(String(id), /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  assert.equal((await door.call('GET', '/livez', { headers: { 'audit-id': 'mine:1' } })).headers['audit-id'], 'mine:1');
  assert.notEqual((await door.call('GET', '/livez', { headers: { 'audit-id': 'no name' } })).headers['audit-id'], 'no name');
});

test('a service account may look around and ask about itself, and no more', async () => {
  const token = await tokenOf();
  assert.equal((await door.call('GET', '/api/v1', { token })).status, 200);
  const me = await door.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { token, body: { kind: 'SelfSubjectReview', apiVersion: 'authentication.k8s.io/v1' } });
  assert.equal(me.json.status.userInfo.username, 'system:serviceaccount:default:bot');
  const refused = await door.call('GET', '/api/v1/namespaces/default/pods', { token });
  assert.equal(refused.status, 403);
  assert.equal(refused.json.message, 'pods is forbidden: User "system:serviceaccount:default:bot" cannot list resource "pods" in API group "" in the namespace "default"');
  assert.equal((await door.call('GET', '/api/v1/nodes/n', { token })).json.message, 'nodes "n" is forbidden: User "system:serviceaccount:default:bot" cannot get resource "nodes" in API group "" at the cluster scope');
  assert.equal((await door.call('GET', '/metrics', { token })).json.message, 'forbidden: User "system:serviceaccount:default:bot" cannot get path "/metrics"');
});

test('a bootstrap token is who its Secret says, as long as it says so', async () => {
  const secrets = '/api/v1/namespaces/kube-system/secrets';
  await door.call('POST', '/api/v1/namespaces', { body: { metadata: { name: 'kube-system' } } });
  const stringData = { 'token-id': 'abcdef', 'token-secret': '0123456789abcdef', 'usage-bootstrap-authentication': 'true', 'auth-extra-groups': 'system:bootstrappers:nodes' };
  const token = 'abcdef.0123456789abcdef';
  const who = async (text = token): Promise<unknown> => {
    const { status, json } = await door.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { token: text, body: {} });
    return status === 201 ? [json.status.userInfo.username, json.status.userInfo.groups] : status;
  };
  const change = (data: Record<string, string>): ReturnType<OpenDoor['call']> => door.call('PATCH', `${secrets}/bootstrap-token-abcdef`, { body: { stringData: data }, headers: { 'content-type': 'application/merge-patch+json' } });
  assert.equal(await who(), 401);
  assert.equal((await door.call('POST', secrets, { body: { metadata: { name: 'bootstrap-token-abcdef' }, type: 'bootstrap.kubernetes.io/token', stringData } })).status, 201);
  assert.deepEqual(await who(), ['system:bootstrap:abcdef', ['system:bootstrappers', 'system:bootstrappers:nodes', 'system:authenticated']]);
  const review = (audiences?: string[]): Promise<unknown> => door.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: { spec: { token, audiences } } }).then(({ json }) => json.status.authenticated ?? false);
  assert.deepEqual([await review(), await review(['elsewhere'])], [true, false]);
  assert.equal(await who('abcdef.0123456789abcdeg'), 401);
  assert.equal((await door.call('GET', '/api/v1/namespaces/default/pods', { token })).status, 403, 'no rights of its own');
  const wrongs: Record<string, string>[] = [{ 'usage-bootstrap-authentication': 'no' }, { 'usage-bootstrap-authentication': 'true', expiration: '2020-01-01T00:00:00Z' }, { expiration: 'never' }, { expiration: '', 'auth-extra-groups': 'system:masters' }];
  for (const wrong of wrongs) {
    await change(wrong);
    assert.equal(await who(), 401, JSON.stringify(wrong));
  }
  await change({ 'auth-extra-groups': '', expiration: '2999-01-01T00:00:00Z' });
  assert.deepEqual(await who(), ['system:bootstrap:abcdef', ['system:bootstrappers', 'system:authenticated']]);
  await door.call('DELETE', `${secrets}/bootstrap-token-abcdef`);
  assert.equal(await who(), 401);
});

test('RBAC objects take effect at once, and stop when they go', async () => {
  const token = await tokenOf();
  const list = async (): Promise<number> => (await door.call('GET', '/api/v1/namespaces/default/configmaps', { token })).status;
  assert.equal(await list(), 403);
  await door.client.create(Role, { metadata: { name: 'reader', namespace: 'default' }, rules: [{ verbs: ['list'], apiGroups: [''], resources: ['configmaps'] }] });
  await door.client.create(RoleBinding, { metadata: { name: 'reader', namespace: 'default' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' }, subjects: [{ kind: 'ServiceAccount', name: 'bot', namespace: 'default' }] });
  assert.equal(await list(), 200);
  const review = { spec: { resourceAttributes: { verb: 'list', resource: 'configmaps', namespace: 'default' } } };
  assert.equal((await door.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { token, body: review })).json.status.allowed, true);
  assert.equal((await door.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { token, body: { spec: { resourceAttributes: { verb: 'delete', resource: 'pods' } } } })).json.status.allowed, false);
  const rules = (await door.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', { token, body: { spec: { namespace: 'default' } } })).json.status;
  assert.ok(rules.resourceRules.some((rule: { resources: string[] }) => rule.resources.includes('configmaps')));
  await door.client.delete(RoleBinding, 'reader', { namespace: 'default' });
  assert.equal(await list(), 403);
});

test('who may see one name may list and watch that name', async () => {
  const token = await tokenOf();
  await door.client.create(Role, { metadata: { name: 'one', namespace: 'default' }, rules: [{ verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['configmaps'], resourceNames: ['mine'] }] });
  await door.client.create(RoleBinding, { metadata: { name: 'one', namespace: 'default' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'one' }, subjects: [{ kind: 'ServiceAccount', name: 'bot', namespace: 'default' }] });
  const list = async (query: string): Promise<number> => (await door.call('GET', `/api/v1/namespaces/default/configmaps${query}`, { token })).status;
  assert.deepEqual([await list('?fieldSelector=metadata.name%3Dmine'), await list('?fieldSelector=metadata.name%3Dother'), await list('')], [200, 403, 403]);
  await door.client.delete(RoleBinding, 'one', { namespace: 'default' });
});

test('nobody gives away more than he has', async () => {
  const token = await tokenOf();
  const rules = [{ verbs: ['*'], apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings'] }, { verbs: ['get'], apiGroups: [''], resources: ['pods'] }];
  await door.client.create(Role, { metadata: { name: 'granter', namespace: 'default' }, rules: [{ ...rules[0]!, verbs: ['create', 'update', 'get'] }, rules[1]!] });
  await door.client.create(RoleBinding, { metadata: { name: 'granter', namespace: 'default' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'granter' }, subjects: [{ kind: 'ServiceAccount', name: 'bot', namespace: 'default' }] });
  const create = (plural: string, body: object): ReturnType<OpenDoor['call']> => door.call('POST', `/apis/rbac.authorization.k8s.io/v1/namespaces/default/${plural}`, { token, body });
  assert.equal((await create('roles', { metadata: { name: 'less' }, rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['one'] }] })).status, 201);
  const more = await create('roles', { metadata: { name: 'more' }, rules: [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }] });
  assert.equal(more.status, 403);
  assert.match(more.json.message, /^roles.rbac.authorization.k8s.io "more" is forbidden: user "system:serviceaccount:default:bot" .* is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}$/);
  const subjects = [{ kind: 'User', name: 'ann', apiGroup: 'rbac.authorization.k8s.io' }];
  const roleRef = (name: string, kind = 'Role'): object => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name });
  assert.equal((await create('rolebindings', { metadata: { name: 'less' }, roleRef: roleRef('less'), subjects })).status, 201);
  await door.client.create(ClusterRole, { metadata: { name: 'all' }, rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }] });
  assert.equal((await create('rolebindings', { metadata: { name: 'all' }, roleRef: roleRef('all', 'ClusterRole'), subjects })).status, 403);
  const later = await create('rolebindings', { metadata: { name: 'later' }, roleRef: roleRef('later'), subjects });
  assert.deepEqual([later.status, later.json.message], [404, 'roles.rbac.authorization.k8s.io "later" not found']);
});

test('masters may act as others, others may not', async () => {
  const headers = { 'impersonate-user': 'ann', 'impersonate-group': 'team' };
  const me = await door.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { headers, body: {} });
  assert.deepEqual(me.json.status.userInfo, { username: 'ann', groups: ['team', 'system:authenticated'] });
  assert.equal((await door.call('GET', '/api/v1/pods', { headers })).status, 403);
  const token = await tokenOf();
  const refused = await door.call('GET', '/api/v1/pods', { token, headers: { 'impersonate-user': 'system:admin' } });
  assert.match(refused.json.message, /users "system:admin" is forbidden: User "system:serviceaccount:default:bot" cannot impersonate resource "users"/);
});

test('reviews that ask nothing, or too much, are refused in the words of Kubernetes', async () => {
  const attributes = { verb: 'get', resource: 'pods' };
  const table: [string, object, RegExp][] = [
    ['subjectaccessreviews', { spec: {} }, /^SubjectAccessReview\.authorization\.k8s\.io "" is invalid: \[spec\.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified, spec\.user: Invalid value: "": at least one of user or group must be specified\]/],
    ['subjectaccessreviews', { spec: { user: 'a', resourceAttributes: attributes, nonResourceAttributes: { path: '/' } } }, /spec\.nonResourceAttributes: Invalid value: \{"path":"\/"\}: cannot be specified in combination with resourceAttributes/],
    ['subjectaccessreviews', { metadata: { name: 'a' }, spec: { user: 'a', resourceAttributes: attributes } }, /metadata: Invalid value: \{"name":"a"\}: must be empty/],
    ['selfsubjectaccessreviews', { spec: { resourceAttributes: { ...attributes, fieldSelector: { rawSelector: 'a=b', requirements: [{ key: 'a', operator: 'Exists' }] } } } }, /spec\.resourceAttributes\.fieldSelector\.rawSelector: Invalid value: "a=b": may not specified at the same time as requirements/],
    ['selfsubjectaccessreviews', { spec: { resourceAttributes: { ...attributes, labelSelector: { requirements: [{ key: 'a', operator: 'In' }] } } } }, /labelSelector\.requirements\[0\]\.values: Required value: must be specified when `operator` is 'In' or 'NotIn'/],
    ['namespaces/default/localsubjectaccessreviews', { spec: { user: 'a', resourceAttributes: { ...attributes, namespace: 'other' } } }, /spec\.resourceAttributes\.namespace: Invalid value: "other": must match metadata\.namespace/],
    ['namespaces/default/localsubjectaccessreviews', { spec: { user: 'a', nonResourceAttributes: { path: '/' } } }, /spec\.nonResourceAttributes: Invalid value: \{"path":"\/"\}: disallowed on this kind of request/],
  ];
  for (const [path, body, message] of table) {
    const answer = await door.call('POST', `/apis/authorization.k8s.io/v1/${path}`, { body });
    assert.equal(answer.status, 422, answer.text);
    assert.match(answer.json.message, message);
  }
  const rules = await door.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', { body: { spec: {} } });
  assert.deepEqual([rules.status, rules.json.message], [400, 'no namespace on request']);
  assert.equal((await door.call('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { body: { metadata: { creationTimestamp: null }, spec: { groups: ['a'], resourceAttributes: attributes } } })).status, 201);
});

test('reviews take what their types say, and nothing else', async () => {
  const review = (path: string, spec: object): ReturnType<OpenDoor['call']> => door.call('POST', `/apis/${path}`, { body: { spec } });
  const empty = await review('authorization.k8s.io/v1/selfsubjectaccessreviews', { resourceAttributes: null });
  assert.equal(empty.status, 422, empty.text);
  for (const audiences of [{}, 'x', [1]]) {
    const mistyped = await review('authentication.k8s.io/v1/tokenreviews', { token: 'x', audiences });
    assert.equal(mistyped.status, 400, mistyped.text);
    assert.match(mistyped.json.message, /^TokenReview in version "v1" cannot be handled as a TokenReview: .*audiences/);
  }
  assert.equal((await review('authentication.k8s.io/v1/tokenreviews', { token: 'x', audiences: null })).status, 201);
  const misspelt = await door.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews?fieldValidation=Strict', { body: { spec: { namespaces: 'default' } } });
  assert.match(misspelt.json.message, /unknown field "spec.namespaces"/);
});

test('a token is bound to its audience, its pod and its account', async () => {
  assert.equal((await door.call('GET', '/api', { token: await tokenOf({ audiences: ['elsewhere'] }) })).status, 401);
  assert.equal((await door.call('POST', '/api/v1/namespaces/default/serviceaccounts/bot/token', { body: { spec: { expirationSeconds: 5 } } })).status, 422);
  assert.equal((await door.call('POST', '/api/v1/namespaces/default/serviceaccounts/none/token', { body: {} })).status, 404);
  const pod = await door.client.create(Pod, { metadata: { name: 'p', namespace: 'default' }, spec: { containers: [{ name: 'c', image: 'i' }] } });
  const spec = { boundObjectRef: { kind: 'Pod', name: 'p', uid: pod.metadata.uid } };
  const [early, late] = [await tokenOf(spec), await tokenOf(spec)];
  assert.equal((await door.call('GET', '/api', { token: early })).status, 200);
  const review = await door.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: { spec: { token: early } } });
  assert.equal(review.json.status.authenticated, true);
  await door.client.delete(Pod, 'p', { namespace: 'default' });
  assert.equal((await door.call('GET', '/api', { token: late })).status, 401);
});

test('steps of admission judge what is asked of an account', async () => {
  const seen: unknown[] = [];
  const withdraw = door.server.admit({
    name: 'tokens', kinds: [ServiceAccount], operations: ['CREATE'],
    validate({ subresource, body, name }) {
      if (subresource !== 'token') return;
      seen.push([name, body?.kind, body?.apiVersion]);
      if ((body as { spec?: { audiences?: string[] } }).spec?.audiences?.includes('evil') === true) throw new ApiError('Forbidden', 'no such audience');
    },
  }, {} as ModuleContext);
  assert.ok(await tokenOf({ audiences: ['good'] }));
  const refused = await door.call('POST', '/api/v1/namespaces/default/serviceaccounts/bot/token', { body: { spec: { audiences: ['evil'] } } });
  withdraw();
  assert.deepEqual([refused.status, refused.json.message, seen[0]], [403, 'no such audience', ['bot', 'TokenRequest', 'authentication.k8s.io/v1']]);
});

test('a token request that says another account than its path is refused', async () => {
  for (const metadata of [{ name: 'other' }, { namespace: 'other' }]) {
    const { status, json } = await door.call('POST', '/api/v1/namespaces/default/serviceaccounts/bot/token', { body: { metadata, spec: {} } });
    const field = Object.keys(metadata)[0];
    assert.deepEqual([status, json.message], [422, `TokenRequest.authentication.k8s.io "bot" is invalid: metadata.${field}: Invalid value: "other": must match the service account ${field} if specified`]);
  }
});

test('reviews of tokens say for whom a token is', async () => {
  const review = (spec: object): ReturnType<OpenDoor['call']> => door.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: { spec } });
  const token = await tokenOf({ audiences: ['a', 'b'] });
  const found = (await review({ token, audiences: ['b', 'c'] })).json.status;
  assert.deepEqual([found.authenticated, found.audiences, found.user.username], [true, ['b'], 'system:serviceaccount:default:bot']);
  assert.equal((await review({ token })).json.status.authenticated, undefined, 'it is not for this server');
  const empty = await review({});
  assert.deepEqual([empty.status, empty.json.message], [400, 'token is required for TokenReview in authentication']);
});

test('a token of a pod says where the pod is; one of a node ends with it', async () => {
  const node = await door.client.create(Node, { metadata: { name: 'n1' } });
  const pod = await door.client.create(Pod, { metadata: { name: 'placed', namespace: 'default' }, spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] } });
  const extraOf = async (token: string): Promise<Record<string, string[]>> => (await door.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { token, body: {} })).json.status.userInfo.extra;
  const extra = await extraOf(await tokenOf({ boundObjectRef: { kind: 'Pod', name: 'placed', uid: pod.metadata.uid } }));
  assert.deepEqual([extra['authentication.kubernetes.io/pod-name'], extra['authentication.kubernetes.io/node-name'], extra['authentication.kubernetes.io/node-uid']], [['placed'], ['n1'], [node.metadata.uid]]);
  const rules = [{ verbs: ['impersonate:associated-node'], apiGroups: ['authentication.k8s.io'], resources: ['nodes'] }, { verbs: ['impersonate-on:associated-node:create'], apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] }];
  await door.client.create(ClusterRole, { metadata: { name: 'agent' }, rules });
  await door.client.create(ClusterRoleBinding, { metadata: { name: 'agent' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'agent' }, subjects: [{ kind: 'ServiceAccount', name: 'bot', namespace: 'default' }] });
  const token = await tokenOf({ boundObjectRef: { kind: 'Pod', name: 'placed', uid: pod.metadata.uid } });
  const as = (name: string): ReturnType<OpenDoor['call']> => door.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { token, body: {}, headers: { 'impersonate-user': name } });
  assert.deepEqual((await as('system:node:n1')).json.status.userInfo, { username: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] }, 'an agent may be the node that it runs on');
  assert.equal((await as('system:node:n2')).status, 403);
  const ofNode = await tokenOf({ boundObjectRef: { kind: 'Node', name: 'n1', uid: node.metadata.uid } });
  await door.client.delete(Node, 'n1');
  assert.equal((await door.call('GET', '/api', { token: ofNode })).status, 401);
});

test('a token ends at once with its account, however lately it was found good', async () => {
  await door.client.create(ServiceAccount, { metadata: { name: 'brief', namespace: 'default' } });
  const { token } = (await door.call('POST', '/api/v1/namespaces/default/serviceaccounts/brief/token', { body: { spec: {} } })).json.status;
  const status = async (): Promise<number> => (await door.call('GET', '/api/v1', { token })).status;
  assert.equal(await status(), 200);
  await door.client.delete(ServiceAccount, 'brief', { namespace: 'default' });
  assert.equal(await status(), 401);
  await door.client.create(ServiceAccount, { metadata: { name: 'brief', namespace: 'default' } });
  assert.equal(await status(), 401, 'another account of the same name');
});

test('impersonation: accounts, uids, extras, and each part is a right of its own', async () => {
  const who = async (headers: Record<string, string>, token?: string): Promise<unknown> => {
    const { status, json } = await door.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { headers, body: {}, ...(token === undefined ? {} : { token }) });
    return status === 201 ? json.status.userInfo : [status, json.message];
  };
  assert.deepEqual(await who({ 'impersonate-user': 'system:serviceaccount:default:bot' }), { username: 'system:serviceaccount:default:bot', groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'] });
  assert.deepEqual(await who({ 'impersonate-user': 'ann', 'impersonate-uid': 'u1', 'impersonate-extra-example.com%2fteam': 'blue' }), { username: 'ann', uid: 'u1', groups: ['system:authenticated'], extra: { 'example.com/team': ['blue'] } });
  assert.match(String(await who({ 'impersonate-user': 'system:anonymous' })), /403,.*User "system:anonymous" cannot create/, 'who is nobody is not authenticated');
  assert.match(String(await who({ 'impersonate-group': 'x' })), /400,.*without impersonating a user/);
  await door.client.create(ClusterRole, { metadata: { name: 'actor' }, rules: [
    { verbs: ['impersonate'], apiGroups: [''], resources: ['users'], resourceNames: ['ann'] }, { verbs: ['impersonate'], apiGroups: [''], resources: ['groups'], resourceNames: ['team'] },
    { verbs: ['impersonate'], apiGroups: ['authentication.k8s.io'], resources: ['userextras/scopes'], resourceNames: ['view'] },
  ] });
  await door.client.create(ClusterRoleBinding, { metadata: { name: 'actor' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'actor' }, subjects: [{ kind: 'ServiceAccount', name: 'bot', namespace: 'default' }] });
  const token = await tokenOf();
  assert.deepEqual(await who({ 'impersonate-user': 'ann', 'impersonate-group': 'team', 'impersonate-extra-scopes': 'view' }, token), { username: 'ann', groups: ['team', 'system:authenticated'], extra: { scopes: ['view'] } });
  const wrongs: Record<string, string>[] = [{ 'impersonate-group': 'system:masters' }, { 'impersonate-uid': 'u' }, { 'impersonate-extra-scopes': 'admin' }, { 'impersonate-extra-other': 'view' }, { 'impersonate-user': 'eve' }];
  for (const more of wrongs) {
    assert.match(String(await who({ 'impersonate-user': 'ann', ...more }, token)), /^403,.*cannot impersonate/, JSON.stringify(more));
  }
});

test('constrained impersonation: a right on who, and a right on what is done so', async () => {
  const grant = async (name: string, rules: object[]): Promise<void> => {
    await door.client.create(ClusterRole, { metadata: { name }, rules } as ClusterRole);
    await door.client.create(ClusterRoleBinding, { metadata: { name }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name }, subjects: [{ kind: 'ServiceAccount', name: 'deputy', namespace: 'default' }] });
  };
  await door.client.create(ServiceAccount, { metadata: { name: 'deputy', namespace: 'default' } });
  const token = (await door.call('POST', '/api/v1/namespaces/default/serviceaccounts/deputy/token', { body: { spec: {} } })).json.status.token as string;
  const who = async (headers: Record<string, string>): Promise<unknown> => {
    const { status, json } = await door.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { headers, body: {}, token });
    return status === 201 ? json.status.userInfo : [status, json.message];
  };
  assert.match(String(await who({ 'impersonate-user': 'pat' })), /^403,users "pat" is forbidden: .* cannot impersonate resource "users"/);
  const identity = (mode: string, plural: string, ...resourceNames: string[]): object => ({ verbs: [`impersonate:${mode}`], apiGroups: ['authentication.k8s.io'], resources: [plural], resourceNames });
  await grant('deputy-who', [identity('user-info', 'users', 'pat'), identity('user-info', 'groups', 'team'), identity('serviceaccount', 'serviceaccounts', 'bot'), identity('arbitrary-node', 'nodes', 'n1')]);
  assert.match(String(await who({ 'impersonate-user': 'pat' })), /^403,.*cannot impersonate resource "users"/, 'the right on what is done is missing');
  await grant('deputy-does', ['user-info', 'serviceaccount', 'arbitrary-node'].map((mode) => ({ verbs: [`impersonate-on:${mode}:create`], apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] })));
  assert.deepEqual(await who({ 'impersonate-user': 'pat', 'impersonate-group': 'team' }), { username: 'pat', groups: ['team', 'system:authenticated'] });
  assert.deepEqual(await who({ 'impersonate-user': 'system:serviceaccount:default:bot' }), { username: 'system:serviceaccount:default:bot', groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'] });
  assert.deepEqual(await who({ 'impersonate-user': 'system:node:n1' }), { username: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] });
  for (const [headers, why] of [
    [{ 'impersonate-user': 'eve' }, /cannot impersonate:user-info resource "users" in API group "authentication.k8s.io"/], [{ 'impersonate-user': 'system:node:n2' }, /cannot impersonate:arbitrary-node resource "nodes"/],
    [{ 'impersonate-user': 'pat', 'impersonate-group': 'system:masters' }, /impersonating the system:masters group is not allowed/], [{ 'impersonate-user': 'pat', 'impersonate-extra-scopes': 'view' }, /impersonating an invalid key in extra is not allowed/],
    [{ 'impersonate-user': 'system:node:n1', 'impersonate-group': 'team' }, /cannot impersonate resource "users"/], [{ 'impersonate-user': 'system:serviceaccount:default:bot', 'impersonate-uid': 'u' }, /cannot impersonate resource "serviceaccounts"/],
  ] as [Record<string, string>, RegExp][]) assert.match(String(await who(headers)), why, JSON.stringify(headers));
  assert.equal((await door.call('GET', '/api/v1/pods', { token, headers: { 'impersonate-user': 'pat' } })).status, 403, 'only what may be done so');
});

test('only a client certificate of our authority, in its time, says who asks', async () => {
  const folder = join(door.folder, 'pki');
  const authority = { keyPem: readFileSync(join(folder, 'ca.key'), 'utf8'), certificatePem: door.identity.caPem };
  const nowMs = Date.now();
  const ann = { commonName: 'ann', organizations: ['team', 'devs'], usage: 'client', nowMs } as const;
  const statusOf = (pair: { keyPem: string; certificatePem: string }): Promise<[number, { status?: { userInfo?: { username: string; groups: string[] } } }]> => new Promise((settle, fail) => {
    const asking = request({ host: '127.0.0.1', port: door.listener.port, method: 'POST', path: '/apis/authentication.k8s.io/v1/selfsubjectreviews', ca: door.identity.caPem, key: pair.keyPem, cert: pair.certificatePem, agent: false, headers: { 'content-type': 'application/json', 'content-length': 2 } }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.on('end', () => settle([answer.statusCode ?? 0, JSON.parse(text)]));
    });
    asking.on('error', fail);
    asking.end('{}');
  });
  const [code, review] = await statusOf(makeLeaf(authority, ann));
  assert.deepEqual([code, review.status?.userInfo?.username, review.status?.userInfo?.groups], [201, 'ann', ['team', 'devs', 'system:authenticated']]);
  const strangers = [makeLeaf(makeAuthority('llmos', nowMs), ann), makeLeaf(authority, { ...ann, usage: 'server' }), makeLeaf(authority, { ...ann, nowMs: nowMs - 10 * 86_400_000, days: 1 }), door.identity.frontProxy().client];
  for (const [index, pair] of strangers.entries()) assert.equal((await statusOf(pair))[0], 401, `stranger ${index}`);
});

test('who checks our tokens finds the issuer and its keys', async () => {
  const config = await door.call('GET', '/.well-known/openid-configuration');
  assert.deepEqual([config.json.issuer, config.json.id_token_signing_alg_values_supported, config.headers['cache-control']], ['https://kubernetes.default.svc.cluster.local', ['ES256'], 'public, max-age=3600']);
  const keys = await door.call('GET', new URL(config.json.jwks_uri).pathname);
  assert.deepEqual([keys.headers['content-type'], keys.json.keys[0].alg, keys.json.keys[0].d], ['application/jwk-set+json', 'ES256', undefined]);
  assert.equal((await door.call('GET', '/openid/v1/jwks', { token: '' })).status, 401);
});

test('a client in this process may do what its rules say', async () => {
  const client = door.server.client({ name: 'system:module:test', groups: [] }, { rules: [{ verbs: ['list'], apiGroups: [''], resources: ['configmaps'] }] });
  assert.equal((await client.list(ConfigMap)).kind, 'ConfigMapList');
  await assert.rejects(client.get(ConfigMap, 'x', { namespace: 'default' }), { reason: 'Forbidden' });
  await assert.rejects(client.list(Pod), { reason: 'Forbidden' });
});

test('who may change but not create makes nothing by an apply or a PUT', async () => {
  const rules = [{ apiGroups: ['', 'coordination.k8s.io'], resources: ['configmaps', 'limitranges', 'leases'], verbs: ['get', 'update', 'patch'] }];
  await door.client.create(Role, { metadata: { name: 'changer', namespace: 'default' }, rules });
  await door.client.create(RoleBinding, { metadata: { name: 'changer', namespace: 'default' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'changer' }, subjects: [{ kind: 'User', name: 'eve' }] });
  const headers = { 'impersonate-user': 'eve' };
  const apply = (more: Record<string, string> = headers): ReturnType<OpenDoor['call']> => door.call('PATCH', '/api/v1/namespaces/default/configmaps/made?fieldManager=eve', { body: { apiVersion: 'v1', kind: 'ConfigMap', data: { a: 'b' } }, headers: { 'content-type': 'application/apply-patch+yaml', ...more } });
  const refused = await apply();
  assert.deepEqual([refused.status, refused.json.message], [403, 'configmaps "made" is forbidden: User "eve" cannot create resource "configmaps" in API group "" in the namespace "default"']);
  const [lease, range] = ['/apis/coordination.k8s.io/v1/namespaces/default/leases/made', '/api/v1/namespaces/default/limitranges/made'];
  for (const path of [lease, range]) {
    assert.equal((await door.call('PUT', path, { body: { metadata: { name: 'made' } }, headers })).status, 403, path);
    assert.equal((await door.call('GET', path)).status, 404, path);
    const made = await door.call('PUT', path, { body: { metadata: { name: 'made' } } });
    assert.equal(made.status, 201, 'one who may create does so, and is told');
    const { resourceVersion } = made.json.metadata;
    assert.equal((await door.call('PUT', path, { body: { metadata: { name: 'made', labels: { by: 'eve' }, resourceVersion } }, headers })).status, 200, path);
  }
  assert.equal((await apply({})).status, 201);
  assert.equal((await apply()).status, 200);
  const eve = door.server.client({ name: 'eve', groups: ['system:authenticated'] });
  await assert.rejects(eve.apply(ConfigMap, { metadata: { name: 'other', namespace: 'default' } } as ConfigMap), (error) => error instanceof ApiError && error.reason === 'Forbidden' && / cannot create /.test(error.message));
});

test('to enter a pod takes the right to create there, by a GET too; to go through a proxy the right of its method', async () => {
  const inside = (subresource: string): (() => void) => door.server.route({ kind: Pod, subresource, methods: ['GET', 'POST'], handle: async ({ response }) => void response!.end('inside') });
  const withdraw = ['exec', 'attach', 'portforward', 'proxy', 'log'].map(inside);
  await door.client.create(Pod, { metadata: { name: 'room', namespace: 'default' }, spec: { containers: [{ name: 'c', image: 'i' }] } });
  const resources = ['pods/exec', 'pods/attach', 'pods/portforward', 'pods/proxy', 'pods/log'];
  for (const [name, verbs] of [['looker', ['get']], ['maker', ['create']], ['both', ['get', 'create']]] as const) {
    await door.client.create(Role, { metadata: { name, namespace: 'default' }, rules: [{ apiGroups: [''], resources, verbs: [...verbs] }] });
    await door.client.create(RoleBinding, { metadata: { name, namespace: 'default' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name }, subjects: [{ kind: 'User', name }] });
  }
  const status = async (user: string, method: string, subresource: string): Promise<number> => (await door.call(method, `/api/v1/namespaces/default/pods/room/${subresource}`, { headers: { 'impersonate-user': user } })).status;
  const table = async (subresource: string): Promise<number[]> => Promise.all(['looker', 'maker', 'both'].flatMap((user) => ['GET', 'POST'].map((method) => status(user, method, subresource))));
  for (const subresource of ['exec', 'attach', 'portforward']) assert.deepEqual(await table(subresource), [403, 403, 403, 200, 200, 200], subresource);
  for (const subresource of ['proxy', 'log']) assert.deepEqual(await table(subresource), [200, 403, 403, 200, 200, 200], subresource);
  const refused = await door.call('GET', '/api/v1/namespaces/default/pods/room/exec', { headers: { 'impersonate-user': 'looker' } });
  assert.equal(refused.json.message, 'pods "room" is forbidden: User "looker" cannot create resource "pods/exec" in API group "" in the namespace "default"');
  for (const each of withdraw) each();
});
