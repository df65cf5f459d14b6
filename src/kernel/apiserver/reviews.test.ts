/** Reviews: of access, of rules, of tokens; what they answer, and what they refuse. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openDoorWithBot, tokenOfBot } from './testing/bot.ts';
import type { OpenDoor } from './testing/open-door.ts';

let door: OpenDoor;
before(async () => {
  door = await openDoorWithBot();
});
after(() => door.close());

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

test('reviews of tokens say for whom a token is', async () => {
  const review = (spec: object): ReturnType<OpenDoor['call']> => door.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: { spec } });
  const token = await tokenOfBot(door, { audiences: ['a', 'b'] });
  const found = (await review({ token, audiences: ['b', 'c'] })).json.status;
  assert.deepEqual([found.authenticated, found.audiences, found.user.username], [true, ['b'], 'system:serviceaccount:default:bot']);
  assert.equal((await review({ token })).json.status.authenticated, undefined, 'it is not for this server');
  const empty = await review({});
  assert.deepEqual([empty.status, empty.json.message], [400, 'token is required for TokenReview in authentication']);
});

test('a local review is of the namespace in its path', async () => {
  const body = { metadata: { namespace: 'other' }, spec: { user: 'dave', resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'default' } } };
  const { status, json } = await door.call('POST', '/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews', { body });
  assert.deepEqual([status, json.message], [400, 'the namespace of the provided object does not match the namespace sent on the request']);
});
