/** Who comes in, and as whom: nobody, tokens of accounts and bootstrap tokens, client certificates. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ApiError } from '../../api/errors.ts';
import { ClusterRole, ClusterRoleBinding, Node, Pod, ServiceAccount } from '../../api/kinds.ts';
import type { ModuleContext } from '../../sdk/module.ts';
import { makeAuthority, makeLeaf } from './identity/certificates.ts';
import { openDoorWithBot, tokenOfBot } from './testing/bot.ts';
import type { OpenDoor } from './testing/open-door.ts';

let door: OpenDoor;
before(async () => {
  door = await openDoorWithBot();
});
after(() => door.close());

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

test('a token is bound to its audience, its pod and its account', async () => {
  assert.equal((await door.call('GET', '/api', { token: await tokenOfBot(door, { audiences: ['elsewhere'] }) })).status, 401);
  assert.equal((await door.call('POST', '/api/v1/namespaces/default/serviceaccounts/bot/token', { body: { spec: { expirationSeconds: 5 } } })).status, 422);
  assert.equal((await door.call('POST', '/api/v1/namespaces/default/serviceaccounts/none/token', { body: {} })).status, 404);
  const pod = await door.client.create(Pod, { metadata: { name: 'p', namespace: 'default' }, spec: { serviceAccountName: 'bot', containers: [{ name: 'c', image: 'i' }] } });
  const spec = { boundObjectRef: { kind: 'Pod', name: 'p', uid: pod.metadata.uid } };
  const [early, late] = [await tokenOfBot(door, spec), await tokenOfBot(door, spec)];
  assert.equal((await door.call('GET', '/api', { token: early })).status, 200);
  const review = await door.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: { spec: { token: early } } });
  assert.equal(review.json.status.authenticated, true);
  await door.client.delete(Pod, 'p', { namespace: 'default' });
  assert.equal((await door.call('GET', '/api', { token: late })).status, 401);
});

test('a token that a review found good for another audience is none for this server, whatever is written around it', async () => {
  const token = await tokenOfBot(door, { audiences: ['elsewhere'] });
  const isGood = async (spec: object): Promise<boolean> => (await door.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: { spec } })).json.status.authenticated ?? false;
  assert.equal(await isGood({ token, audiences: ['elsewhere'] }), true);
  for (const text of [`elsewhere ${token}`, JSON.stringify([token, 'elsewhere'])]) {
    assert.equal(await isGood({ token: text }), false, text);
    const protocol = `base64url.bearer.authorization.k8s.io.${Buffer.from(text).toString('base64url')}`;
    assert.equal((await door.call('GET', '/api', { token: '', headers: { 'sec-websocket-protocol': protocol } })).status, 401, text);
  }
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
  assert.ok(await tokenOfBot(door, { audiences: ['good'] }));
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

test('a token of a pod says where the pod is; one of a node ends with it', async () => {
  const node = await door.client.create(Node, { metadata: { name: 'n1' } });
  const pod = await door.client.create(Pod, { metadata: { name: 'placed', namespace: 'default' }, spec: { serviceAccountName: 'bot', nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] } });
  const extraOf = async (token: string): Promise<Record<string, string[]>> => (await door.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { token, body: {} })).json.status.userInfo.extra;
  const extra = await extraOf(await tokenOfBot(door, { boundObjectRef: { kind: 'Pod', name: 'placed', uid: pod.metadata.uid } }));
  assert.deepEqual([extra['authentication.kubernetes.io/pod-name'], extra['authentication.kubernetes.io/node-name'], extra['authentication.kubernetes.io/node-uid']], [['placed'], ['n1'], [node.metadata.uid]]);
  const rules = [{ verbs: ['impersonate:associated-node'], apiGroups: ['authentication.k8s.io'], resources: ['nodes'] }, { verbs: ['impersonate-on:associated-node:create'], apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] }];
  await door.client.create(ClusterRole, { metadata: { name: 'agent' }, rules });
  await door.client.create(ClusterRoleBinding, { metadata: { name: 'agent' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'agent' }, subjects: [{ kind: 'ServiceAccount', name: 'bot', namespace: 'default' }] });
  const token = await tokenOfBot(door, { boundObjectRef: { kind: 'Pod', name: 'placed', uid: pod.metadata.uid } });
  const as = (name: string): ReturnType<OpenDoor['call']> => door.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { token, body: {}, headers: { 'impersonate-user': name } });
  assert.deepEqual((await as('system:node:n1')).json.status.userInfo, { username: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] }, 'an agent may be the node that it runs on');
  assert.equal((await as('system:node:n2')).status, 403);
  const ofNode = await tokenOfBot(door, { boundObjectRef: { kind: 'Node', name: 'n1', uid: node.metadata.uid } });
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
