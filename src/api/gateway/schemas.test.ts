import { test } from 'node:test';
import assert from 'node:assert/strict';
import { evaluateRules, ruleErrorsOf } from '../cel/index.ts';
import type { Kind } from '../kind.ts';
import type { Condition, KubeObject } from '../meta.ts';
import type { Schema } from '../schema/schema.ts';
import { applyDefaults } from '../schema/default.ts';
import { validateSchema } from '../schema/validate.ts';
import { BackendTLSPolicy, Gateway, GATEWAY_KINDS, GatewayClass, GRPCRoute, HTTPRoute, ListenerSet, TLSRoute } from './kinds.ts';

type Spec = Record<string, unknown>;
const schemaOf = ({ schema }: Kind): Schema => (schema as () => Schema)();

/** What is wrong with a new object of this spec, after the defaults. */
function wrong(kind: Kind, spec: Spec): string[] {
  const schema = schemaOf(kind);
  const object = { apiVersion: `${kind.group}/${kind.version}`, kind: kind.kind, metadata: { name: 'x', namespace: 'default' }, spec: JSON.parse(JSON.stringify(spec)) as Spec };
  applyDefaults(schema, object);
  return [...validateSchema(schema, object), ...evaluateRules(schema, object, undefined)].map(({ field, message }) => `${field}: ${message}`);
}

const asKind = (kind: unknown): Kind => kind as Kind;
const versionOf = (kind: string, version: string): Kind => GATEWAY_KINDS.find((each) => each.kind === kind && each.version === version)!;
const times = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));

test('the rules of every kind and version are such as a definition may have', () => {
  for (const kind of GATEWAY_KINDS) assert.deepEqual(ruleErrorsOf(schemaOf(kind), '').map(({ field, message }) => `${kind.kind} ${kind.version} ${field} ${message}`), []);
});

const listeners = [{ name: 'http', port: 80, protocol: 'HTTP' }];
const gateway = (more: Spec): Spec => ({ gatewayClassName: 'llmos', listeners, ...more });
const to = (filters?: object[]): Spec => ({ name: 'web', port: 80, ...(filters === undefined ? {} : { filters }) });
const http = (rule: Spec): Spec => ({ rules: [{ backendRefs: [to()], ...rule }] });
const path = (value: string, type = 'PathPrefix'): Spec => ({ path: { type, value } });
const cors = (more: Spec): Spec => http({ filters: [{ type: 'CORS', cors: more }] });
const rewrite = (type = 'ReplacePrefixMatch', field = 'replacePrefixMatch'): Spec => ({ type: 'URLRewrite', urlRewrite: { path: { type, [field]: '/x' } } });
const grpc = (...matches: number[]): Spec => ({ rules: matches.map((count) => ({ matches: times(count, (at) => ({ method: { method: `M${at}` } })) })) });
const tls = (hostnames: string[] | undefined, rules = 1): Spec => ({ ...(hostnames === undefined ? {} : { hostnames }), rules: times(rules, () => ({ backendRefs: [{ name: 'web', port: 443 }] })) });
const policy = (more: Spec, ...targetRefs: Spec[]): Spec => ({ targetRefs: (targetRefs.length > 0 ? targetRefs : [{}]).map((each) => ({ group: '', kind: 'Service', name: 'web', ...each })), validation: { hostname: 'web.example.com', wellKnownCACertificates: 'System', ...more } });

