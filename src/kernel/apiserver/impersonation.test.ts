/** Acting as somebody else: by the right to impersonate, and by the constrained one. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ClusterRole, ClusterRoleBinding, ServiceAccount } from '../../api/kinds.ts';
import { openDoorWithBot, tokenOfBot } from './testing/bot.ts';
import type { OpenDoor } from './testing/open-door.ts';

let door: OpenDoor;
before(async () => {
  door = await openDoorWithBot();
});
after(() => door.close());

test('masters may act as others, others may not', async () => {
  const headers = { 'impersonate-user': 'ann', 'impersonate-group': 'team' };
  const me = await door.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { headers, body: {} });
  assert.deepEqual(me.json.status.userInfo, { username: 'ann', groups: ['team', 'system:authenticated'] });
  assert.equal((await door.call('GET', '/api/v1/pods', { headers })).status, 403);
  const token = await tokenOfBot(door);
  const refused = await door.call('GET', '/api/v1/pods', { token, headers: { 'impersonate-user': 'system:admin' } });
  assert.match(refused.json.message, /users "system:admin" is forbidden: User "system:serviceaccount:default:bot" cannot impersonate resource "users"/);
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
  const token = await tokenOfBot(door);
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
