import { test } from 'node:test';
import assert from 'node:assert/strict';
import type { CustomResourceDefinition, JSONSchemaProps } from '../generated/apiextensions-v1.ts';
import type { FieldError } from '../field-error.ts';
import { humanDuration } from '../age.ts';
import { compileJsonPath } from '../json-path.ts';
import { checkFields } from '../schema/check-fields.ts';
import { applyDefaults } from '../schema/default.ts';
import { prune } from '../schema/prune.ts';
import { validateSchema } from '../schema/validate.ts';
import { AUTHORITY_ONE, AUTHORITY_TWO } from '../certificates/testing.ts';
import { isCaBundle } from './ca-bundle.ts';
import { schemaOfCustomResource } from './custom-schema.ts';
import { kindsOfDefinition } from './custom-kind.ts';
import { defaultDefinition, validateDefinition } from './definition.ts';

const SCHEMA: JSONSchemaProps = {
  type: 'object', required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      properties: {
        size: { type: 'integer', minimum: 1, default: 3 }, color: { type: 'string', enum: ['red', 'blue'] }, port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }, template: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
      },
    },
    status: { type: 'object', properties: { conditions: { type: 'array', items: { type: 'object', properties: { type: { type: 'string' }, status: { type: 'string' } } } } } },
  },
};

function definition(schema: JSONSchemaProps = SCHEMA): CustomResourceDefinition {
  return {
    metadata: { name: 'shops.example.com' },
    spec: {
      group: 'example.com', scope: 'Namespaced', names: { kind: 'Shop', plural: 'shops', shortNames: ['sh'] } as CustomResourceDefinition['spec']['names'],
      versions: [{
        name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema }, subresources: { status: {} },
        additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }, { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' }, { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
        selectableFields: [{ jsonPath: '.spec.color' }],
      }],
    },
  };
}

function errorsOf(change: (crd: CustomResourceDefinition) => void, old?: CustomResourceDefinition): string[] {
  const crd = definition();
  defaultDefinition(crd);
  change(crd);
  return validateDefinition(crd, old).map((error: FieldError) => `${error.field}: ${error.message}`);
}

test('a definition becomes a kind', () => {
  const crd = definition();
  defaultDefinition(crd);
  assert.deepEqual(validateDefinition(crd), []);
  assert.deepEqual([crd.spec.names.singular, crd.spec.names.listKind, crd.status?.storedVersions], ['shop', 'ShopList', ['v1']]);
  const [kind] = kindsOfDefinition(crd);
  assert.ok(kind);
  const object = { metadata: { name: 'a', creationTimestamp: '2026-01-01T00:00:00Z' }, spec: { color: 'red', size: 4 }, status: { conditions: [{ type: 'Ready', status: 'True' }] } };
  assert.deepEqual(kind.columns.map((column) => column.cell(object, Date.parse('2026-01-01T01:00:00Z'))), ['a', 4, 'True', '60m']);
  assert.equal(kind.selectableFields['spec.color']?.(object), 'red');
  assert.deepEqual(kind.subresources, { status: true });
});

test('a custom resource is decoded, pruned, defaulted and judged by its schema', () => {
  const schema = kindsOfDefinition(definition())[0]?.schema() ?? {};
  const object = { apiVersion: 'example.com/v1', kind: 'Shop', metadata: { name: 'a', lables: {} }, spec: { sise: 1, port: 'http', free: { any: { thing: 1 } }, template: { apiVersion: 'v1', kind: 'X', metadata: { name: 'x' }, more: 1 } }, extra: 1 };
  assert.deepEqual(checkFields(schema, object).unknown, ['metadata.lables', 'spec.sise', 'extra']);
  assert.match(checkFields(schema, { metadata: { name: 1 } }).typeError ?? '', /cannot unmarshal number into Go struct field ObjectMeta.name of type string/);
  const pruned = applyDefaults(schema, prune(schema, object)) as unknown;
  assert.deepEqual(pruned, { apiVersion: 'example.com/v1', kind: 'Shop', metadata: { name: 'a' }, spec: { size: 3, port: 'http', free: { any: { thing: 1 } }, template: { apiVersion: 'v1', kind: 'X', metadata: { name: 'x' }, more: 1 } } });
  assert.deepEqual(validateSchema(schema, pruned), []);
  const texts = validateSchema(schema, { spec: { size: 0, color: 'green', template: {} } }).map((error) => `${error.field}: ${error.message}`);
  assert.deepEqual(texts, [
    'spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1', 'spec.color: Unsupported value: "green": supported values: "red", "blue"',
    'spec.template.apiVersion: Required value', 'spec.template.kind: Required value',
  ]);
});

