/** What who came in may do: RBAC objects, what nobody may give away, rules of clients in this process, subresources. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ApiError } from '../../api/errors.ts';
import { ClusterRole, ConfigMap, Pod, Role, RoleBinding } from '../../api/kinds.ts';
import { openDoorWithBot, tokenOfBot } from './testing/bot.ts';
import type { OpenDoor } from './testing/open-door.ts';

let door: OpenDoor;
before(async () => {
  door = await openDoorWithBot();
});
after(() => door.close());

test('a service account may look around and ask about itself, and no more', async () => {
  const token = await tokenOfBot(door);
  assert.equal((await door.call('GET', '/api/v1', { token })).status, 200);
  const me = await door.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { token, body: { kind: 'SelfSubjectReview', apiVersion: 'authentication.k8s.io/v1' } });
  assert.equal(me.json.status.userInfo.username, 'system:serviceaccount:default:bot');
  const refused = await door.call('GET', '/api/v1/namespaces/default/pods', { token });
  assert.equal(refused.status, 403);
  assert.equal(refused.json.message, 'pods is forbidden: User "system:serviceaccount:default:bot" cannot list resource "pods" in API group "" in the namespace "default"');
  assert.equal((await door.call('GET', '/api/v1/nodes/n', { token })).json.message, 'nodes "n" is forbidden: User "system:serviceaccount:default:bot" cannot get resource "nodes" in API group "" at the cluster scope');
  assert.equal((await door.call('GET', '/metrics', { token })).json.message, 'forbidden: User "system:serviceaccount:default:bot" cannot get path "/metrics"');
});

test('RBAC objects take effect at once, and stop when they go', async () => {
  const token = await tokenOfBot(door);
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
  const token = await tokenOfBot(door);
  await door.client.create(Role, { metadata: { name: 'one', namespace: 'default' }, rules: [{ verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['configmaps'], resourceNames: ['mine'] }] });
  await door.client.create(RoleBinding, { metadata: { name: 'one', namespace: 'default' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'one' }, subjects: [{ kind: 'ServiceAccount', name: 'bot', namespace: 'default' }] });
  const list = async (query: string): Promise<number> => (await door.call('GET', `/api/v1/namespaces/default/configmaps${query}`, { token })).status;
  assert.deepEqual([await list('?fieldSelector=metadata.name%3Dmine'), await list('?fieldSelector=metadata.name%3Dother'), await list('')], [200, 403, 403]);
  await door.client.delete(RoleBinding, 'one', { namespace: 'default' });
});

test('nobody gives away more than he has', async () => {
  const token = await tokenOfBot(door);
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
