import { test } from 'node:test';
import assert from 'node:assert/strict';
import { checkFields, strictDecodingError, unknownField } from './check-fields.ts';
import { duplicateField, findDuplicateFields } from './duplicate-fields.ts';
import { schemaOfCustomResource } from '../custom/custom-schema.ts';
import { applyDefaults } from './default.ts';
import { prune } from './prune.ts';
import { schemaOf, schemaOfType } from './facts.ts';
import { fieldOf, resolveSchema } from './schema.ts';

const pod = (spec: object): object => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec });

test('a pod has the shape of Kubernetes', () => {
  const spec = fieldOf(schemaOf('', 'v1', 'Pod'), 'spec');
  assert.ok(spec);
  assert.deepEqual(spec.required, ['containers']);
  const containers = fieldOf(spec, 'containers');
  assert.deepEqual([containers?.xListType, containers?.xListMapKeys, containers?.xPatchStrategy, containers?.xPatchMergeKey], ['map', ['name'], 'merge', 'name']);
  const ports = fieldOf(resolveSchema(containers?.items ?? {}), 'ports');
  assert.deepEqual(ports?.xListMapKeys, ['containerPort', 'protocol']);
  assert.equal(fieldOf(resolveSchema(ports?.items ?? {}), 'protocol')?.default, 'TCP');
  assert.equal(fieldOf(spec, 'nodeSelector')?.xMapType, 'atomic');
  assert.equal(schemaOfType('io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector')?.xMapType, 'atomic');
  assert.equal(fieldOf(spec, 'volumes')?.xPatchStrategy, 'merge,retainKeys');
  assert.ok(fieldOf(resolveSchema(fieldOf(spec, 'volumes')?.items ?? {}), 'configMap'), 'inline structs are flat');
  assert.throws(() => schemaOf('x.io', 'v1', 'Foo'), /know no Foo in x.io\/v1/);
});

test('unknown fields are found where they are', () => {
  const schema = schemaOf('', 'v1', 'Pod');
  const found = checkFields(schema, { ...pod({ containers: [{ name: 'a', imag: 'x' }], foo: 1 }), meta: {} });
  assert.deepEqual(found.unknown, ['spec.containers[0].imag', 'spec.foo', 'meta']);
  assert.equal(strictDecodingError(found.unknown.map(unknownField)), 'strict decoding error: unknown field "spec.containers[0].imag", unknown field "spec.foo", unknown field "meta"');
  assert.deepEqual(checkFields(schema, pod({ containers: [{ name: 'a', resources: { limits: { cpu: 1, memory: '1Gi' } } }], nodeSelector: { any: 'x' } })).unknown, []);
});

test('type errors are told in the words of the Go decoder', () => {
  const deployment = schemaOf('apps', 'v1', 'Deployment');
  const table: [object, string][] = [
    [{ spec: { replicas: '3' } }, 'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32'],
    [{ spec: { replicas: 1.5 } }, 'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32'],
    [{ spec: [] }, 'json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec'],
    [{ metadata: { labels: { a: 1 } } }, 'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string'],
    [{ spec: { template: { spec: { containers: {} } } } }, 'json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container'],
    [{ spec: { template: { spec: { containers: [{ name: true }] } } } }, 'json: cannot unmarshal bool into Go struct field Container.spec.template.spec.containers.name of type string'],
    [{ spec: { template: { spec: { overhead: { cpu: 'x' } } } } }, "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"],
  ];
  for (const [value, expected] of table) assert.equal(checkFields(deployment, value).typeError, expected);
  assert.match(checkFields(schemaOf('', 'v1', 'Secret'), { data: { a: 'ü' } }).typeError ?? '', /illegal base64 data at input byte 0/);
  assert.equal(checkFields(deployment, { spec: { replicas: null, strategy: { rollingUpdate: { maxSurge: '25%' } } } }).typeError, undefined);
});