const CASES: [Kind, string, Spec, RegExp | undefined][] = ([
  [Gateway, 'addresses of both sorts', gateway({ addresses: [{ value: '192.0.2.1' }, { value: '192.0.2.2' }, { type: 'Hostname', value: 'a.example.com' }, { type: 'IPAddress' }, { type: 'IPAddress' }] }), undefined],
  [Gateway, 'an address twice', gateway({ addresses: [{ value: '192.0.2.1' }, { type: 'IPAddress', value: '192.0.2.1' }] }), /IPAddress values must be unique/],
  [Gateway, 'a hostname twice', gateway({ addresses: times(2, () => ({ type: 'Hostname', value: 'a.b' })) }), /Hostname values must be unique/],
  [Gateway, 'a hostname that is none', gateway({ addresses: [{ type: 'Hostname', value: 'A_b' }] }), /Hostname value must be empty or contain only valid characters/],
  [Gateway, 'a hostname that is left to be found', gateway({ addresses: [{ type: 'Hostname' }] }), undefined],
  [Gateway, 'labels and annotations', gateway({ infrastructure: { labels: { a: 'b', 'example.com/a': 'b' }, annotations: { 'example.com/a': 'b c' } } }), undefined],
  [Gateway, 'a label whose key is none', gateway({ infrastructure: { labels: { '_a': 'b' } } }), /Label keys must be in the form/],
  [Gateway, 'an annotation whose key is none', gateway({ infrastructure: { annotations: { 'a b': 'c' } } }), /Annotation keys must be in the form/],
  [Gateway, 'a prefix that is too long', gateway({ infrastructure: { labels: { [`${'a'.repeat(253)}/b`]: 'c' } } }), /prefix must be a DNS subdomain not longer than 253/],
  [HTTPRoute, '128 matches', { rules: times(2, () => ({ matches: times(64, (at) => path(`/${at}`)) })) }, undefined],
  [HTTPRoute, '129 matches', { rules: times(3, (at) => ({ matches: times(at < 2 ? 64 : 1, (one) => path(`/${one}`)) })) }, /total number of matches/],
  [HTTPRoute, 'rules of different names, or none', { rules: [{ name: 'a' }, { name: 'b' }, {}, {}] }, undefined],
  [HTTPRoute, 'two rules of a name', { rules: [{ name: 'a' }, { name: 'a' }] }, /Rule name must be unique/],
  [HTTPRoute, 'a path with all that may be in one', http({ matches: [path("/a-B_0.~!$&'()*+,;=:@%c3")] }), undefined],
  [HTTPRoute, 'a path with a space', http({ matches: [path('/a b')] }), /must only contain valid characters/],
  [HTTPRoute, 'a path with half an octet', http({ matches: [path('/a%c')] }), /must only contain valid characters/],
  [HTTPRoute, 'an expression with a space', http({ matches: [path('/a b', 'RegularExpression')] }), undefined],
  [HTTPRoute, 'a prefix replaced for one backend', http({ matches: [path('/a')], backendRefs: [to([rewrite()])] }), undefined],
  [HTTPRoute, 'one of two prefixes replaced for a backend', http({ matches: [path('/a'), path('/b')], backendRefs: [to([rewrite()])] }), /Within backendRefs, when using URLRewrite/],
  [HTTPRoute, 'a whole path replaced for a backend', http({ matches: [path('/a', 'Exact'), path('/b')], backendRefs: [to([rewrite('ReplaceFullPath', 'replaceFullPath')])] }), undefined],
  [HTTPRoute, 'an exact path whose prefix is replaced', http({ matches: [path('/a', 'Exact')], filters: [rewrite()] }), /When using URLRewrite filter with path.replacePrefixMatch/],
  [HTTPRoute, 'every origin', cors({ allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'] }), undefined],
  [HTTPRoute, 'every origin and one', cors({ allowOrigins: ['*', 'https://a.b'] }), /AllowOrigins cannot contain '\*'/],
  [HTTPRoute, 'every method and one', cors({ allowMethods: ['*', 'GET'] }), /AllowMethods cannot contain '\*'/],
  [HTTPRoute, 'every header and one', cors({ allowHeaders: ['*', 'x-one'] }), /AllowHeaders cannot contain '\*'/],
  [HTTPRoute, 'a retry', http({ retry: { codes: [500, 503], attempts: 1 } }), undefined],
  [HTTPRoute, 'a status twice', http({ retry: { codes: [500, 500] } }), /spec\.rules\[0\]\.retry\.codes\[1\]: Duplicate value/],
  [HTTPRoute, 'no retries', http({ retry: { attempts: 0 } }), /spec\.rules\[0\]\.retry\.attempts: .*greater than or equal to 1/],
  [GRPCRoute, '128 matches', grpc(64, 64), undefined],
  [GRPCRoute, '129 matches', grpc(64, 64, 1), /total number of matches/],
  [GRPCRoute, 'no matches', { rules: [{}] }, undefined],
  [GRPCRoute, 'two rules of a name', { rules: [{ name: 'a' }, { name: 'a' }] }, /Rule name must be unique/],
  [TLSRoute, '1,024 names', tls(times(1_024, (at) => `${at === 0 ? '*.' : ''}h${at}.example.com`)), undefined],
  [TLSRoute, 'an address', tls(['192.0.2.1']), /Hostnames cannot contain an IP/],
  [TLSRoute, 'a wildcard within', tls(['a.*.b']), /should match/],
  [TLSRoute, 'no name', tls(undefined), /spec\.hostnames: Required value/],
  [TLSRoute, 'two rules', tls(['a.b'], 2), /spec\.rules: Too many/],
  [versionOf('TLSRoute', 'v1alpha2'), 'no name, and two rules', tls(undefined, 2), undefined],
  [BackendTLSPolicy, '16 authorities', policy({ wellKnownCACertificates: undefined, caCertificateRefs: times(16, (at) => ({ group: '', kind: 'ConfigMap', name: `ca-${at}` })) }), undefined],
  [BackendTLSPolicy, 'names of both sorts', policy({ subjectAltNames: [{ type: 'Hostname', hostname: 'a.b' }, { type: 'URI', uri: 'spiffe://a/b' }] }), undefined],
  [BackendTLSPolicy, 'a name without itself', policy({ subjectAltNames: [{ type: 'Hostname' }] }), /must contain Hostname, if Type is set to Hostname/],
  [BackendTLSPolicy, 'a name of the other sort', policy({ subjectAltNames: [{ type: 'URI', uri: 'spiffe://a/b', hostname: 'a.b' }] }), /must not contain Hostname, if Type is not set to Hostname/],
  [BackendTLSPolicy, 'a URI without a scheme', policy({ subjectAltNames: [{ type: 'URI', uri: 'a/b' }] }), /uri: .*should match/],
  [BackendTLSPolicy, 'two ports of a Service', policy({}, { sectionName: 'a' }, { sectionName: 'b' }), undefined],
  [BackendTLSPolicy, 'a Service twice', policy({}, {}, {}), /sectionName must be unique/],
  [BackendTLSPolicy, 'a port of a Service and all of it', policy({}, {}, { sectionName: 'a' }), /sectionName must be specified/],
] as [unknown, string, Spec, RegExp | undefined][]).map(([kind, ...rest]) => [asKind(kind), ...rest]);

for (const [kind, name, spec, expected] of CASES) {
  test(`${kind.kind}: ${name}`, () => {
    const found = wrong(kind, spec);
    if (expected === undefined) assert.deepEqual(found, []);
    else assert.match(found.join('\n'), expected);
  });
}

test('what nobody has judged yet says so', () => {
  for (const [kind, spec, types] of [[GatewayClass, { controllerName: 'example.com/other' }, ['Accepted']], [Gateway, gateway({}), ['Accepted', 'Programmed']], [ListenerSet, { parentRef: { name: 'g' }, listeners }, ['Accepted', 'Programmed']]] as const) {
    const of = (object: KubeObject): unknown => (object as { status?: { conditions: Condition[] } }).status?.conditions.map(({ type, status, reason }) => [type, status, reason]);
    const expected = types.map((type) => [type, 'Unknown', 'Pending']);
    const defaulted = { metadata: { name: 'x' }, spec: structuredClone(spec) } as KubeObject;
    applyDefaults(schemaOf(asKind(kind)), defaulted);
    const created = { metadata: { name: 'x' }, spec, status: { conditions: [{ type: 'Accepted', status: 'True', reason: 'Accepted' }] } } as unknown as KubeObject;
    asKind(kind).rules.prepareForCreate?.(created);
    for (const object of [defaulted, created]) assert.deepEqual(of(object), expected);
  }
});
