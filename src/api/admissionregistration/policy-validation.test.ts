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

test('names of objects that a rule is for are names, and each stands once', () => {
  assert.deepEqual(wrong({ matchConstraints: { resourceRules: [{ ...RULE, resourceNames: ['a', 'b:c', 'a', 'x/y', '..'] }] } }).map((text) => text.split(':')[0]), [2, 3, 4].map((index) => `spec.matchConstraints.resourceRules[0].resourceNames[${index}]`));
});
