import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPolicy, DEFAULT_POLICY, evaluator, type AuditRule } from './policy.ts';

const ann = { name: 'ann', groups: ['devs', 'system:authenticated'] };
const pod = (more: object = {}): object => ({ user: ann, verb: 'get', resource: { group: '', plural: 'pods', namespace: 'a', name: 'web', ...more } });
const path = (text: string): object => ({ user: ann, verb: 'get', path: text });

test('the first rule that matches decides', () => {
  const cases: [Partial<AuditRule>, object, boolean][] = [
    [{}, pod(), true],
    [{ users: ['bob'] }, pod(), false],
    [{ users: ['ann'] }, { ...pod(), user: undefined }, false],
    [{ userGroups: ['ops', 'devs'] }, pod(), true],
    [{ verbs: ['list'] }, pod(), false],
    [{ namespaces: ['a'] }, pod(), true],
    [{ namespaces: [''] }, pod({ namespace: undefined }), true],
    [{ namespaces: ['a'] }, path('/a'), false],
    [{ resources: [{ group: 'apps' }] }, pod(), false],
    [{ resources: [{ group: '' }] }, pod({ subresource: 'log' }), true],
    [{ resources: [{ group: '*' }] }, pod({ subresource: 'log' }), true],
    [{ resources: [{ group: '*', resources: ['*/status'] }] }, pod({ group: 'apps', subresource: 'status' }), true],
    [{ resources: [{ group: '*', resources: ['*/status'] }] }, pod({ group: 'apps' }), false],
    [{ resources: [{ resources: ['pods'] }] }, pod({ subresource: 'log' }), false],
    [{ resources: [{ resources: ['pods/log'] }] }, pod({ subresource: 'log' }), true],
    [{ resources: [{ resources: ['pods/*'] }] }, pod({ subresource: 'log' }), true],
    [{ resources: [{ resources: ['*/log'] }] }, pod({ subresource: 'log' }), true],
    [{ resources: [{ resources: ['*/log'] }] }, pod(), false],
    [{ resources: [{ resources: ['*'] }] }, pod({ subresource: 'log' }), true],
    [{ resources: [{ resources: ['pods'], resourceNames: ['db'] }] }, pod(), false],
    [{ nonResourceURLs: ['/healthz*'] }, path('/healthz/ping'), true],
    [{ nonResourceURLs: ['/healthz'] }, path('/healthz/ping'), false],
    [{ nonResourceURLs: ['*'] }, pod(), false],
  ];
  for (const [rule, attributes, matches] of cases) {
    const { level } = evaluator({ rules: [{ level: 'Request', ...rule }] })(attributes as never);
    assert.equal(level === 'Request', matches, JSON.stringify([rule, attributes]));
  }
  const verdict = evaluator({ omitStages: ['RequestReceived'], omitManagedFields: true, rules: [{ level: 'None', users: ['bob'] }, { level: 'Metadata', omitStages: ['Panic'], omitManagedFields: false }, { level: 'Request' }] })(pod() as never);
  assert.deepEqual([verdict.level, [...verdict.omitStages], verdict.omitManagedFields], ['Metadata', ['RequestReceived', 'Panic'], false]);
});

test('by default no body is told', () => {
  const evaluate = evaluator(DEFAULT_POLICY);
  assert.ok(DEFAULT_POLICY.rules.every(({ level }) => level === 'None' || level === 'Metadata'));
  assert.equal(evaluate({ user: ann, verb: 'get', resource: { group: '', plural: 'secrets', namespace: 'a', name: 'b' } }).level, 'Metadata');
  assert.equal(evaluate(path('/healthz') as never).level, 'None');
  assert.equal(evaluate({ user: ann, verb: 'delete', resource: { group: 'coordination.k8s.io', plural: 'leases', namespace: 'a', name: 'b' } }).level, 'Metadata');
});

test('what is wrong with a policy is said', () => {
  const policy = (rule: object): object => ({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [rule] });
  assert.deepEqual(checkPolicy(policy({ level: 'Metadata' })), policy({ level: 'Metadata' }));
  assert.deepEqual(checkPolicy(policy({ level: 'None', resources: [{ group: '*' }] })), policy({ level: 'None', resources: [{ group: '*' }] }));
  for (const [document, why] of [
    [7, /mapping/], [{ apiVersion: 'v1', kind: 'Policy', rules: [] }, /audit\.k8s\.io\/v1/], [{ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [] }, /at least one rule/],
    [policy({ level: 'All' }), /rules\[0\]\.level must be one of None, Metadata/], [policy({ level: 'None', user: ['a'] }), /unknown field rules\[0\]\.user/], [policy({ level: 'None', users: 'a' }), /users must be a list/],
    [policy({ level: 'None', omitStages: ['Later'] }), /allowed stages/], [policy({ level: 'None', nonResourceURLs: ['a'] }), /must begin with a '\/'/], [policy({ level: 'None', nonResourceURLs: ['/a*b'] }), /final character/],
    [policy({ level: 'None', nonResourceURLs: ['/a'], namespaces: ['a'] }), /both regular resources/], [policy({ level: 'None', resources: [{ group: 'apps/v1' }] }), /without a version/],
    [policy({ level: 'None', resources: [{ resourceNames: ['a'] }] }), /at least one resource/],
  ] as const) assert.throws(() => checkPolicy(document), why);
});