test('type errors of strategic merge patches are told in the words of the converter', () => {
  const deployment = schemaOf('apps', 'v1', 'Deployment');
  const inPod = (spec: object): object => ({ spec: { template: { spec } } });
  const table: [object, string][] = [
    [{ spec: { replicas: '3' } }, 'unrecognized type: int32'],
    [{ spec: { replicas: 1.5 } }, 'cannot convert float64 to int32'],
    [{ spec: { paused: 'yes' } }, 'unrecognized type: bool'],
    [{ spec: [] }, 'cannot restore struct from: slice'],
    [{ metadata: { labels: 'invalid' } }, 'cannot restore map from string'],
    [{ metadata: { labels: { a: 1 } } }, 'cannot convert int64 to string'],
    [{ metadata: { labels: { a: true } } }, 'unrecognized type: string'],
    [inPod({ containers: {} }), 'cannot restore slice from map'],
    [inPod({ containers: ['a'] }), 'cannot restore struct from: string'],
    [inPod({ restartPolicy: 1 }), 'cannot convert int64 to v1.RestartPolicy'],
    [inPod({ overhead: { cpu: 'x' } }), "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"],
  ];
  for (const [value, expected] of table) assert.equal(checkFields(deployment, value, { isConverted: true }).typeError, expected);
  const secret = (value: unknown): string | undefined => checkFields(schemaOf('', 'v1', 'Secret'), { data: { a: value } }, { isConverted: true }).typeError;
  assert.deepEqual(['ü', 1, 'YQ=='].map(secret), ['error decoding from json: illegal base64 data at input byte 0', 'cannot restore slice from int64', undefined]);
});

test('types of several shapes are followed', () => {
  const crd = schemaOf('apiextensions.k8s.io', 'v1', 'CustomResourceDefinition');
  const version = (schema: object): object => ({ spec: { versions: [{ name: 'v1', schema: { openAPIV3Schema: schema } }] } });
  const at = 'spec.versions[0].schema.openAPIV3Schema.items';
  assert.deepEqual(checkFields(crd, version({ type: 'array', items: { tipe: 'string' } })).unknown, [`${at}.tipe`]);
  assert.deepEqual(checkFields(crd, version({ items: [{ tipe: 'string' }], additionalProperties: true, default: { any: 1 } })).unknown, [`${at}[0].tipe`]);
});

test('pruning a built-in kind drops nulls and unknown fields and makes quantities canonical', () => {
  const value = { metadata: { name: 'a', creationTimestamp: null }, spec: { containers: [{ name: 'a', x: 1, resources: { limits: { cpu: 1, memory: '1024Mi' } } }] }, more: true };
  assert.deepEqual(prune(schemaOf('', 'v1', 'Pod'), value), { metadata: { name: 'a' }, spec: { containers: [{ name: 'a', resources: { limits: { cpu: '1', memory: '1Gi' } } }] } });
});

test('frozen parts are copied where they change, and only there', () => {
  const schema = schemaOf('', 'v1', 'Pod');
  const spec = Object.freeze({ containers: Object.freeze([Object.freeze({ name: 'a', x: 1, ports: Object.freeze([Object.freeze({ containerPort: 80 })]) })]), nodeSelector: Object.freeze({ a: 'b' }) });
  const value: { metadata: object; spec: object } = { metadata: Object.freeze({ name: 'a', creationTimestamp: '2026-01-01T00:00:00Z' }), spec };
  const { metadata } = value;
  applyDefaults(schema, prune(schema, value));
  assert.deepEqual(value.spec, { containers: [{ name: 'a', ports: [{ containerPort: 80, protocol: 'TCP' }], resources: {} }], nodeSelector: { a: 'b' } });
  assert.equal(value.metadata, metadata);
  assert.equal((value.spec as { nodeSelector: object }).nodeSelector, spec.nodeSelector);
  assert.equal(Object.hasOwn(spec.containers[0] ?? {}, 'x'), true);
});

test('nulls in lists and maps are the zero values of Go', () => {
  const value = { metadata: { labels: { a: null } }, spec: { containers: [null, { name: 'a', args: [null], resources: { limits: { cpu: null } } }] } };
  assert.deepEqual(prune(schemaOf('', 'v1', 'Pod'), value as object), { metadata: { labels: { a: '' } }, spec: { containers: [{}, { name: 'a', args: [''], resources: { limits: { cpu: '0' } } }] } });
});