test('what is wrong with a definition is told in the words of Kubernetes', () => {
  const version = (crd: CustomResourceDefinition): CustomResourceDefinition['spec']['versions'][0] => crd.spec.versions[0] as CustomResourceDefinition['spec']['versions'][0];
  const withSchema = (schema: JSONSchemaProps) => (crd: CustomResourceDefinition): void => void (version(crd).schema = { openAPIV3Schema: schema });
  const table: [(crd: CustomResourceDefinition) => void, string][] = [
    [(crd) => void (crd.metadata.name = 'x'), 'metadata.name: Invalid value: "x": must be spec.names.plural+"."+spec.group'],
    [(crd) => void (crd.spec.scope = 'Any'), 'spec.scope: Unsupported value: "Any": supported values: "Cluster", "Namespaced"'],
    [(crd) => void (version(crd).schema = undefined), 'spec.versions[0].schema.openAPIV3Schema: Required value'],
    [withSchema({ properties: {} }), 'spec.validation.openAPIV3Schema.type: Required value: must not be empty at the root'],
    [withSchema({ type: 'object', properties: { n: { type: 'null' } } }), 'spec.validation.openAPIV3Schema.properties[n].type: Unsupported value: "null": supported values: "array", "boolean", "integer", "number", "object", "string"'],
    [withSchema({ type: 'array', items: { type: 'string' } }), 'spec.validation.openAPIV3Schema.type: Invalid value: "array": only "object" is allowed as the type at the root of the schema if the status subresource is enabled'],
    [withSchema({ type: 'object', properties: { e: { type: 'object', 'x-kubernetes-embedded-resource': true, properties: { metadata: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true } } } } }), 'spec.validation.openAPIV3Schema.properties[e].properties[metadata].x-kubernetes-embedded-resource: Forbidden: must not be used inside of resource meta'],
    [withSchema({ type: 'object', properties: { e: { type: 'object', 'x-kubernetes-embedded-resource': true, properties: { metadata: { type: 'object', properties: { labels: { type: 'object', additionalProperties: { type: 'string', default: 'x' } } } } } } } }), 'spec.validation.openAPIV3Schema.properties[e].properties[metadata].properties[labels].additionalProperties.default: Forbidden: must not be set inside additionalProperties applying to object metadata'],
    [withSchema({ type: 'object', properties: { a: { type: 'object', not: { uniqueItems: true } } } }), 'spec.validation.openAPIV3Schema.properties[a].not.uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic'],
    [withSchema({ type: 'object', properties: { a: { type: 'object', additionalProperties: false, properties: { b: { type: 'string' } } } } }), 'spec.validation.openAPIV3Schema.properties[a].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive'],
    [(crd) => void (crd.spec.conversion = { strategy: '' }), 'spec.conversion.strategy: Required value'],
    [(crd) => void (crd.spec.conversion = { strategy: 'None', webhook: { conversionReviewVersions: ['v1'] } }), 'spec.conversion.conversionReviewVersions: Forbidden: should not be set when strategy is not set to Webhook'],
    [withSchema({ type: 'object', properties: { spec: {} } }), 'spec.validation.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields'],
    [withSchema({ type: 'object', properties: { l: { type: 'array' } } }), 'spec.validation.openAPIV3Schema.properties[l].items: Required value: must be specified'],
    [withSchema({ type: 'object', properties: { l: { type: 'string', pattern: '[' } } }), 'spec.validation.openAPIV3Schema.properties[l].pattern: Invalid value: "[": must be a valid regular expression, but isn\'t: error parsing regexp: ['],
    [withSchema({ type: 'object', properties: { a: { type: 'object', oneOf: [{ type: 'object', required: ['x'] }] } } }), 'spec.validation.openAPIV3Schema.properties[a].oneOf[0].type: Forbidden: must be empty to be structural'],
    [(crd) => {
      delete version(crd).subresources; // else nothing of the kind may stand at the root
      withSchema({ type: 'object', anyOf: [{ properties: { x: { minimum: 1 } } }] })(crd);
    }, 'spec.validation.openAPIV3Schema.properties[x]: Required value: because it is defined in spec.validation.openAPIV3Schema.anyOf[0].properties[x]'],
    [withSchema({ type: 'object', properties: { a: { type: 'integer', default: 'x' } } }), 'spec.validation.openAPIV3Schema.properties[a].default: Invalid value: "string":  in body must be of type integer: "string"'],
    [withSchema({ type: 'object', properties: { a: { type: 'object', properties: { b: { type: 'string' } }, default: { b: 'x', c: 1 } } } }), 'spec.validation.openAPIV3Schema.properties[a].default: Invalid value: {"b":"x","c":1}: must not have unknown fields'],
    [withSchema({ type: 'object', properties: { a: { type: 'integer', default: 5, 'x-kubernetes-validations': [{ rule: 'self < 3', message: 'too many' }] } } }), 'spec.validation.openAPIV3Schema.properties[a].default: Invalid value: 5: too many'],
    [withSchema({ type: 'object', properties: { metadata: { type: 'object', properties: { name: { type: 'string', default: 'x' } } } } }), 'spec.validation.openAPIV3Schema.properties[metadata].properties[name].default: Forbidden: must not be set in top-level metadata'],
    [withSchema({ type: 'object', properties: { kind: { type: 'string', default: 'x' } } }), 'spec.validation.openAPIV3Schema.properties[kind].default: Forbidden: must not be set in top-level kind'],
    [withSchema({ type: 'object', properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } } }), 'spec.validation.openAPIV3Schema.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified'],
  ];
  for (const [change, expected] of table) assert.equal(errorsOf(change)[0], expected);
  assert.match(errorsOf((crd) => void delete (crd.spec as { versions?: unknown }).versions, definition()).join('; '), /must have exactly one version/);
  assert.match(errorsOf((crd) => void (version(crd).storage = false))[0] ?? '', /must have exactly one version marked as storage version$/);
  const old = definition();
  assert.deepEqual(errorsOf((crd) => { crd.spec.group = 'b.io'; crd.metadata.name = 'shops.b.io'; }, old), ['spec.group: Invalid value: "b.io": field is immutable']);
  assert.match(errorsOf((crd) => void delete (crd.spec as { names?: unknown }).names, old).join('; '), /spec.names.plural: Invalid value: "": field is immutable/);
});

