import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../meta.ts';
import { columnsOf } from '../table.ts';
import { IngressClass } from './ingress-class.ts';
import { Ingress } from './ingress.ts';

const metadata = { name: 'web', namespace: 'default' };
const backend = { service: { name: 'web', port: { number: 80 } } };
const rule = (path: object, host?: string): object => ({ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend, ...path }] } });
const errorsOf = (spec: object, annotations?: Record<string, string>): string[] =>
  (Ingress.rules.validate?.({ metadata: { ...metadata, annotations }, spec } as Ingress, undefined) ?? []).map(({ field, message }) => `${field}: ${message}`);

for (const [spec, expected] of [
  [{ rules: [rule({}), rule({}, '*.example.com')], tls: [{ hosts: ['a.b', '*.c.d'], secretName: 's' }] }, []],
  [{ defaultBackend: backend }, []],
  [{}, ['spec: Invalid value: []: either `defaultBackend` or `rules` must be specified']],
  [{ rules: [rule({ pathType: undefined })] }, ['spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified']],
  [{ rules: [rule({ pathType: 'Regex' })] }, ['spec.rules[0].http.paths[0].pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"']],
  [{ rules: [rule({ path: 'a' })] }, ['spec.rules[0].http.paths[0].path: Invalid value: "a": must be an absolute path']],
  [{ rules: [rule({ path: '/a//b/..' })] }, ['spec.rules[0].http.paths[0].path: Invalid value: "/a//b/..": must not contain \'//\'', 'spec.rules[0].http.paths[0].path: Invalid value: "/a//b/..": cannot end with \'/..\'']],
  [{ rules: [rule({ path: '', pathType: 'ImplementationSpecific' })] }, []],
  [{ rules: [rule({ backend: {} })] }, ['spec.rules[0].http.paths[0].backend: Invalid value: "": resource or service backend is required']],
  [{ defaultBackend: { service: { name: 'web' } } }, ['spec.defaultBackend: Required value: port name or number is required']],
] as [object, string[]][]) test(JSON.stringify(spec), () => assert.deepEqual(errorsOf(spec), expected));

test('hosts are names, with a wildcard at the front only', () => {
  assert.match(errorsOf({ rules: [rule({}, '10.0.0.1')] })[0]!, /must be a DNS name, not an IP address/);
  assert.match(errorsOf({ rules: [rule({}, 'a.*.b')] })[0]!, /a wildcard DNS-1123 subdomain must start with/);
});

test('an annotation must not name another class', () => {
  assert.match(errorsOf({ defaultBackend: backend, ingressClassName: 'a' }, { 'kubernetes.io/ingress.class': 'b' })[0]!, /must match `ingressClassName`/);
});

test('what is named by group, kind and name', () => {
  const at = 'spec.defaultBackend.resource';
  assert.deepEqual(errorsOf({ defaultBackend: { resource: { apiGroup: 'a.b', kind: 'Bucket', name: 'x' } } }), []);
  assert.deepEqual(errorsOf({ defaultBackend: { resource: { kind: '', name: '' } } }), [`${at}.kind: Required value: kind is required`, `${at}.name: Required value: name is required`]);
  assert.deepEqual(errorsOf({ defaultBackend: { resource: { kind: 'a/b', name: '..' } } }), [`${at}.kind: Invalid value: "a/b": may not contain '/'`, `${at}.name: Invalid value: "..": may not be '..'`]);
  const of = (parameters: object): string[] => (IngressClass.rules.validate?.({ metadata: { name: 'c' }, spec: { controller: 'acme.io/foo', parameters } } as IngressClass, undefined) ?? []).map(({ field, message }) => `${field}: ${message.slice(0, 24)}`);
  assert.deepEqual(of({ kind: 'K', name: 'n', scope: 'Namespace', namespace: 'a' }), []);
  assert.deepEqual(of({ apiGroup: 'A b', kind: 'K', name: 'n', scope: 'Namespace', namespace: 'a.b' }), ['spec.parameters.apiGroup: Invalid value: "A b": a ', 'spec.parameters.namespace: Invalid value: "a.b": mu']);
  assert.deepEqual(of({ kind: 'K', scope: 'Namespace' }), ['spec.parameters.name: Required value: name is ', 'spec.parameters.namespace: Required value: `paramet']);
});

test('what kubectl shows', () => {
  const ingress = { metadata, spec: { rules: ['a', 'b', 'c', 'd'].map((host) => rule({}, host)), tls: [{}] }, status: { loadBalancer: { ingress: [{ ip: '10.0.0.1' }, { hostname: 'x.y' }] } } } as Ingress;
  const cells = columnsOf(Ingress).slice(0, 5).map((column): Json => column.cell(ingress, 0));
  assert.deepEqual(cells, ['web', '<none>', 'a,b,c + 1 more...', '10.0.0.1,x.y', '80, 443']);
});

test('a class keeps its controller', () => {
  const judge = (controller: string, old?: string): string[] => (IngressClass.rules.validate?.({ metadata: { name: 'c' }, spec: { controller } } as IngressClass,
    old === undefined ? undefined : { metadata: { name: 'c' }, spec: { controller: old } } as IngressClass) ?? []).map(({ message }) => message);
  assert.deepEqual(judge('acme.io/foo'), []);
  assert.deepEqual(judge('acme'), ['Invalid value: "acme": must be a domain-prefixed path (such as "acme.io/foo")']);
  assert.deepEqual(judge('acme.io/foo', 'acme.io/bar'), ['Invalid value: "acme.io/foo": field is immutable']);
});