test('what Go leaves out for being empty goes, in metadata of custom resources too', () => {
  const metadata = { name: 'a', labels: {}, annotations: {}, finalizers: [], ownerReferences: [], generateName: '', generation: 0 };
  const container = { name: '', image: '', args: [], env: [{ name: 'A', value: '' }], securityContext: { privileged: false }, resources: {}, stdin: false, livenessProbe: { initialDelaySeconds: 0, httpGet: { port: 0 } } };
  const spec = { containers: [container], nodeSelector: {}, hostNetwork: false, enableServiceLinks: false, terminationGracePeriodSeconds: 0, restartPolicy: '', volumes: [{ name: 'v', emptyDir: {} }] };
  assert.deepEqual(prune(schemaOf('', 'v1', 'Pod'), { metadata, spec, status: {} } as object), {
    metadata: { name: 'a' },
    spec: {
      containers: [{ name: '', env: [{ name: 'A' }], securityContext: { privileged: false }, resources: {}, livenessProbe: { httpGet: { port: 0 } } }],
      enableServiceLinks: false, terminationGracePeriodSeconds: 0, volumes: [{ name: 'v', emptyDir: {} }],
    },
    status: {},
  });
  assert.deepEqual(prune(schemaOf('rbac.authorization.k8s.io', 'v1', 'ClusterRole'), { rules: [] }), { rules: [] });
  const custom = schemaOfCustomResource({ schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { list: { type: 'array', items: { type: 'string' } }, text: { type: 'string' } } } } } } });
  assert.deepEqual(prune(custom, { metadata: { name: 'a', labels: {} }, spec: { list: [], text: '' } } as object), { metadata: { name: 'a' }, spec: { list: [], text: '' } });
});

test('times and bytes become canonical too', () => {
  const lease = { metadata: { creationTimestamp: '2026-01-01T02:00:00.5+02:00' }, spec: { renewTime: '2026-01-01T00:00:00Z' } };
  assert.deepEqual(prune(schemaOf('coordination.k8s.io', 'v1', 'Lease'), lease), { metadata: { creationTimestamp: '2026-01-01T00:00:00Z' }, spec: { renewTime: '2026-01-01T00:00:00.000000Z' } });
  assert.deepEqual(prune(schemaOf('', 'v1', 'Secret'), { data: { a: 'aGVs\nbG8=' } }), { data: { a: 'aGVsbG8=' } });
});

test('marked defaults are filled in, and what Go always writes: structs that are no pointers', () => {
  assert.deepEqual(applyDefaults(schemaOf('', 'v1', 'Pod'), pod({ containers: [{ name: 'a', ports: [{ containerPort: 80 }] }] })), { ...pod({ containers: [{ name: 'a', ports: [{ containerPort: 80, protocol: 'TCP' }], resources: {} }] }), status: {} });
  assert.deepEqual(applyDefaults(schemaOf('batch', 'v1', 'CronJob'), {}), { spec: { jobTemplate: { metadata: {}, spec: { template: { metadata: {}, spec: {} } } } }, status: {} });
  assert.deepEqual(applyDefaults(schemaOf('discovery.k8s.io', 'v1', 'EndpointSlice'), { endpoints: [{ addresses: ['192.0.2.1'] }] }), { endpoints: [{ addresses: ['192.0.2.1'], conditions: {} }] });
});

test('duplicate keys are found in the text', () => {
  const text = '{"spec": {"replicas": 1, "a": [{"b": 1, "c": "}\\"{", "b": 2}], "replicas" : 2}, "x": {}, "spec": [], "e\\u0061": 1, "ea": 2}';
  assert.deepEqual(findDuplicateFields(text), ['spec.a[0].b', 'spec.replicas', 'spec', 'ea']);
  assert.equal(duplicateField('spec.replicas'), 'duplicate field "spec.replicas"');
  assert.deepEqual(findDuplicateFields('  [1, "a", null, true, {"a": {"a": -1.5e3}}]  '), []);
});