test('what a version names must be there, and lists must say how their items are told apart', () => {
  const version = (crd: CustomResourceDefinition): CustomResourceDefinition['spec']['versions'][0] => crd.spec.versions[0]!;
  const listOf = (list: object): JSONSchemaProps => ({ type: 'object', properties: { l: { type: 'array', ...list } } });
  const keyed = (items: object, ...keys: string[]): object => ({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys, items });
  const table: [(crd: CustomResourceDefinition) => void, string[]][] = [
    [(crd) => void (version(crd).additionalPrinterColumns = [{ name: 'a', type: 'string', jsonPath: 'spec' }]), ['spec.additionalPrinterColumns[0].JSONPath: Invalid value: "spec": must be a simple json path starting with .']],
    [(crd) => void (version(crd).selectableFields = [{ jsonPath: '.spec.nope' }]), ['spec.selectableFields[0].jsonPath: Invalid value: ".spec.nope": is an invalid path: does not refer to a valid field']],
    [(crd) => void (version(crd).selectableFields = [{ jsonPath: '.spec.free' }]), ['spec.selectableFields[0].jsonPath: Invalid value: ".spec.free": must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.']],
    [(crd) => void (version(crd).selectableFields = [{ jsonPath: '.spec.color' }, { jsonPath: '.spec.color' }, { jsonPath: '' }]), ['spec.selectableFields[1].jsonPath: Duplicate value: ".spec.color"', 'spec.selectableFields[2].jsonPath: Required value']],
    [(crd) => void (version(crd).subresources = { scale: { specReplicasPath: '.status.x', statusReplicasPath: 'x', labelSelectorPath: '.x' } }), [
      'spec.subresources.scale.specReplicasPath: Invalid value: ".status.x": should be a json path under .spec', 'spec.subresources.scale.statusReplicasPath: Invalid value: "x": must be a simple json path starting with .',
      'spec.subresources.scale.labelSelectorPath: Invalid value: ".x": should be a json path under either .spec or .status',
    ]],
    [(crd) => void (version(crd).deprecationWarning = 'x'), ['spec.versions[0].deprecationWarning: Invalid value: "x": can only be set for deprecated versions']],
    [(crd) => void (crd.spec.preserveUnknownFields = true), ['spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead']],
    [(crd) => void Object.assign(crd, { metadata: { name: 'shops.k8s.io' }, spec: { ...crd.spec, group: 'k8s.io' } }), ['metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111']],
    [(crd) => void Object.assign(crd, { metadata: { name: 'shops.k8s.io', annotations: { 'api-approved.kubernetes.io': 'unapproved, a trial' } }, spec: { ...crd.spec, group: 'k8s.io' } }), []],
  ];
  for (const [change, expected] of table) assert.deepEqual(errorsOf(change), expected);
  const lists: [object, string][] = [
    [keyed({ type: 'string' }, 'k'), 'items.type: Invalid value: "string": must be object if parent array\'s x-kubernetes-list-type is map'],
    [keyed({ type: 'object', properties: {} }, 'k'), 'x-kubernetes-list-map-keys: Invalid value: ["k"]: entries must all be names of item properties'],
    [keyed({ type: 'object', required: ['k'], properties: { k: { type: 'array', items: { type: 'string' } } } }, 'k'), 'items.properties[k].type: Invalid value: "object": must be a scalar type if parent array\'s x-kubernetes-list-type is map'],
    [keyed({ type: 'object', required: ['k'], properties: { k: { type: 'string' } } }, 'k', 'k'), 'x-kubernetes-list-map-keys: Invalid value: ["k","k"]: must not contain duplicate entries'],
    [keyed({ type: 'object', nullable: true, required: ['k'], properties: { k: { type: 'string' } } }, 'k'), 'items.nullable: Forbidden: cannot be nullable when x-kubernetes-list-type is map'],
    [keyed({ type: 'object', required: ['k'], properties: { k: { type: 'string', nullable: true } } }, 'k'), 'items.properties[k].nullable: Forbidden: this property is in x-kubernetes-list-map-keys, so it cannot be nullable'],
    [{ 'x-kubernetes-list-type': 'set', items: { type: 'object', properties: {} } }, 'items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set'],
  ];
  for (const [list, expected] of lists) {
    const change = (crd: CustomResourceDefinition): void => {
      version(crd).schema = { openAPIV3Schema: listOf(list) };
      delete version(crd).selectableFields;
    };
    assert.deepEqual(errorsOf(change), [`spec.validation.openAPIV3Schema.properties[l].${expected}`]);
  }
});

