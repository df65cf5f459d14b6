import { test } from 'node:test';
import assert from 'node:assert/strict';
import { validateLabelSelector, validateObjectMeta, validateObjectMetaUpdate } from './metadata-validation.ts';
import { dns1123LabelErrors, labelKeyErrors } from './names.ts';
import type { FieldError } from './field-error.ts';

const texts = (errors: FieldError[]): string[] => errors.map((error) => `${error.field}: ${error.message}`);

test('good metadata passes', () => {
  const metadata = { name: 'web.x-1', namespace: 'default', labels: { 'a.b/c': 'D_e' }, annotations: { 'A.b/C': 'any thing' }, finalizers: ['a.b/c'] };
  assert.deepEqual(validateObjectMeta(metadata, { namespaced: true }), []);
  assert.deepEqual(validateObjectMeta({ name: 'a-x', generateName: 'a-' }, { namespaced: false, nameErrors: dns1123LabelErrors }), []);
});

test('bad metadata is told in the words of Kubernetes', () => {
  assert.deepEqual(texts(validateObjectMeta({ name: 'Web', namespace: '' }, { namespaced: true })), [
    "metadata.name: Invalid value: \"Web\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    'metadata.namespace: Required value',
  ]);
  assert.deepEqual(texts(validateObjectMeta({ namespace: 'x' }, { namespaced: false })), ['metadata.name: Required value: name or generateName is required', 'metadata.namespace: Forbidden: not allowed on this type']);
  assert.deepEqual(dns1123LabelErrors('a.b'), ['must not contain dots']);
  assert.match(labelKeyErrors('a/b/c')[0] ?? '', /^a valid label key must consist .* with an optional DNS subdomain prefix and '\/' \(e.g. 'example.com\/MyName'\)$/);
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'a', uid: '1', controller: true };
  assert.match(texts(validateObjectMeta({ name: 'a', ownerReferences: [owner, owner] }, { namespaced: false }))[0] ?? '', /Only one reference can have Controller set to true/);
});

test('what an update may not change', () => {
  const old = { name: 'a', uid: '1', generation: 2, deletionTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '5' };
  assert.deepEqual(texts(validateObjectMetaUpdate({ ...old, uid: '2', generation: 1, resourceVersion: '', finalizers: ['x/y'] }, old)), [
    'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x/y"}',
    'metadata.resourceVersion: Invalid value: "": must be specified for an update',
    'metadata.generation: Invalid value: 1: must not be decremented',
    'metadata.uid: Invalid value: "2": field is immutable',
  ]);
});

test('label selectors in objects', () => {
  assert.deepEqual(texts(validateLabelSelector({ matchExpressions: [{ key: 'a', operator: 'In' }] }, 'spec.selector')), [
    "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
  ]);
});
