/** Tokens of service accounts, as upstream's test/integration/auth/svcaccttoken_test.go has them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Node, Pod, Secret, ServiceAccount } from '../../api/kinds.ts';
import { realClock } from '../../base/clock.ts';
import { createAuthenticator } from './authenticate.ts';
import { openDoor, type Answer, type OpenDoor } from './testing/open-door.ts';

const AUDIENCE = 'https://kubernetes.default.svc.cluster.local';
const namespace = 'default';
let door: OpenDoor;
before(async () => {
  door = await openDoor();
  for (const name of ['bot', 'other']) await door.client.create(ServiceAccount, { metadata: { name, namespace } });
});
after(() => door.close());

const ask = (body: object): Promise<Answer> => door.call('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/bot/token`, { body });
const review = async (token: string): Promise<{ authenticated?: boolean; user: { extra: Record<string, string[]> } }> =>
  (await door.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: { spec: { token } } })).json.status;
const podOf = (name: string, more: object = {}): Promise<Pod> => door.client.create(Pod, { metadata: { name, namespace }, spec: { serviceAccountName: 'bot', containers: [{ name: 'c', image: 'i' }], ...more } });
// What a token says differs with every test.
// oxlint-disable-next-line typescript/no-explicit-any
const claimsOf = (token: string): any => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());

test('service account UID validation', async () => {
  const { uid } = (await door.client.get(ServiceAccount, 'bot', { namespace })).metadata;
  for (const metadata of [{ uid }, { uid: '' }, {}]) assert.equal((await ask({ metadata, spec: {} })).json.metadata.uid, uid);
  const refused = await ask({ metadata: { uid: 'wrong' }, spec: {} });
  assert.deepEqual([refused.status, refused.json.reason, refused.json.message], [409, 'Conflict', `Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "bot": the UID in the token request (wrong) does not match the UID of the service account (${uid})`]);
});

test('bound to service account and pod', async () => {
  const { uid } = (await podOf('bound')).metadata;
  const refused = await ask({ spec: { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'bound', uid: 'wrong' } } });
  assert.deepEqual([refused.status, refused.json.message], [409, 'Operation cannot be fulfilled on Pod "bound": the UID in the bound object reference (wrong) does not match the UID in record. The object might have been deleted and then recreated']);
  const { token } = (await ask({ spec: { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'bound' } } })).json.status;
  const { 'authentication.kubernetes.io/credential-id': _, ...extra } = (await review(token)).user.extra;
  assert.deepEqual(extra, { 'authentication.kubernetes.io/pod-name': ['bound'], 'authentication.kubernetes.io/pod-uid': [uid] });
  await door.client.delete(Pod, 'bound', { namespace });
  await podOf('bound');
  assert.equal((await review(token)).authenticated, undefined, 'a pod of the same name is another one');
});

test('bound to service account and a pod with an assigned nodeName, which exists or not', async () => {
  const node = await door.client.create(Node, { metadata: { name: 'there' } });
  for (const [nodeName, uid] of [['there', node.metadata.uid], ['nowhere', undefined]]) {
    await podOf(`on-${nodeName}`, { nodeName });
    const { token } = (await ask({ spec: { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: `on-${nodeName}` } } })).json.status;
    assert.deepEqual(claimsOf(token)['kubernetes.io'].node, { name: nodeName, ...(uid === undefined ? {} : { uid }) });
    const { extra } = (await review(token)).user;
    assert.deepEqual([extra['authentication.kubernetes.io/node-name'], extra['authentication.kubernetes.io/node-uid']], [[nodeName], uid === undefined ? undefined : [uid]]);
  }
});

test('bound to service account and pod running as different service account', async () => {
  await podOf('foreign', { serviceAccountName: 'other' });
  const { status, json } = await ask({ spec: { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'foreign' } } });
  assert.deepEqual([status, json.message], [400, 'cannot bind token for serviceaccount "bot" to pod running with different serviceaccount name.']);
});

test('bound to what no token is bound to', async () => {
  for (const [ref, type] of [[{ kind: 'ConfigMap', apiVersion: 'v1', name: 'a' }, '/v1, Kind=ConfigMap'], [{ kind: 'Pod', apiVersion: 'apps/v1', name: 'a' }, 'apps/v1, Kind=Pod'], [{ name: 'a' }, '/, Kind=']] as const) {
    const { status, json } = await ask({ spec: { boundObjectRef: ref } });
    assert.deepEqual([status, json.message], [400, `cannot bind token to object of type ${type}`]);
  }
});

test('expiration extended token: of a pod, for this server, of the time that the volume of every pod asks for', async () => {
  await podOf('lasting');
  const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'lasting' };
  const made = async (spec: object): Promise<[number, number | undefined, number]> => {
    const { metadata, status } = (await ask({ spec })).json;
    const { iat, exp, 'kubernetes.io': { warnafter } } = claimsOf(status.token);
    return [exp - iat, warnafter === undefined ? undefined : warnafter - iat, (Date.parse(status.expirationTimestamp) - Date.parse(metadata.creationTimestamp)) / 1_000];
  };
  assert.deepEqual(await made({ boundObjectRef, expirationSeconds: 3607 }), [365 * 24 * 3_600, 3_607, 3_607]);
  assert.deepEqual(await made({ boundObjectRef, expirationSeconds: 3607, audiences: [AUDIENCE] }), [365 * 24 * 3_600, 3_607, 3_607]);
  assert.deepEqual(await made({ boundObjectRef, expirationSeconds: 3607, audiences: ['elsewhere', AUDIENCE] }), [3_607, undefined, 3_607], 'not for other audiences');
  assert.deepEqual(await made({ boundObjectRef, expirationSeconds: 3608 }), [3_608, undefined, 3_608]);
  assert.deepEqual(await made({ expirationSeconds: 3607 }), [3_607, undefined, 3_607], 'not without a pod');
});

test('a token ends when what it is bound to should have been gone for a minute', async () => {
  const { tokens } = door.identity;
  const inMs = (ms: number): ReturnType<typeof createAuthenticator> => createAuthenticator({ tokens, store: door.store, clock: { ...realClock, nowMs: () => realClock.nowMs() + ms }, audiences: [AUDIENCE] });
  await door.client.create(Secret, { metadata: { name: 'held', namespace, finalizers: ['example.dev/held'] } });
  const { token } = (await ask({ spec: { boundObjectRef: { kind: 'Secret', apiVersion: 'v1', name: 'held' } } })).json.status;
  assert.ok(inMs(90_000).ofToken(token));
  await door.client.delete(Secret, 'held', { namespace });
  assert.ok(inMs(0).ofToken(token));
  assert.equal(inMs(90_000).ofToken(token), undefined);
});

test('service account with deprecated annotation', async () => {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  const annotations = { 'kubernetes.io/enforce-mountable-secrets': 'true' };
  const made = await door.call('POST', path, { body: { metadata: { name: 'enforcing', annotations } } });
  assert.equal(made.headers['warning'], '299 - "metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"');
  const again = await door.call('PUT', `${path}/enforcing`, { body: { metadata: { name: 'enforcing', annotations: { ...annotations, a: 'b' } } } });
  assert.deepEqual([again.status, again.headers['warning']], [200, undefined]);
});