test('conversions that cannot be are refused', () => {
  const table: [CustomResourceDefinition['spec']['conversion'], string | undefined][] = [
    [{ strategy: 'Other' as 'None' }, 'spec.conversion.strategy: Unsupported value: "Other": supported values: "None", "Webhook"'],
    [{ strategy: 'Webhook' }, 'spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook'],
    [{ strategy: 'Webhook', webhook: { clientConfig: { url: 'http://x' }, conversionReviewVersions: ['v1'] } }, "spec.conversion.webhookClientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: https://host[/path]"],
    [{ strategy: 'Webhook', webhook: { clientConfig: { url: 'https://x' }, conversionReviewVersions: ['v9'] } }, 'spec.conversion.conversionReviewVersions: Invalid value: ["v9"]: must include at least one of v1, v1beta1'],
    [{ strategy: 'Webhook', webhook: { clientConfig: { url: 'https://x' }, conversionReviewVersions: ['v1', 'v1'] } }, 'spec.conversion.conversionReviewVersions[1]: Invalid value: "v1": duplicate version'],
    [{ strategy: 'Webhook', webhook: { clientConfig: { service: { namespace: 'a', name: 'b' } }, conversionReviewVersions: ['v1'] } }, undefined],
  ];
  for (const [conversion, expected] of table) assert.equal(errorsOf((crd) => void (crd.spec.conversion = conversion))[0], expected);
});

