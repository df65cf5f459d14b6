/** What custom resources may hold beyond their schema, as upstream's tables have it (apiextensions-apiserver: registry/customresource, apiserver/schema/objectmeta). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FieldError } from '../field-error.ts';
import type { JSONSchemaProps } from '../generated/apiextensions-v1.ts';
import { schemaOfCustomResource } from './custom-schema.ts';
import { embeddedErrors, hasEmbedded } from './embedded-resources.ts';
import { scaleSpecErrors, scaleStatusErrors } from './scale-values.ts';

const said = (errors: readonly FieldError[]): string[] => errors.map(({ field, message }) => `${field}: ${message}`);
const PATHS = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas', labelSelectorPath: '.status.selector' };

test('replicas are whole numbers that a Scale can say', () => {
  const table: [object, string[]][] = [
    [{}, []],
    [{ spec: { replicas: 0 } }, []],
    [{ spec: { replicas: 2_147_483_647 } }, []],
    [{ spec: { replicas: 2_147_483_648 } }, ['.spec.replicas: Invalid value: 2147483648: should be less than or equal to 2147483647']],
    [{ spec: { replicas: 9_223_372_036_854_775_807n } }, ['.spec.replicas: Invalid value: 9223372036854775807: should be less than or equal to 2147483647']],
    [{ spec: { replicas: -1 } }, ['.spec.replicas: Invalid value: -1: should be a non-negative integer']],
    [{ spec: { replicas: '1' } }, ['.spec.replicas: Invalid value: 0: .spec.replicas accessor error: 1 is of the type string, expected int64']],
    [{ spec: { replicas: 1.5 } }, ['.spec.replicas: Invalid value: 0: .spec.replicas accessor error: 1.5 is of the type float64, expected int64']],
    [{ spec: [] }, ['.spec.replicas: Invalid value: 0: .spec.replicas accessor error: [] is of the type []interface {}, expected map[string]interface{}']],
  ];
  for (const [object, expected] of table) assert.deepEqual(said(scaleSpecErrors(object, PATHS)), expected, JSON.stringify(object, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)));
  assert.deepEqual(said(scaleStatusErrors({ spec: { replicas: -1 }, status: { replicas: -1, selector: 3 } }, PATHS)), [
    '.status.replicas: Invalid value: -1: should be a non-negative integer', '.status.selector: Invalid value: "": .status.selector accessor error: 3 is of the type int64, expected string',
  ]);
  assert.deepEqual(said(scaleSpecErrors({ spec: { 'replicas[0]': -1 } }, { ...PATHS, specReplicasPath: '.spec.replicas[0]' })), ['.spec.replicas[0]: Invalid value: -1: should be a non-negative integer'], 'brackets are part of a name');
});

test('objects within are named and labelled as any', () => {
  const embedded: JSONSchemaProps = { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true };
  const schema = schemaOfCustomResource({ schema: { openAPIV3Schema: { type: 'object', properties: { one: { ...embedded, properties: { inner: embedded } }, list: { type: 'array', items: embedded }, map: { type: 'object', additionalProperties: embedded } } } } });
  const it = { apiVersion: 'foo/v1', kind: 'Foo' };
  const table: [object, string[]][] = [
    [{ one: it, list: [it], map: { a: it } }, []],
    [{ one: { ...it, metadata: { namespace: 'kube-system' } }, list: [{ ...it, metadata: { name: 'foo', generateName: 'f-' } }] }, []],
    [{ one: { ...it, kind: 'foo.bar-com' } }, ['one.kind']],
    [{ one: { ...it, apiVersion: 'a/b/c' } }, ['one.apiVersion']],
    [{ one: { ...it, metadata: { name: '..', namespace: '$$$', labels: { '#': '#' }, annotations: { '#': '#' } } } }, ['one.metadata.name', 'one.metadata.namespace', 'one.metadata.labels', 'one.metadata.labels', 'one.metadata.annotations']],
    [{ one: { ...it, inner: { ...it, kind: '%' } }, list: [it, { ...it, kind: '%' }], map: { foo: { ...it, kind: '%' } } }, ['one.inner.kind', 'list[1].kind', 'map[foo].kind']],
  ];
  for (const [value, fields] of table) assert.deepEqual(embeddedErrors(schema, value).map(({ field }) => field), fields, JSON.stringify(value));
  assert.match(said(embeddedErrors(schema, { one: { ...it, kind: '%' } }))[0]!, /^one\.kind: Invalid value: "%": may have mixed case, but should otherwise match: a DNS-1035 label/);
  assert.equal(hasEmbedded(schema), true);
  assert.equal(hasEmbedded(schemaOfCustomResource({ schema: { openAPIV3Schema: { type: 'object', properties: { a: { type: 'string' } } } } })), false);
});
