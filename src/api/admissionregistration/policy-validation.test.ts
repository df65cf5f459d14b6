import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ValidatingAdmissionPolicy } from '../generated/admissionregistration-v1.ts';
import { paramKindErrors, policyErrors } from './policy-validation.ts';

const RULE = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] };

/** `field: what is wrong` of a policy that would be right without `spec`. */
function wrong(spec: object): string[] {
  const policy = { metadata: { name: 'p' }, spec: { matchConstraints: { resourceRules: [RULE] }, validations: [{ expression: 'true' }], ...spec } } as unknown as ValidatingAdmissionPolicy;
  return policyErrors(policy).map(({ field, message }) => `${field}: ${message}`);
}

test('an expression of several lines needs no message; a message has one line', () => {
  assert.deepEqual(wrong({ validations: [{ expression: 'object.a == 1 &&\nobject.b == 2\n' }] }), []);
  for (const message of ['a\nb', 'a\rb']) assert.deepEqual(wrong({ validations: [{ expression: 'true', message }] }), [`spec.validations[0].message: Invalid value: ${JSON.stringify(message)}: message must not contain line breaks`]);
  assert.deepEqual(wrong({ validations: [{ expression: 'true', message: 'a\n' }] }), []);
});

for (const [apiVersion, kind, fields] of [
  ['v1', 'ConfigMap', []], ['rules.example.com/v1beta1', 'ReplicaLimit', []], ['', '', ['apiVersion', 'kind']], ['a/b/v1', 'Foo', ['apiVersion']], ['_a/v1', 'Foo', ['apiVersion']],
  ['example.com/', 'Foo', ['apiVersion']], ['example.com/1v', 'Foo', ['apiVersion']], ['v1', 'Foo_Bar', ['kind']], ['v1', '1Foo', ['kind']],
] as const) test(`the kind of parameters '${apiVersion}' '${kind}'`, () => {
  assert.deepEqual(paramKindErrors({ apiVersion, kind }, 'at').map(({ field }) => field), fields.map((field) => `at.${field}`));
});

test('expressions are judged by the types of what they name, variables among them', () => {
  const names = [{ name: 'n', expression: 'size(request.name)' }, { name: 'l', expression: '["a"] + [string(variables.n)]' }, { name: 'odd', expression: 'object.a' }];
  const table: [object, string[]][] = [
    [{ variables: names, validations: [{ expression: 'variables.n > 1 && variables.l.all(x, x.startsWith("a")) && variables.odd.anything', messageExpression: 'variables.l[0]' }] }, []],
    [{ variables: names, validations: [{ expression: 'variables.n.startsWith("a")' }] }, ["found no matching overload for 'startsWith' applied to 'int.(string)'"]],
    [{ variables: names, validations: [{ expression: 'variables.other == 1' }] }, ["undefined field 'other'"]],
    [{ variables: [{ name: 'a', expression: 'variables.b' }, { name: 'b', expression: '1 + "a"' }], validations: [{ expression: 'variables.a == variables.b' }] }, ["undefined field 'b'", "found no matching overload for '_+_' applied to '(int, string)'"]],
    [{ variables: names, matchConditions: [{ name: 'c', expression: ' variables.n > 1' }] }, ["<input>:1:1: undeclared reference to 'variables'"]],
    [{ validations: [{ expression: 'variables.a == 1' }] }, ["undeclared reference to 'variables'"]],
    [{ validations: [{ expression: 'object.spec.paused' }] }, ['must evaluate to bool but got dyn']],
    [{ validations: [{ expression: 'true', messageExpression: 'authorizer.path("/").check("get").reason()' }] }, ["undeclared reference to 'authorizer'"]],
    [{ validations: [{ expression: 'params.a == 1' }] }, ["undeclared reference to 'params'"]],
    [{ paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, validations: [{ expression: 'params.a == 1 && namespaceObject.metadata.labels["a"] == "b"' }] }, []],
    [{ validations: [{ expression: 'namespaceObject.metadata.ownerReferences.size() > 0' }] }, ["undefined field 'ownerReferences'"]],
    [{ auditAnnotations: [{ key: 'a', valueExpression: '1' }] }, ['must evaluate to one of [string null_type] but got int']],
    [{ validations: [{ expression: 'true', reason: 'Unauthorized' }] }, ['Unsupported value: "Unauthorized": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"']],
  ];
  for (const [spec, expected] of table) {
    const found = wrong(spec);
    assert.equal(found.length, expected.length, `${JSON.stringify(spec)}: ${found.join()}`);
    for (const [index, text] of expected.entries()) assert.ok(found[index]!.includes(text), `${found[index]}`);
  }
});

test('names of objects that a rule is for are names, and each stands once', () => {
  assert.deepEqual(wrong({ matchConstraints: { resourceRules: [{ ...RULE, resourceNames: ['a', 'b:c', 'a', 'x/y', '..'] }] } }).map((text) => text.split(':')[0]), [2, 3, 4].map((index) => `spec.matchConstraints.resourceRules[0].resourceNames[${index}]`));
});