test('certificates of a conversion are judged once it is established', () => {
  const certificate = Buffer.from(AUTHORITY_ONE).toString('base64');
  const hook = (caBundle: string): CustomResourceDefinition['spec']['conversion'] => ({ strategy: 'Webhook', webhook: { clientConfig: { url: 'https://x', caBundle }, conversionReviewVersions: ['v1'] } });
  const bad = Buffer.from('Cg==').toString('base64');
  const established = (caBundle: string): CustomResourceDefinition => ({ ...definition(), spec: { ...definition().spec, conversion: hook(caBundle) }, status: { storedVersions: ['v1'], acceptedNames: { plural: 'shops', kind: 'Shop' }, conditions: [{ type: 'Established', status: 'True' }] } });
  const refusal = [`spec.conversion.webhookClientConfig.caBundle: Invalid value: ${JSON.stringify(bad)}: unable to load root certificates: unable to parse bytes as PEM block`];
  assert.deepEqual(errorsOf((crd) => void (crd.spec.conversion = hook(bad))), [], 'the condition tells');
  assert.deepEqual(errorsOf((crd) => void (crd.spec.conversion = hook(bad)), established(certificate)), refusal);
  assert.deepEqual(errorsOf((crd) => void (crd.spec.conversion = hook(bad)), established('')), refusal);
  assert.deepEqual(errorsOf((crd) => void (crd.spec.conversion = hook(bad)), established(bad)), [], 'what was bad before may stay');
  assert.deepEqual(errorsOf((crd) => void (crd.spec.conversion = hook(certificate)), established(bad)), []);
  const cut = AUTHORITY_TWO.replace(/\n(?=-----END)/, '').replace(/.{80}-----END/s, '\n-----END');
  assert.equal(isCaBundle(Buffer.from(`# two\n${AUTHORITY_ONE}${AUTHORITY_TWO}`).toString('base64')), true);
  assert.equal(isCaBundle(Buffer.from(AUTHORITY_ONE + cut).toString('base64')), false, 'one that cannot be read spoils all');
});

test('what stands at the root of a schema must not speak of the status', () => {
  const withSchema = (schema: JSONSchemaProps) => (crd: CustomResourceDefinition): void => {
    Object.assign(crd.spec.versions[0]!, { schema: { openAPIV3Schema: schema }, selectableFields: undefined });
  };
  const any: JSONSchemaProps = { type: 'object', properties: { x: { type: 'string' } } };
  const refused = /^spec\.validation\.openAPIV3Schema: Invalid value: .*: only \[Description Type Format .* XPreserveUnknownFields XValidations\] fields are allowed at the root of the schema if the status subresource is enabled$/;
  assert.match(errorsOf(withSchema({ ...any, anyOf: [{ required: ['x'] }] })).join(), refused);
  assert.match(errorsOf(withSchema({ ...any, maxProperties: 3 })).join(), refused);
  assert.deepEqual(errorsOf(withSchema({ ...any, required: ['x'], description: 'd', 'x-kubernetes-validations': [{ rule: 'true' }] })), []);
  assert.deepEqual(errorsOf((crd) => {
    withSchema({ ...any, maxProperties: 3 })(crd);
    delete crd.spec.versions[0]!.subresources;
  }), []);
});

test('JSON paths and ages', () => {
  const object = { a: { 'b.c': [1, 2, 3], d: [{ t: 'x', v: 1 }, { t: 'y', v: 2 }] } };
  const table: [string, unknown[]][] = [['.a.b\\.c[1]', [2]], ["{.a['b.c'][-1]}", [3]], ['.a.d[*].v', [1, 2]], ['.a.d[?(@.t=="y")].v', [2]], [".a.d[?(@.t=='y')].v", [2]], ['.a.d[?(@.v>1)].t', ['y']], ['.x.y', []]];
  for (const [path, expected] of table) assert.deepEqual(compileJsonPath(path)(object), expected, path);
  assert.throws(() => compileJsonPath('.a[?('), /is not understood/);
  const ages: [number, string][] = [[0, '0s'], [119, '119s'], [120, '2m'], [330, '5m30s'], [700, '11m'], [11_400, '3h10m'], [36_000, '10h'], [187_200, '2d4h'], [864_000, '10d'], [66_000_000, '2y33d']];
  for (const [seconds, expected] of ages) assert.equal(humanDuration(seconds * 1000), expected);
});

test('groups of the community need approval; what is unknown cannot be kept for the whole', () => {
  const approved = (annotations?: Record<string, string>) => errorsOf((crd) => {
    crd.metadata = { name: 'shops.x.k8s.io', ...(annotations === undefined ? {} : { annotations }) };
    crd.spec.group = 'x.k8s.io';
  });
  assert.match(approved()[0] ?? '', /^metadata.annotations\[api-approved.kubernetes.io\]: Required value: protected groups must have approval annotation/);
  assert.match(approved({ 'api-approved.kubernetes.io': 'yes' })[0] ?? '', /a reason starting with "unapproved"/);
  for (const word of ['unapproved, experimental', 'https://github.com/kubernetes/enhancements/pull/1']) assert.deepEqual(approved({ 'api-approved.kubernetes.io': word }), []);
  assert.match(errorsOf((crd) => { crd.spec.preserveUnknownFields = true; })[0] ?? '', /^spec.preserveUnknownFields: Invalid value: true: cannot set to true/);
});

test('a bare finalizer is warned of when it is new, a deprecated version always', () => {
  const crd = definition();
  crd.spec.versions[0]!.deprecated = true;
  defaultDefinition(crd);
  const [kind] = kindsOfDefinition(crd);
  const object = { metadata: { name: 'a', finalizers: ['hold', 'x/y', 'orphan'] } };
  assert.deepEqual(kind?.rules.warnings?.(object), ['metadata.finalizers: "hold": prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers']);
  assert.deepEqual(kind?.rules.warnings?.(object, object), []);
  assert.equal(kind?.rules.deprecation, 'example.com/v1 Shop is deprecated');
});

test('what a schema says of names and kinds holds beside what holds for every object', () => {
  const name = { type: 'string', maxLength: 3 } as JSONSchemaProps;
  const meta = { kind: { type: 'string', enum: ['A'] } as unknown as JSONSchemaProps, metadata: { type: 'object', properties: { name } } as JSONSchemaProps };
  const schema = schemaOfCustomResource({ schema: { openAPIV3Schema: { type: 'object', properties: { ...meta, e: { type: 'object', 'x-kubernetes-embedded-resource': true, properties: meta } } } } });
  const object = (kind: string, of: string): object => ({ apiVersion: 'x/v1', kind, metadata: { name: of, labels: { a: 'b' } } });
  assert.deepEqual(validateSchema(schema, { ...object('A', 'abc'), e: object('A', 'abc') }), []);
  assert.deepEqual(validateSchema(schema, { ...object('B', 'abcd'), e: object('B', 'abcd') }).map(({ field, message }) => `${field}: ${message}`), ['', 'e.'].flatMap((at) => [
    `${at}kind: Unsupported value: "B": supported values: "A"`, `${at}metadata.name: Too long: may not be more than 3 bytes`,
  ]));
});

test('an expression that costs more than one may is kept with the schema that it stands in, within what all may cost', () => {
  const ruled = (rule: string, more: object = {}): CustomResourceDefinition => {
    const properties = { ...SCHEMA.properties, spec: { ...SCHEMA.properties!['spec'], properties: { ...SCHEMA.properties!['spec']!.properties, names: { type: 'array', items: { type: 'string' }, 'x-kubernetes-validations': [{ rule }], ...more } } } };
    const crd = definition({ ...SCHEMA, properties } as JSONSchemaProps);
    defaultDefinition(crd);
    return crd;
  };
  const told = (crd: CustomResourceDefinition, old?: CustomResourceDefinition): string[] => validateDefinition(crd, old).map(({ message }) => message.split(' (')[0]!);
  const dear = "self.all(a, a != 'x' && a != 'y')"; // 7 units for each of 1,048,575 names
  assert.deepEqual([told(ruled(dear)), told(ruled(`${dear} && self.all(a, a != 'z')`))], [[], ['Forbidden: estimated rule cost exceeds budget by factor of 1.258290x']]);
  const dearer = `${dear} && self.all(a, a != 'z')`;
  const renamed = ruled(dearer);
  renamed.spec.names.shortNames = ['sp'];
  assert.deepEqual(told(renamed, ruled(dearer)), [], 'the schema is as it was');
  assert.deepEqual(told(ruled(dearer, { description: 'other words' }), ruled(dearer)), ['Forbidden: estimated rule cost exceeds budget by factor of 1.258290x'], 'it is not');
  const dearest = 'self.all(a, self.all(b, a != b))';
  assert.match(told(ruled(dearest), ruled(dearest)).join('; '), /^Forbidden: contributed to .*; Forbidden: x-kubernetes-validations estimated rule cost total .* more than 100x$/);
});
